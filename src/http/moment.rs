//! How is a time written in answers? RFC 3339, UTC, to the second: `2026-11-21T00:42:24Z`.

use jiff::Timestamp;

/// Returns a time given in microseconds after 1970; one outside of the years that can be written
/// becomes 1970.
pub(super) fn moment(micros: i64) -> String {
    let time = Timestamp::from_second(micros.div_euclid(1_000_000)).unwrap_or(Timestamp::UNIX_EPOCH);
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_to_the_second_in_utc() {
        assert_eq!(moment(1_795_221_744_999_999), "2026-11-21T00:42:24Z");
        assert_eq!(moment(-1), "1969-12-31T23:59:59Z");
        assert_eq!(moment(i64::MAX), "1970-01-01T00:00:00Z");
    }
}
