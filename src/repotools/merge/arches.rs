//! Which arches of packages belong to an arch that is asked for? As `mergerepo_c --arch-expand` has it.

use std::collections::BTreeSet;

use crate::model::Arch;

/// What packages of an arch may also be called.
const COMPATIBLE: &[(&str, &[&str])] = &[
    ("i386", &["i486", "i586", "geode", "i686", "athlon"]),
    ("x86_64", &["ia32e", "amd64"]),
    ("ppc64", &["ppc64pseries", "ppc64iseries"]),
    ("sparc64", &["sparc64v", "sparc64v2"]),
    ("sparc", &["sparcv8", "sparcv9", "sparcv9v", "sparcv9v2"]),
    (
        "alpha",
        &[
            "alphaev4",
            "alphaev45",
            "alphaev5",
            "alphaev56",
            "alphapca56",
            "alphaev6",
            "alphaev67",
            "alphaev68",
            "alphaev7",
        ],
    ),
    ("armhfp", &["armv7hl", "armv7hnl"]),
    // createrepo_c has `rmv5tel`, which no package is called.
    ("arm", &["armv5tel", "armv5tejl", "armv6l", "armv7l"]),
    ("sh4", &["sh4a"]),
];

/// The 32-bit arch beside a 64-bit one.
const MULTILIB: &[(&str, &str)] = &[("x86_64", "i386"), ("ppc64", "ppc"), ("s390x", "s390")];

/// Returns the arches of packages that are taken for these; `noarch` is always among them. With `expand`, also
/// those that are compatible, and those of multilib. All are taken, and none returned, for none.
pub(super) fn arches(wanted: &[Arch], expand: bool) -> BTreeSet<Arch> {
    let mut taken = BTreeSet::new();
    for arch in wanted {
        let multilib = MULTILIB.iter().find(|(base, _)| *base == arch.as_str()).map(|(_, other)| *other);
        let bases = [Some(arch.as_str()), multilib.filter(|_| expand)];
        for base in bases.into_iter().flatten() {
            let compatible = COMPATIBLE.iter().find(|(name, _)| *name == base).filter(|_| expand);
            let names =
                [base, "noarch"].into_iter().chain(compatible.iter().flat_map(|(_, names)| names.iter().copied()));
            taken.extend(names.filter_map(|name| name.parse::<Arch>().ok()));
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(wanted: &[&str], expand: bool) -> Vec<String> {
        let wanted: Vec<Arch> = wanted.iter().map(|arch| arch.parse().unwrap()).collect();
        arches(&wanted, expand).iter().map(Arch::to_string).collect()
    }

    #[test]
    fn compatible_arches_multilib_and_noarch_belong_to_an_arch() {
        assert_eq!(
            taken(&["x86_64"], true),
            ["amd64", "athlon", "geode", "i386", "i486", "i586", "i686", "ia32e", "noarch", "x86_64"]
        );
        assert_eq!(taken(&["s390x", "src"], true), ["noarch", "s390", "s390x", "src"]);
        assert_eq!(taken(&["x86_64"], false), ["noarch", "x86_64"]);
        assert!(taken(&[], true).is_empty());
    }
}
