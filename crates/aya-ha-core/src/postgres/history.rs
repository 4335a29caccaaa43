use aya_db_core::Timeline;

use crate::cluster::Switch;

/// A timeline's history file: the timelines before it, where each ended and why
/// (<https://www.postgresql.org/docs/18/continuous-archiving.html#BACKUP-TIMELINES>). Lines that cannot be
/// read are left out, as PostgreSQL leaves out comments.
pub fn history(file: &str) -> Vec<Switch> {
    let line = |line: &str| {
        let mut fields = line.splitn(3, '\t');
        Some(Switch {
            timeline: Timeline(fields.next()?.trim().parse().ok()?),
            at: fields.next()?.trim().parse().ok()?,
            reason: fields.next().unwrap_or_default().trim().to_owned(),
            time: None,
            new_leader: None,
        })
    };
    file.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_passed_over() {
        let file = "# comment\n\n1\t0/5000000\tno recovery target specified\n2\t0/6000000\tafter LSN 0/1\n";
        let switches = history(file);
        let seen: Vec<_> =
            switches.iter().map(|s| (s.timeline.0, s.at.0, s.reason.as_str())).collect();
        let wanted =
            [(1, 0x500_0000, "no recovery target specified"), (2, 0x600_0000, "after LSN 0/1")];
        assert_eq!(seen, wanted);
    }
}
