//! Why did the hub not answer? And is it worth asking again?

use std::time::Duration;

use super::xmlrpc;

/// Koji's `ServerOffline`: also while its database is away, and in outages that were planned.
const OFFLINE: i64 = 1014;

/// How much of what the hub says of a fault is kept: unforeseen ones come with a whole traceback.
const TEXT: usize = 500;

/// A hub was not asked, or gave no answer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connections can be made at all.
    #[error("no HTTP client can be made")]
    Client(#[source] reqwest::Error),
    /// The hub says that it cannot or will not.
    #[error("{method}: the hub says: {text} (fault {code})")]
    Fault {
        /// What was asked.
        method: &'static str,
        /// Koji's number of it. A tag that is missing and a method that is not known are both 1000.
        code: i64,
        /// What it says.
        text: String,
    },
    /// The server in front of the hub, or its own, answers with another status than 200.
    #[error("{method}: the server answers with status {status}")]
    Status {
        /// What was asked.
        method: &'static str,
        /// The status.
        status: u16,
        /// How long the server wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// The connection cannot be made, broke, or was silent for too long.
    #[error("{method}: the request failed")]
    Network {
        /// What was asked.
        method: &'static str,
        /// How it failed.
        #[source]
        source: reqwest::Error,
    },
    /// What came is compressed in a way that was not offered.
    #[error("{method}: the answer is coded as {coding:?}")]
    Coding {
        /// What was asked.
        method: &'static str,
        /// The name of the coding.
        coding: String,
    },
    /// What came is no whole answer: cut short, a page for people, not XML-RPC.
    #[error("{method}: the answer cannot be read")]
    Broken {
        /// What was asked.
        method: &'static str,
        /// What is wrong with it.
        #[source]
        source: xmlrpc::Error,
    },
    /// An answer without something that decides, or with something else in its place.
    #[error("{method}: {field} of the answer is {found}")]
    Shape {
        /// What was asked.
        method: &'static str,
        /// Which part of the answer.
        field: String,
        /// What is there.
        found: String,
    },
    /// An answer beyond a limit.
    #[error("{method}: the answer has more than {limit} {what}")]
    TooLarge {
        /// What was asked.
        method: &'static str,
        /// Of what it has too many.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The rows cannot be taken by whom they are for.
    #[error("{method}: a row cannot be taken")]
    Sink {
        /// What was asked.
        method: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns the error that reading an answer ended with.
    pub(super) fn of_answer(method: &'static str, error: xmlrpc::Error) -> Self {
        match error {
            xmlrpc::Error::Fault { code, text } => Self::fault(method, code, &text),
            xmlrpc::Error::TooMuch { what, limit } => Self::TooLarge { method, what, limit },
            source => Self::Broken { method, source },
        }
    }

    pub(super) fn fault(method: &'static str, code: i64, text: &str) -> Self {
        Self::Fault { method, code, text: text.trim_end().chars().take(TEXT).collect() }
    }

    /// Returns whether the same call may well succeed later, with nothing else changed.
    ///
    /// That is so of connections, of what servers in front of a hub answer while it is away or overrun, and of one
    /// fault, 1014. Fault 1006 is not among them: it speaks of a login that is locked, and nobody logs in here.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Network { source, .. } => !source.is_builder() && !source.is_redirect(),
            Self::Status { status, .. } => matches!(status, 429 | 502..=504),
            Self::Fault { code, .. } => *code == OFFLINE,
            _ => false,
        }
    }

    /// Returns how long the server asked to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let fault = |code| Error::fault("getTag", code, "no\n");
        let status = |status| Error::Status { method: "getTag", status, retry_after: None };
        for error in [fault(1014), status(429), status(502), status(503), status(504)] {
            assert!(error.is_transient(), "{error}");
        }
        for error in [fault(1), fault(1000), fault(1004), fault(1006), status(400), status(404), status(500)] {
            assert!(!error.is_transient(), "{error}");
        }
        let cut = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        assert!(!Error::of_answer("getTag", xmlrpc::Error::Read(cut)).is_transient());
        assert_eq!(fault(1014).to_string(), "getTag: the hub says: no (fault 1014)");
    }

    #[test]
    fn a_traceback_is_cut_short() {
        let Error::Fault { text, .. } = Error::fault("getTag", 1, &"line\n".repeat(1_000)) else { unreachable!() };
        assert_eq!(text.len(), TEXT);
    }
}
