//! How are a span of time and a size written? `"200ms"`, `"7d"`, `"4MiB"`: a whole number and its unit.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Longest span that is let in: any sum of two fits every type that times are kept in.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A span of time, written as a whole number and one of `ms`, `s`, `m`, `h`, `d`; at most 100 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written as a whole number and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A text that is not a [`Span`] or a [`Size`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not a {what}: {valid}")]
pub struct BadUnit {
    shown: String,
    what: &'static str,
    valid: &'static str,
}

impl BadUnit {
    fn span(text: &str) -> Self {
        let valid = "write a whole number and ms, s, m, h or d, as in \"200ms\" or \"7d\", at most 100 years";
        Self { shown: text.chars().take(40).collect(), what: "duration", valid }
    }

    fn size(text: &str) -> Self {
        let valid = "write a whole number and B, KiB, MiB, GiB or TiB, as in \"4MiB\"";
        Self { shown: text.chars().take(40).collect(), what: "size", valid }
    }
}

/// Splits `200ms` into its number and its unit.
fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit))
}

impl FromStr for Span {
    type Err = BadUnit;
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let refused = || BadUnit::span(text);
        let (number, unit) = split(text).ok_or_else(refused)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(refused()),
        };
        let span = Duration::from_millis(number.checked_mul(millis).ok_or_else(refused)?);
        if span > LONGEST { Err(refused()) } else { Ok(Self(span)) }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        for (unit, length) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
            if millis >= length && millis.is_multiple_of(length) {
                return write!(f, "{}{unit}", millis / length);
            }
        }
        write!(f, "{millis}ms")
    }
}

impl FromStr for Size {
    type Err = BadUnit;
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let refused = || BadUnit::size(text);
        let (number, unit) = split(text).ok_or_else(refused)?;
        let bytes: u64 = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            _ => return Err(refused()),
        };
        number.checked_mul(bytes).map(Self).ok_or_else(refused)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// Reads a [`Span`] into the standard type, for fields where nothing is a length too.
pub(super) fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    Span::deserialize(input).map(|span| span.0)
}

/// Reads a [`Span`] that is longer than nothing.
pub(super) fn positive_duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let span = duration(input)?;
    if span.is_zero() { Err(de::Error::custom("must be longer than 0")) } else { Ok(span) }
}

/// Reads a [`Size`] of at least 1 KiB: for limits under which nothing would pass.
pub(super) fn size_limit<'de, D: Deserializer<'de>>(input: D) -> Result<u64, D::Error> {
    let size = Size::deserialize(input)?.0;
    if size < 1024 { Err(de::Error::custom("must be at least 1KiB")) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_sizes_are_a_number_and_a_unit() {
        for (text, millis) in [("200ms", 200), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("7d", 604_800_000)] {
            let span: Span = text.parse().unwrap();
            assert_eq!(span.0, Duration::from_millis(millis));
            assert_eq!(span.to_string(), text);
        }
        for (text, bytes) in [("0B", 0), ("512B", 512), ("4MiB", 4 << 20), ("1TiB", 1 << 40)] {
            assert_eq!(text.parse(), Ok(Size(bytes)));
        }
        assert_eq!("90s".parse::<Span>().unwrap().to_string(), "90s");
    }

    #[test]
    fn what_is_not_one_says_what_would_be() {
        for bad in ["", "5", "s", "5 s", "-5s", "+5s", "5.5s", "5sec", "5S", "99999999999999999999s", "40000d", "5s "] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?}");
        }
        for bad in ["", "4", "MiB", "4MB", "4M", "-1B", "99999999TiB"] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?}");
        }
        let error = "5 minutes".parse::<Span>().unwrap_err().to_string();
        assert!(
            error.starts_with("\"5 minutes\" is not a duration: write a whole number and ms, s, m, h or d"),
            "{error}"
        );
        assert!("4MB".parse::<Size>().unwrap_err().to_string().contains("KiB, MiB, GiB or TiB"));
    }
}
