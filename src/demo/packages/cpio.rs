//! How are the files of a source package packed? As a cpio archive in the form `newc`.
//!
//! The library's builder packs names as `./NAME`, which RPM finds in binary packages only.

/// A file: its name, what is in it, when it was changed in seconds after 1970.
pub(super) struct Member<'a> {
    pub(super) name: &'a str,
    pub(super) content: &'a [u8],
    pub(super) modified: u32,
}

/// Mode of a plain file that its owner may write and everyone read.
const MODE: u32 = 0o100_644;

/// Returns the archive of the members, in the order given.
pub(super) fn archive(members: &[Member<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (member, inode) in members.iter().zip(1..) {
        put(&mut bytes, inode, MODE, member);
    }
    put(&mut bytes, 0, 0, &Member { name: "TRAILER!!!", content: b"", modified: 0 });
    bytes
}

fn put(bytes: &mut Vec<u8>, inode: u32, mode: u32, member: &Member<'_>) {
    let (links, size) = (1, member.content.len() as u32);
    let name_size = member.name.len() as u32 + 1;
    bytes.extend_from_slice(b"070701");
    // inode, mode, user, group, links, time, size, device (2), device of a special file (2), name, check
    for field in [inode, mode, 0, 0, links, member.modified, size, 0, 0, 0, 0, name_size, 0] {
        bytes.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    bytes.extend_from_slice(member.name.as_bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend_from_slice(member.content);
    pad(bytes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_begin_at_multiples_of_four_and_a_trailer_ends_them() {
        let bytes = archive(&[Member { name: "a.spec", content: b"12345", modified: 0xabc }]);
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(&text[..14], "07070100000001");
        assert_eq!(&text[14..22], "000081a4");
        assert_eq!(&text[46..62], "00000abc00000005", "time, size");
        assert_eq!(&text[110..128], "a.spec\0\0\0\x0012345\0\0\0");
        assert!(text.ends_with("TRAILER!!!\0\0\0\0"));
        assert_eq!(text.len() % 4, 0);
    }
}
