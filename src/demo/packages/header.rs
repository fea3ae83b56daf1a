//! How does an RPM get what the library's builder cannot write? By changing its header afterwards.
//!
//! The builder makes binary packages only, all of the source package `(none)`. Here entries are put
//! in and taken out by tag, and the digests that stand in front of the header made anew.

use std::collections::BTreeMap;

use rpm::{Header, HeaderEntry, IndexData, IndexTag, Package, PackageMetadata, RpmFormat, SignatureHeaderBuilder};
use sha2::Digest;

/// The entries of a package's header, by tag.
pub(super) struct Entries(BTreeMap<u32, IndexData>);

impl Entries {
    /// Returns the entries of a package, without the region that spans them.
    pub(super) fn of(package: &Package) -> Result<Self, rpm::Error> {
        let mut entries: BTreeMap<u32, IndexData> = package.metadata.header.get_all_entries()?.into_iter().collect();
        entries.remove(&IndexTag::RPMTAG_HEADERIMMUTABLE.into());
        Ok(Self(entries))
    }

    /// Sets one entry.
    pub(super) fn set(&mut self, tag: IndexTag, data: IndexData) {
        self.0.insert(tag.into(), data);
    }

    /// Takes entries out.
    pub(super) fn remove(&mut self, tags: &[IndexTag]) {
        for tag in tags {
            self.0.remove(&(*tag).into());
        }
    }

    /// Returns the bytes of the package with these entries for a header, and this payload, which is
    /// not compressed.
    pub(super) fn into_rpm(mut self, like: &Package, payload: Vec<u8>) -> Result<Vec<u8>, rpm::Error> {
        let digest = crate::model::Sha256::from_bytes(sha2::Sha256::digest(&payload).into()).to_string();
        for tag in [IndexTag::RPMTAG_PAYLOADSHA256, IndexTag::RPMTAG_PAYLOADSHA256ALT] {
            self.set(tag, IndexData::StringArray(vec![digest.clone()]));
        }
        let entries = self.0.into_iter().map(|(tag, data)| HeaderEntry::new(tag, data));
        let header = Header::from_entries(entries, IndexTag::RPMTAG_HEADERIMMUTABLE);
        let lead = like.metadata.lead.clone();
        let unsigned = PackageMetadata { lead: lead.clone(), signature: like.metadata.signature.clone(), header };
        let header_bytes = unsigned.header_bytes()?;
        let signature = SignatureHeaderBuilder::new()
            .format(RpmFormat::V4)
            .reserved_space(None)
            .set_content_length((header_bytes.len() + payload.len()) as u64)
            .calculate_digests(&header_bytes)
            .build()?;
        let metadata = PackageMetadata { lead, signature, header: unsigned.header };
        let mut bytes = Vec::new();
        Package { metadata, payload }.write(&mut bytes)?;
        Ok(bytes)
    }
}
