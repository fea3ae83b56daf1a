//! How does one connection come up, and how does it go without leaving anything behind?

use std::io;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use async_rs::TokioRuntime;
use futures_util::StreamExt;
use lapin::tcp::{AsyncTcpStream, OwnedIdentity, OwnedTLSConfig};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::error::{LinkError, answer, chain};
use super::guard::{self, Guard};
use super::{Link, Settings, Snapshot, Status};
use crate::clock::Clock;

/// What both supervisors stand on.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub settings: &'a Settings,
    pub clock: &'a Clock,
    pub status: &'a Status,
    pub cancel: &'a CancellationToken,
}

impl Context<'_> {
    /// Returns the pause that begins the series between tries.
    pub fn backoff(&self) -> Backoff {
        Backoff::new(self.settings.pause_min, self.settings.pause_max)
    }

    /// Notes the end of a link that was begun at `began` (on the monotonic clock), whether it came up or not, and
    /// waits before the next try. Returns whether there is to be one.
    pub async fn wait_after(
        &self,
        error: &LinkError,
        began: u64,
        backoff: &mut Backoff,
        link: fn(&mut Snapshot) -> (&mut Link, &mut u64),
    ) -> bool {
        let (text, now) = (chain(error), self.clock.seconds());
        self.status.note(|snapshot| {
            let (link, failures) = link(snapshot);
            link.fail(now, text.clone());
            *failures += 1;
        });
        let stood = self.clock.monotonic_millis().saturating_sub(began);
        if u128::from(stood) > self.settings.pause_max.as_millis() {
            backoff.reset();
        }
        let pause = backoff.pause(self.clock);
        tracing::warn!(error = text, pause_ms = pause.as_millis() as u64, "no link to the broker");
        tokio::select! {
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

/// A connection. Dropping it cuts the socket, whatever state the protocol is in.
pub(super) struct Wire {
    connection: Connection,
    _cable: Cable,
}

impl Wire {
    /// Connects, or says why not within the connect timeout.
    pub async fn open(settings: &Settings, name: &str) -> Result<Self, LinkError> {
        let uri = settings.uri()?;
        let encrypted = uri.scheme == AMQPScheme::AMQPS;
        let tls = read_tls(settings, &uri).await?;
        let properties = ConnectionProperties::default().with_connection_name(format!("tannery {name}").into());
        let cable = Cable::default();
        let connecting = connect(uri, tls, properties, cable.0.clone());
        // A broker that asks for a certificate often resets the connection before its reason is read.
        let bare = settings.tls.certificate.is_none() && encrypted;
        let doing = if bare { "connect without a client certificate" } else { "connect" };
        let connection = answer(doing, settings.connect_timeout, connecting).await?;
        Ok(Self { connection, _cable: cable })
    }

    /// Opens a channel.
    pub async fn channel(&self, settings: &Settings) -> Result<Channel, LinkError> {
        answer("open a channel", settings.reply_timeout, self.connection.create_channel()).await
    }

    /// Waits for the end of the connection; blocked and unblocked are told and waited through.
    pub async fn ended(&self) -> LinkError {
        let mut events = pin!(self.connection.events_listener());
        loop {
            match events.next().await {
                None => return LinkError::Ended,
                // Also an error that closes one channel only is told here: its user sees it too, and
                // knows whether it matters.
                Some(Event::Error(error)) if !self.connection.status().connected() => return LinkError::Broken(error),
                Some(Event::ConnectionBlocked(reason)) => tracing::warn!(reason, "the broker takes no messages"),
                Some(Event::ConnectionUnblocked) => tracing::info!("the broker takes messages again"),
                Some(_) => {}
            }
        }
    }

    /// Says goodbye, so that the broker knows at once. A broker that does not answer is left.
    pub async fn close(self, settings: &Settings) {
        let closing = self.connection.close(200, "OK".into());
        if let Err(error) = answer("close the connection", settings.reply_timeout, closing).await {
            tracing::debug!(error = chain(&error), "the connection was cut instead of closed");
        }
    }
}

async fn connect(
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    properties: ConnectionProperties,
    slot: Slot,
) -> lapin::Result<Connection> {
    let dial = async move |uri: AMQPUri, _| {
        let (host, port) = (uri.authority.host.clone(), uri.authority.port);
        let addresses: Vec<_> = tokio::net::lookup_host((host.as_str(), port)).await?.collect();
        let mut stream = AsyncTcpStream::connect(&TokioRuntime::tokio_current(), addresses).await?;
        if let AsyncTcpStream::Plain(plain) = &stream {
            slot.hold(plain.get_ref())?;
        }
        if uri.scheme == AMQPScheme::AMQPS {
            stream = stream.into_tls(&host, tls.as_ref()).await?;
        }
        Ok(AsyncTcpStream::Plain(Guard::new(stream)))
    };
    Connection::connector(uri, guard::runtime(), dial, properties).await
}

/// Our own hold on the socket.
///
/// lapin runs each connection in a thread that ends with its socket, and a broker that is frozen
/// (or a firewall that swallows) never ends it: every try would leave a thread behind.
#[derive(Debug, Default)]
struct Cable(Slot);

/// Where the dialling side, in lapin's thread, leaves the socket.
#[derive(Debug, Clone, Default)]
struct Slot(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Socket(TcpStream),
    Cut,
}

impl Slot {
    fn hold(&self, socket: &impl AsFd) -> io::Result<()> {
        let ours = TcpStream::from(socket.as_fd().try_clone_to_owned()?);
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Held::Cut = *held {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "given up before it was connected"));
        }
        *held = Held::Socket(ours);
        Ok(())
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let mut held = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Held::Socket(socket) = std::mem::replace(&mut *held, Held::Cut) {
            // Fails only where the other side was quicker.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

async fn read_tls(settings: &Settings, uri: &AMQPUri) -> Result<OwnedTLSConfig, LinkError> {
    let mut config = OwnedTLSConfig::default();
    if uri.scheme == AMQPScheme::AMQP {
        return Ok(config);
    }
    let tls = &settings.tls;
    if let Some(path) = &tls.ca {
        config.cert_chain = Some(String::from_utf8_lossy(&read_certificate(path).await?).into_owned());
    }
    if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
        let (pem, key) = (read_certificate(certificate).await?, read(key).await?);
        config.identity = Some(OwnedIdentity::PKCS8 { pem, key });
    }
    Ok(config)
}

async fn read_certificate(path: &Path) -> Result<Vec<u8>, LinkError> {
    let pem = read(path).await?;
    if !pem.windows(11).any(|window| window == b"-----BEGIN ") {
        return Err(LinkError::NoCertificate(path.to_owned()));
    }
    Ok(pem)
}

async fn read(path: &Path) -> Result<Vec<u8>, LinkError> {
    tokio::fs::read(path).await.map_err(|source| LinkError::File { path: path.to_owned(), source })
}
