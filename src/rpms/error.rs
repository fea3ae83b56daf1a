//! Why is an RPM file refused?

use std::{fmt, io};

use crate::model::BadName;

/// A file that is not taken for an RPM. The path is known to the caller and not repeated here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened or read.
    #[error("the file cannot be read")]
    Io(#[source] io::Error),
    /// A directory, a device, a pipe, or a file that does not begin as RPMs do.
    #[error("the file is not an RPM")]
    NotRpm,
    /// The file ends inside one of its parts.
    #[error("the file ends inside the {0}")]
    Truncated(Part),
    /// Size or modification time of the file are not what they were when it was opened.
    #[error("the file changed while it was read")]
    Changed,
    /// A header as a whole breaks the format.
    #[error("the {part} {why}")]
    BadHeader {
        /// Which header.
        part: Part,
        /// What is wrong, as the end of a sentence.
        why: &'static str,
    },
    /// One tag of a header breaks the format, or is not what this tag has to be.
    #[error("tag {tag} of the {part} {why}")]
    BadTag {
        /// Which header.
        part: Part,
        /// Number of the tag.
        tag: u32,
        /// What is wrong, as the end of a sentence.
        why: &'static str,
    },
    /// More than anybody sensible puts into a package.
    #[error("the {what} exceed the limit of {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much would have passed.
        limit: u64,
    },
    /// A name, version, release or arch that is not let in.
    #[error("the name of the package is refused")]
    Name(#[from] BadName),
    /// A text holds a control character, or one that XML has no way to write.
    #[error("the {field} holds the character U+{character:04X}, which metadata cannot hold")]
    Text {
        /// Which text.
        field: &'static str,
        /// The character.
        character: u32,
    },
    /// The signature is no OpenPGP signature that names its key.
    #[error("tag {tag} of the signature header is no signature: it {why}")]
    BadSignature {
        /// Number of the tag.
        tag: u32,
        /// What is wrong, as the end of a sentence.
        why: &'static str,
    },
    /// The file is not what it says it is.
    #[error("the file does not keep its promise: {0} differs")]
    Broken(Promise),
    /// The file promises nothing that damage could be seen by.
    #[error("the file promises no digest of its {0}")]
    Unpromised(Part),
}

/// A part of an RPM file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first 96 bytes.
    Lead,
    /// The signature header.
    Signature,
    /// The main header.
    Header,
    /// The compressed payload.
    Payload,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lead => "lead",
            Self::Signature => "signature header",
            Self::Header => "main header",
            Self::Payload => "payload",
        })
    }
}

/// What an RPM file says of itself that can be checked without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promise {
    /// SHA-256 of the main header, in the signature header.
    HeaderSha256,
    /// SHA-1 of the main header, in the signature header.
    HeaderSha1,
    /// MD5 of main header and payload, in the signature header.
    Md5,
    /// Size of main header and payload, in the signature header.
    Size,
    /// SHA-256 of the compressed payload, in the main header.
    PayloadSha256,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HeaderSha256 => "SHA-256 of the header",
            Self::HeaderSha1 => "SHA-1 of the header",
            Self::Md5 => "MD5 of header and payload",
            Self::Size => "size of header and payload",
            Self::PayloadSha256 => "SHA-256 of the payload",
        })
    }
}
