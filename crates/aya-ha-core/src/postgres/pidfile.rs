/// What `postmaster.pid` says
/// (<https://www.postgresql.org/docs/18/storage-file-layout.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PidFile {
    /// The postmaster's process.
    pub pid: i32,
    /// When it started, in seconds since 1970.
    pub started: u64,
    /// `starting`, `ready`, `standby`, `stopping`; empty until it says so.
    pub status: String,
}

impl PidFile {
    /// Reads the file. A postmaster writes it piece by piece; what has no process and no time yet is none.
    pub fn parse(file: &str) -> Option<Self> {
        let lines: Vec<_> = file.lines().map(str::trim).collect();
        let pid = lines.first()?.parse().ok().filter(|pid| *pid > 0)?;
        let started = lines.get(2)?.parse().ok()?;
        let status = lines.get(7).copied().unwrap_or_default().to_owned();
        Some(Self { pid, started, status })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_being_written_is_none_yet() {
        let file = "4711\n/data\n1795487027\n5432\n/tmp\n127.0.0.1\n  163874  32\nready   \n";
        let wanted = PidFile { pid: 4711, started: 1_795_487_027, status: "ready".to_owned() };
        assert_eq!(PidFile::parse(file), Some(wanted));
        for part in ["", "4711", "4711\n/data\n", "-1\n/data\n1\n", "x\n/data\n1\n"] {
            assert_eq!(PidFile::parse(part), None, "{part:?}");
        }
    }
}
