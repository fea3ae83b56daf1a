//! How is one message posted to one webhook? Signed, within a time, and to no other place.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use sha2::Sha256;

use crate::config::{Secret, Webhook};
use crate::store;
use crate::store::outbox::OutMessage;

const USER_AGENT: &str = concat!("tannery/", env!("CARGO_PKG_VERSION"));

/// How long connecting and the whole answer may take; less than the service has to stop.
const ANSWER: Duration = Duration::from_secs(15);

/// Longest answer that is read, in bytes, so that the connection can be used again.
const READ: u64 = 64 << 10;

/// Largest file of authorities that is read, in bytes.
const AUTHORITIES: u64 = 4 << 20;

/// Why a webhook did not take a message.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The authorities' file cannot be read.
    #[error("cannot read {}", path.display())]
    Authorities {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// What is in the authorities' file is of no use.
    #[error("the authorities in its ca file cannot be used")]
    Client(#[source] reqwest::Error),
    /// The message cannot be written down.
    #[error("the message cannot be read")]
    Message(#[source] store::Error),
    /// The message has in its head what HTTP cannot carry.
    #[error("the message's id or topic cannot stand in a header")]
    Header(#[source] InvalidHeaderValue),
    /// There was no answer.
    #[error("no answer")]
    NoAnswer(#[source] reqwest::Error),
    /// It answered that it is elsewhere.
    #[error("it answered {0}: redirects are not followed")]
    Redirect(u16),
    /// It answered anything but 2xx.
    #[error("it answered {0}")]
    Status(u16),
}

/// Posts to one webhook.
#[derive(Debug)]
pub(super) struct Post {
    hook: Webhook,
    /// Made when first needed, and again where that failed: files may come later.
    client: Option<Client>,
}

impl Post {
    pub(super) fn new(hook: Webhook) -> Self {
        Self { hook, client: None }
    }

    pub(super) fn hook(&self) -> &Webhook {
        &self.hook
    }

    /// Posts a message, signed with the time `now` in seconds; ends once it is taken.
    pub(super) async fn send(&mut self, row: &OutMessage, now: i64) -> Result<(), Refusal> {
        let client = self.client().await?;
        let document = crate::outbox::document(row.clone()).map_err(Refusal::Message)?;
        let body = serde_json::Value::Object(document).to_string();
        let headers = headers(row, &self.hook.secret, now, body.as_bytes()).map_err(Refusal::Header)?;
        let sent = client.post(self.hook.url.expose()).headers(headers).body(body).send().await;
        // The address may hold a secret, and whoever reads the text knows the webhook by its name.
        let answer = sent.map_err(|error| Refusal::NoAnswer(error.without_url()))?;
        let status = answer.status();
        finish(answer).await;
        match status {
            status if status.is_success() => Ok(()),
            status if status.is_redirection() => Err(Refusal::Redirect(status.as_u16())),
            status => Err(Refusal::Status(status.as_u16())),
        }
    }

    async fn client(&mut self) -> Result<Client, Refusal> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        // Fails where the program has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .referer(false)
            .connect_timeout(ANSWER)
            .timeout(ANSWER);
        if let Some(path) = &self.hook.ca {
            builder = builder.tls_certs_merge(authorities(path).await?);
        }
        let client = builder.build().map_err(Refusal::Client)?;
        self.client = Some(client.clone());
        Ok(client)
    }
}

async fn authorities(path: &Path) -> Result<Vec<Certificate>, Refusal> {
    let failed = |source| Refusal::Authorities { path: path.to_owned(), source };
    let size = tokio::fs::metadata(path).await.map_err(failed)?.len();
    if size > AUTHORITIES {
        return Err(failed(std::io::Error::other("it is no list of certificates: it is too large")));
    }
    let pem = tokio::fs::read(path).await.map_err(failed)?;
    let list = Certificate::from_pem_bundle(&pem).map_err(Refusal::Client)?;
    if list.is_empty() {
        return Err(failed(std::io::Error::other("it holds no certificate")));
    }
    Ok(list)
}

fn headers(row: &OutMessage, secret: &Secret, now: i64, body: &[u8]) -> Result<HeaderMap, InvalidHeaderValue> {
    let list = [
        ("tannery-message-id", row.message_id.clone()),
        ("tannery-topic", row.topic.clone()),
        ("tannery-timestamp", now.to_string()),
        ("tannery-cursor", row.sequence.to_string()),
        ("tannery-signature", signature(secret, now, body)),
    ];
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    for (name, value) in list {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
    }
    Ok(headers)
}

/// Returns `sha256=` and the HMAC-SHA256 of timestamp, a dot and the body, in hex digits.
fn signature(secret: &Secret, now: i64, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
    let mut mac = mac.expect("HMAC takes a key of any length");
    mac.update(format!("{now}.").as_bytes());
    mac.update(body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

/// Reads what is left of a short answer. What it says is of no interest, nor whether it breaks off.
async fn finish(answer: Response) {
    if answer.content_length().is_some_and(|size| size <= READ) {
        let _ = answer.bytes().await;
    }
}
