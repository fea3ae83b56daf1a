//! What if the wire is cut, or goes silent? A TCP proxy that does so on request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Direction {
    /// From the broker to the bus.
    FromBroker,
    /// Either way.
    Both,
}

/// On which connections nothing passes, though none is closed: a firewall that forgot, a machine that hangs.
#[derive(Debug, Clone, Copy, Default)]
struct Silence {
    /// The connections made before this number, on the way from the broker.
    from_broker: usize,
    /// The same on the way to it.
    to_broker: usize,
}

/// The bus's end of a connection, and what passes its bytes.
type Wire = (SocketAddr, JoinHandle<()>);

/// A proxy between the bus and the broker.
pub struct Proxy {
    pub port: u16,
    silence: watch::Sender<Silence>,
    wires: Arc<Mutex<Vec<Wire>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Returns a proxy in front of the broker at a URL, and the URL that goes through it.
    pub async fn before(url: &str) -> (Self, String) {
        let (login, rest) = url.rsplit_once('@').unwrap();
        let (place, vhost) = rest.split_once('/').unwrap();
        let proxy = Self::to(place.to_owned()).await;
        let through = format!("{login}@127.0.0.1:{}/{vhost}", proxy.port);
        (proxy, through)
    }

    /// Listens on a free port and passes everything on to `target`.
    async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silence, seen) = watch::channel(Silence::default());
        let wires: Arc<Mutex<Vec<Wire>>> = Arc::default();
        let known = Arc::clone(&wires);
        let accepting = tokio::spawn(async move {
            for number in 0.. {
                let Ok((near, peer)) = listener.accept().await else { return };
                let (target, seen) = (target.clone(), seen.clone());
                let wire = tokio::spawn(async move {
                    let far = TcpStream::connect(target).await.unwrap();
                    let (near, far) = (near.into_split(), far.into_split());
                    let to = pass(near.0, far.1, seen.clone(), |silence| number < silence.to_broker);
                    let from = pass(far.0, near.1, seen, |silence| number < silence.from_broker);
                    tokio::join!(to, from);
                });
                known.lock().unwrap().push((peer, wire));
            }
        });
        Self { port, silence, wires, accepting }
    }

    /// Ends all connections at once.
    pub fn cut(&self) {
        self.wires.lock().unwrap().iter().for_each(|(_, wire)| wire.abort());
    }

    /// Lets nothing pass any more, on any connection in either direction, without closing anything.
    pub fn freeze(&self) {
        self.silence.send_replace(Silence { from_broker: usize::MAX, to_broker: usize::MAX });
    }

    /// Lets everything pass again.
    pub fn thaw(&self) {
        self.silence.send_replace(Silence::default());
    }

    /// Lets nothing pass any more on the connections that there are, without closing them; new ones are as ever.
    pub fn silence(&self, direction: Direction) {
        let made = self.made();
        let to_broker = if direction == Direction::Both { made } else { 0 };
        self.silence.send_replace(Silence { from_broker: made, to_broker });
    }

    /// Returns how many connections were ever made.
    pub fn made(&self) -> usize {
        self.wires.lock().unwrap().len()
    }

    /// Returns how many connections the kernel holds as established on the bus's side.
    pub fn held_open(&self) -> usize {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let wires = self.wires.lock().unwrap();
        let open = |peer: &SocketAddr| {
            table.lines().any(|line| {
                let fields: Vec<_> = line.split_whitespace().collect();
                fields[1].ends_with(&format!(":{:04X}", peer.port())) && fields[3] == "01"
            })
        };
        wires.iter().filter(|(peer, _)| open(peer)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut silence: watch::Receiver<Silence>,
    is_silent: impl Fn(&Silence) -> bool,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if silence.wait_for(|silence| !is_silent(silence)).await.is_err() {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = silence.changed() => continue,
        };
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
