//! What ends a link? One type for all of it, since every end is treated alike: shown, waited out,
//! rebuilt.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

/// What ended a link, or kept it from coming up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error(transparent)]
    Settings(#[from] super::BadSettings),
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("{0} holds no certificate")]
    NoCertificate(PathBuf),
    #[error("the broker does not let us {doing}")]
    Broker { doing: &'static str, source: lapin::Error },
    #[error("the broker did not answer within {limit:?} when asked to {doing}")]
    Silent { doing: &'static str, limit: Duration },
    #[error("the broker ended the consumer: the queue was deleted, or moved to another node")]
    ConsumerEnded,
    #[error("the broker knows no consumer of the queue any more")]
    ConsumerForgotten,
    #[error("the connection broke")]
    Broken(#[source] lapin::Error),
    #[error("the connection ended")]
    Ended,
    #[error("the broker refused an acknowledgement: the channel is closed")]
    ChannelClosed,
}

/// Awaits an answer of the broker, `limit` at the longest.
pub(super) async fn answer<T>(
    doing: &'static str,
    limit: Duration,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, LinkError> {
    match tokio::time::timeout(limit, asked).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(LinkError::Broker { doing, source }),
        Err(_) => Err(LinkError::Silent { doing, limit }),
    }
}

/// Returns an error and all its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some crates repeat their cause's text; once is enough.
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_shows_each_cause_once() {
        let source = std::io::Error::other("no such file");
        let error = LinkError::File { path: "ca.pem".into(), source };
        assert_eq!(chain(&error), "cannot read ca.pem: no such file");
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_is_an_error_that_says_what_was_asked() {
        let never = std::future::pending::<lapin::Result<()>>();
        let error = answer("declare the queue", Duration::from_millis(5), never).await;
        let text = chain(&error.unwrap_err());
        assert_eq!(text, "the broker did not answer within 5ms when asked to declare the queue");
    }
}
