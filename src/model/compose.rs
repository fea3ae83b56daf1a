//! What names a compose? Release, date, type and respin, in productmd's grammar.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::BadName;
use super::release::ReleaseId;
use super::words::words;

words! {
    /// What a compose is made for, by productmd's `COMPOSE_TYPES`.
    ComposeType, "compose type" {
        /// For trying things out.
        Test = "test",
        /// For continuous integration.
        Ci = "ci",
        /// Made every night, or at every change, from the production package set.
        Nightly = "nightly",
        /// Meant to be released.
        Production = "production",
        /// A non-production version of a compose.
        Development = "development",
    }
}

impl ComposeType {
    /// Returns what stands between date and respin in a compose id, its dot included.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Test => ".t",
            Self::Ci => ".ci",
            Self::Nightly => ".n",
            Self::Production => "",
            Self::Development => ".d",
        }
    }

    fn from_suffix(text: &str) -> Option<Self> {
        let named = |t: &&Self| t.suffix().strip_prefix('.') == Some(text);
        Self::ALL.iter().find(named).copied()
    }
}

/// The day of a compose, UTC, written `YYYYMMDD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComposeDate(jiff::civil::Date);

impl ComposeDate {
    /// Returns the day, UTC, of a time in seconds after 1970; the nearest one that can be written
    /// where the time is before the year 0 or after 9999.
    pub fn of_seconds(seconds: i64) -> Self {
        let first = jiff::civil::date(0, 1, 1);
        let last = jiff::civil::date(9999, 12, 31);
        match jiff::Timestamp::from_second(seconds) {
            Ok(time) => Self(time.to_zoned(jiff::tz::TimeZone::UTC).date().max(first)),
            Err(_) if seconds < 0 => Self(first),
            Err(_) => Self(last),
        }
    }
}

impl FromStr for ComposeDate {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName::new("compose date", text, "is not a day written YYYYMMDD");
        if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let number = |part: &str| part.parse::<i16>().map_err(|_| bad());
        let (month, day) = (number(&text[4..6])? as i8, number(&text[6..8])? as i8);
        jiff::civil::Date::new(number(&text[..4])?, month, day).map(Self).map_err(|_| bad())
    }
}

impl fmt::Display for ComposeDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}{:02}{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

/// The id of a compose: `Fedora-Rawhide-20261121.n.0`.
///
/// `short-version[-reltype]-YYYYMMDD[.t|.ci|.n|.d].respin`. Ordered by release, then date, type and
/// respin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ComposeId {
    release: ReleaseId,
    date: ComposeDate,
    compose_type: ComposeType,
    respin: u32,
}

impl ComposeId {
    /// Returns the id made of its parts.
    pub fn new(release: ReleaseId, date: ComposeDate, compose_type: ComposeType, respin: u32) -> Self {
        Self { release, date, compose_type, respin }
    }

    /// Returns the release that is composed.
    pub fn release(&self) -> &ReleaseId {
        &self.release
    }

    /// Returns the day.
    pub fn date(&self) -> ComposeDate {
        self.date
    }

    /// Returns the type.
    pub fn compose_type(&self) -> ComposeType {
        self.compose_type
    }

    /// Returns the id without its respin, `Fedora-Rawhide-20261121.n`: what respins are counted in.
    pub fn series(&self) -> String {
        format!("{}-{}{}", self.release, self.date, self.compose_type.suffix())
    }

    /// Returns which compose of its release, day and type this is, from 0.
    pub fn respin(&self) -> u32 {
        self.respin
    }
}

impl FromStr for ComposeId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |why| BadName::new("compose id", text, why);
        let (release, tail) = text.rsplit_once('-').ok_or_else(|| bad("has no dash"))?;
        let parts: Vec<&str> = tail.split('.').collect();
        let (date, compose_type, respin) = match parts[..] {
            [date, respin] => (date, Some(ComposeType::Production), respin),
            [date, suffix, respin] => (date, ComposeType::from_suffix(suffix), respin),
            _ => return Err(bad("does not end in a date, a type and a respin")),
        };
        let compose_type = compose_type.ok_or_else(|| bad("has a type that is not known"))?;
        let respin = plain_number(respin).ok_or_else(|| bad("has a respin that is not a number"))?;
        Ok(Self { release: release.parse()?, date: date.parse()?, compose_type, respin })
    }
}

impl TryFrom<String> for ComposeId {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<ComposeId> for String {
    fn from(id: ComposeId) -> String {
        id.to_string()
    }
}

impl fmt::Display for ComposeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.series(), self.respin)
    }
}

words! {
    /// What a labelled compose is on the way to, by productmd's `LABEL_NAMES`, in its order.
    Milestone, "milestone" {
        /// Early access.
        Ea = "EA",
        /// The end of a development phase.
        DevelPhaseExit = "DevelPhaseExit",
        /// An alpha that stays inside.
        InternalAlpha = "InternalAlpha",
        /// An alpha.
        Alpha = "Alpha",
        /// A snapshot that stays inside.
        InternalSnapshot = "InternalSnapshot",
        /// A beta.
        Beta = "Beta",
        /// A snapshot.
        Snapshot = "Snapshot",
        /// A release candidate.
        Rc = "RC",
        /// An update.
        Update = "Update",
        /// An update for security's sake.
        SecurityFix = "SecurityFix",
    }
}

/// The label of a compose: `Beta-1.2`. Ordered as productmd's `cmp_label` orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label {
    milestone: Milestone,
    major: u32,
    minor: u32,
}

impl Label {
    /// Returns the milestone.
    pub fn milestone(&self) -> Milestone {
        self.milestone
    }

    /// Returns whether a compose of this label is supported, productmd's `final`, by Pungi's rule.
    pub fn is_supported(&self) -> bool {
        matches!(self.milestone, Milestone::Rc | Milestone::Update | Milestone::SecurityFix)
    }
}

impl FromStr for Label {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName::new("label", text, "is not MILESTONE-N.N");
        let (milestone, version) = text.split_once('-').ok_or_else(bad)?;
        let (major, minor) = version.split_once('.').ok_or_else(bad)?;
        let (major, minor) = (plain_number(major).ok_or_else(bad)?, plain_number(minor).ok_or_else(bad)?);
        Ok(Self { milestone: milestone.parse()?, major, minor })
    }
}

impl TryFrom<String> for Label {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.to_string()
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.milestone, self.major, self.minor)
    }
}

/// Reads a number that is written in the one way we write it: no sign, no leading zero.
fn plain_number(text: &str) -> Option<u32> {
    text.parse::<u32>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_ids_round_trip() {
        for (text, compose_type, respin) in [
            ("Fedora-Rawhide-20261121.n.0", ComposeType::Nightly, 0),
            ("Fedora-43-20261121.3", ComposeType::Production, 3),
            ("Fedora-43-updates-testing-20261121.t.12", ComposeType::Test, 12),
            ("My-Own-Product-1.2-20240229.ci.0", ComposeType::Ci, 0),
            ("x-1-eus-20261121.d.0", ComposeType::Development, 0),
        ] {
            let id: ComposeId = text.parse().unwrap();
            assert_eq!((id.compose_type(), id.respin()), (compose_type, respin), "{text}");
            assert_eq!(id.to_string(), text);
            let again = ComposeId::new(id.release().clone(), id.date(), compose_type, respin);
            assert_eq!(again, id);
        }
    }

    #[test]
    fn what_is_no_compose_id_is_refused() {
        for bad in [
            "",
            "Fedora",
            "Fedora-20261121.0",
            "Fedora-43-20261121",
            "Fedora-43-20261121.n",
            "Fedora-43-20261121.x.0",
            "Fedora-43-20261121..0",
            "Fedora-43-20261121.n.00",
            "Fedora-43-20261121.n.+1",
            "Fedora-43-20261121.n.0.1",
            "Fedora-43-20261321.n.0",
            "Fedora-43-20230229.n.0",
            "Fedora-43-2026112١.n.0",
            "../x-43-20261121.n.0",
            "Fedora-43-20261121.n.99999999999",
        ] {
            assert!(bad.parse::<ComposeId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_of_one_day_are_ordered_by_respin_as_numbers() {
        let id = |respin| format!("F-1-20261121.n.{respin}").parse::<ComposeId>().unwrap();
        assert!(id(9) < id(10));
        assert!(id(99) < "F-1-20261122.n.0".parse().unwrap());
    }

    #[test]
    fn a_date_is_the_day_in_utc() {
        assert_eq!(ComposeDate::of_seconds(0).to_string(), "19700101");
        assert_eq!(ComposeDate::of_seconds(86_399).to_string(), "19700101");
        assert_eq!(ComposeDate::of_seconds(86_400).to_string(), "19700102");
        assert_eq!(ComposeDate::of_seconds(-1).to_string(), "19691231");
        assert_eq!(ComposeDate::of_seconds(i64::MIN).to_string(), "00000101");
        assert_eq!(ComposeDate::of_seconds(i64::MAX).to_string(), "99991231");
    }

    #[test]
    fn labels_are_ordered_by_milestone_then_number() {
        let label = |text: &str| text.parse::<Label>().unwrap();
        assert!(label("Alpha-9.9") < label("Beta-1.2"));
        assert!(label("Beta-1.2") < label("Beta-1.10"));
        assert!(label("RC-1.0").is_supported() && !label("Beta-1.0").is_supported());
        assert_eq!(label("SecurityFix-1.0").to_string(), "SecurityFix-1.0");
        for bad in ["RC", "RC-1", "RC-1.", "rc-1.0", "RC-1.0.0", "RC-1.0x", "GA-1.0", "RC-01.0"] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
    }
}
