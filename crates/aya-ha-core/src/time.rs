//! Times of day as people and Patroni write them.

/// Milliseconds since 1970 of an ISO 8601 time with its zone; `None` of anything else.
pub fn unix_ms(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
