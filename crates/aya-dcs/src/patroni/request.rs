//! The request for a switchover or failover: the key `failover`, and what `GET /cluster` shows of it.

use std::time::Duration;

use aya_db_core::observation::SwitchoverRequest;
use aya_db_core::{MemberName, WallTime};
use serde_json::{Map, Value};

use super::value::{Warnings, member_name};

/// Reads the key `failover`: JSON, or in very old clusters `leader:candidate`. A request that names
/// nobody is none; Patroni leaves `{}` behind when it is done.
pub(super) fn of_key(value: &[u8], warnings: &mut Warnings) -> Option<SwitchoverRequest> {
    match serde_json::from_slice(value) {
        Ok(Value::Object(request)) => {
            named(&request, ["leader", "member", "scheduled_at"], "failover", warnings)
        }
        Ok(_) => None,
        Err(_) => {
            let (leader, candidate) = std::str::from_utf8(value).ok()?.split_once(':')?;
            request(member_name(leader), member_name(candidate), None)
        }
    }
}

/// Reads `scheduled_switchover` of the answer to `GET /cluster`. Patroni shows no other request
/// there.
pub(super) fn of_answer(json: &Value, warnings: &mut Warnings) -> Option<SwitchoverRequest> {
    let request = json.get(SCHEDULED)?.as_object()?;
    named(request, ["from", "to", "at"], SCHEDULED, warnings)
        .filter(|request| request.scheduled_at.is_some())
}

/// A time that cannot be read makes no request: nobody knows when to expect it.
fn named(
    fields: &Map<String, Value>,
    [leader, candidate, at]: [&str; 3],
    place: &str,
    warnings: &mut Warnings,
) -> Option<SwitchoverRequest> {
    let text = |field: &str| fields.get(field).and_then(Value::as_str);
    let scheduled_at = match fields.get(at) {
        None | Some(Value::Null) => None,
        Some(time) => {
            let time = time.as_str().and_then(wall_time);
            if time.is_none() {
                warnings.add(place, "a time that cannot be read");
            }
            Some(time?)
        }
    };
    let member = |field| text(field).and_then(member_name);
    request(member(leader), member(candidate), scheduled_at)
}

fn request(
    leader: Option<MemberName>,
    candidate: Option<MemberName>,
    scheduled_at: Option<WallTime>,
) -> Option<SwitchoverRequest> {
    (leader.is_some() || candidate.is_some()).then_some(SwitchoverRequest {
        leader,
        candidate,
        scheduled_at,
    })
}

/// Reads a time with its zone as Patroni writes it, Python's `isoformat`: a subset of RFC 3339.
fn wall_time(text: &str) -> Option<WallTime> {
    let (date, rest) = text.trim().split_once(['T', ' '])?;
    let (time, zone) = match rest.find(['Z', '+', '-']) {
        Some(at) => rest.split_at(at),
        None => return None,
    };
    let date = numbers::<3>(date, '-')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers::<3>(time, ':')?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let local = days_since_1970(date)? * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(local.checked_sub(offset(zone)?)?).ok()?;
    Some(WallTime(Duration::from_secs(seconds) + fraction_of_second(fraction)?))
}

/// How far a zone is ahead of UTC, in seconds.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let [hours, minutes] = numbers::<2>(zone.get(1..)?, ':')?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

fn fraction_of_second(digits: &str) -> Option<Duration> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let nanos = format!("{digits:0<9}");
    plain.then(|| nanos.get(..9)?.parse().ok().map(Duration::from_nanos)).flatten()
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for number in &mut found {
        let part = parts.next()?;
        let plain = (1..=4).contains(&part.len()) && part.bytes().all(|it| it.is_ascii_digit());
        *number = part.parse().ok().filter(|_| plain)?;
    }
    parts.next().is_none().then_some(found)
}

/// The days of the Gregorian calendar, counted in years that begin in March, so that the leap day is
/// the last one of its year.
fn days_since_1970([year, month, day]: [i64; 3]) -> Option<i64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(year * 365 + year / 4 - year / 100 + year / 400 + of_year - DAYS_TO_1970)
}

/// From the first of March of the year 0 to the first of January 1970.
const DAYS_TO_1970: i64 = 719_468;

const SCHEDULED: &str = "scheduled_switchover";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_zone() {
        let millis = |text| wall_time(text).map(|time| time.0.as_millis());
        for (text, expected) in [
            ("1970-01-01T00:00:00+00:00", Some(0)),
            ("2000-02-29T12:00:00Z", Some(951_825_600_000)),
            ("2026-11-26T00:24:06.125000+00:00", Some(1_795_652_646_125)),
            ("2026-11-26T02:24:06+02:00", Some(1_795_652_646_000)),
            ("2026-11-25 19:54:06.5-04:30", Some(1_795_652_646_500)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400_000)),
            ("2026-11-26T00:24:06", None),
            ("2026-13-26T00:24:06Z", None),
            ("2026-11-26T24:00:00Z", None),
            ("2026-11-26T00:24:06.Z", None),
            ("2026-11-26T00:24Z", None),
            ("1969-12-31T00:00:00Z", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("2026-11-26T00:24:06+1:99", None),
            ("2026-11-26T00:24:06é", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }
}
