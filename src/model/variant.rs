//! What is a part of a product? A variant: an id, base arches and packages, in a tree of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::name::{BadName, check};
use super::{Arch, Packages, Title};

/// The id of a variant: letters and digits, by productmd's rule; it names a directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariantId(String);

impl VariantId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&VariantId> for Title {
    /// Returns the id as the name for people of a variant that has no other.
    fn from(id: &VariantId) -> Self {
        Self::of_checked(id.0.clone())
    }
}

impl FromStr for VariantId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        check("variant", text, "")?;
        if text == "metadata" {
            return Err(BadName::new("variant", text, "is where a compose has its metadata"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for VariantId {
    type Error = BadName;
    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<VariantId> for String {
    fn from(id: VariantId) -> String {
        id.0
    }
}

impl fmt::Display for VariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A variant of a compose, as a definition has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    id: VariantId,
    name: Title,
    arches: BTreeSet<Arch>,
    packages: Packages,
}

impl Variant {
    /// Returns the variant with the given base arches, of which there is at least one; each is one
    /// that packages are built for, so neither `src` nor `noarch`.
    pub fn new(
        id: VariantId,
        name: Title,
        arches: impl IntoIterator<Item = Arch>,
        packages: Packages,
    ) -> Result<Self, BadName> {
        let arches: BTreeSet<Arch> = arches.into_iter().collect();
        if arches.is_empty() {
            return Err(BadName::new("variant", id.as_str(), "has no arch"));
        }
        // `source` is where the layout has the one tree of sources.
        let not_base = |arch: &&Arch| arch.is_source() || arch.is_noarch() || arch.as_str() == "source";
        if let Some(arch) = arches.iter().find(not_base) {
            return Err(BadName::new("base arch", arch.as_str(), "is not an arch to compose for"));
        }
        Ok(Self { id, name, arches, packages })
    }

    /// Returns the id.
    pub fn id(&self) -> &VariantId {
        &self.id
    }

    /// Returns the name for people.
    pub fn name(&self) -> &Title {
        &self.name
    }

    /// Returns the base arches.
    pub fn arches(&self) -> &BTreeSet<Arch> {
        &self.arches
    }

    /// Returns the packages.
    pub fn packages(&self) -> &Packages {
        &self.packages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_never_takes_the_place_of_the_metadata() {
        assert!("metadata".parse::<VariantId>().is_err());
        assert!("a-b".parse::<VariantId>().is_err());
        assert!("Server".parse::<VariantId>().is_ok());
    }

    #[test]
    fn a_variant_has_arches_to_compose_for() {
        let new = |arches: &[&str]| {
            let arches = arches.iter().map(|a| a.parse().unwrap());
            Variant::new("Base".parse().unwrap(), "Base".parse().unwrap(), arches, Packages::All)
        };
        assert!(new(&["x86_64"]).is_ok());
        for bad in [&[][..], &["src"], &["x86_64", "noarch"], &["source"]] {
            assert!(new(bad).is_err(), "{bad:?}");
        }
    }
}
