//! Which numbers do the tags have that are read? As RPM's `rpmtag.h` gives them.

/// Trailer of the region that a signature header signs.
pub(super) const HEADER_SIGNATURES: u32 = 62;
/// Trailer of the region that a main header signs.
pub(super) const HEADER_IMMUTABLE: u32 = 63;

/// Tags of the signature header.
pub(super) mod sig {
    pub const DSA: u32 = 267;
    pub const RSA: u32 = 268;
    pub const SHA1: u32 = 269;
    pub const LONG_SIZE: u32 = 270;
    pub const LONG_ARCHIVE_SIZE: u32 = 271;
    pub const SHA256: u32 = 273;
    pub const OPENPGP: u32 = 278;
    pub const SIZE: u32 = 1000;
    pub const PGP: u32 = 1002;
    pub const MD5: u32 = 1004;
    pub const GPG: u32 = 1005;
    pub const PAYLOAD_SIZE: u32 = 1007;
}

pub(super) const LONG_ARCHIVE_SIZE: u32 = 271;
pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const SUMMARY: u32 = 1004;
pub(super) const DESCRIPTION: u32 = 1005;
pub(super) const BUILD_TIME: u32 = 1006;
pub(super) const BUILD_HOST: u32 = 1007;
pub(super) const SIZE: u32 = 1009;
pub(super) const VENDOR: u32 = 1011;
pub(super) const LICENSE: u32 = 1014;
pub(super) const PACKAGER: u32 = 1015;
pub(super) const GROUP: u32 = 1016;
pub(super) const URL: u32 = 1020;
pub(super) const ARCH: u32 = 1022;
pub(super) const OLD_FILE_NAMES: u32 = 1027;
pub(super) const FILE_MODES: u32 = 1030;
pub(super) const FILE_DIGESTS: u32 = 1035;
pub(super) const FILE_FLAGS: u32 = 1037;
pub(super) const SOURCE_RPM: u32 = 1044;
pub(super) const ARCHIVE_SIZE: u32 = 1046;
pub(super) const EXCLUDE_ARCH: u32 = 1059;
pub(super) const EXCLUSIVE_ARCH: u32 = 1061;
pub(super) const CHANGELOG_TIME: u32 = 1080;
pub(super) const CHANGELOG_NAME: u32 = 1081;
pub(super) const CHANGELOG_TEXT: u32 = 1082;
pub(super) const SOURCE_PACKAGE: u32 = 1106;
pub(super) const DIR_INDEXES: u32 = 1116;
pub(super) const BASE_NAMES: u32 = 1117;
pub(super) const DIR_NAMES: u32 = 1118;
pub(super) const LONG_SIZE: u32 = 5009;
pub(super) const FILE_DIGEST_ALGO: u32 = 5011;
pub(super) const PAYLOAD_DIGEST: u32 = 5092;
pub(super) const PAYLOAD_DIGEST_ALGO: u32 = 5093;

/// The three parallel arrays of one kind of dependency.
pub(super) struct DependencyTags {
    pub name: u32,
    pub flags: u32,
    pub version: u32,
}

const fn dependency(name: u32, flags: u32, version: u32) -> DependencyTags {
    DependencyTags { name, flags, version }
}

pub(super) const PROVIDES: DependencyTags = dependency(1047, 1112, 1113);
pub(super) const REQUIRES: DependencyTags = dependency(1049, 1048, 1050);
pub(super) const CONFLICTS: DependencyTags = dependency(1054, 1053, 1055);
pub(super) const OBSOLETES: DependencyTags = dependency(1090, 1114, 1115);
pub(super) const RECOMMENDS: DependencyTags = dependency(5046, 5048, 5047);
pub(super) const SUGGESTS: DependencyTags = dependency(5049, 5051, 5050);
pub(super) const SUPPLEMENTS: DependencyTags = dependency(5052, 5054, 5053);
pub(super) const ENHANCES: DependencyTags = dependency(5055, 5057, 5056);
pub(super) const OLD_SUGGESTS: DependencyTags = dependency(1156, 1158, 1157);
pub(super) const OLD_ENHANCES: DependencyTags = dependency(1159, 1161, 1160);
