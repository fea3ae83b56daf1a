//! What if the wire is cut, or goes silent? A TCP proxy that does so on request.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Flow,
    /// Take connections, pass nothing, close nothing: a firewall that forgot, a machine that hangs.
    Freeze,
}

/// The bus's end of a connection, and what passes its bytes.
type Wire = (SocketAddr, JoinHandle<()>);

/// A proxy between the bus and the broker.
pub struct Proxy {
    pub port: u16,
    mode: watch::Sender<Mode>,
    wires: Arc<Mutex<Vec<Wire>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to `target`.
    pub async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, seen) = watch::channel(Mode::Flow);
        let wires: Arc<Mutex<Vec<Wire>>> = Arc::default();
        let known = Arc::clone(&wires);
        let accepting = tokio::spawn(async move {
            while let Ok((near, peer)) = listener.accept().await {
                let (target, seen) = (target.clone(), seen.clone());
                let wire = tokio::spawn(async move {
                    let far = TcpStream::connect(target).await.unwrap();
                    let (near, far) = (near.into_split(), far.into_split());
                    tokio::join!(pass(near.0, far.1, seen.clone()), pass(far.0, near.1, seen));
                });
                known.lock().unwrap().push((peer, wire));
            }
        });
        Self { port, mode, wires, accepting }
    }

    /// Ends all connections at once.
    pub fn cut(&self) {
        self.wires.lock().unwrap().drain(..).for_each(|(_, wire)| wire.abort());
    }

    /// Lets nothing pass any more, in either direction, without closing anything.
    pub fn freeze(&self) {
        self.mode.send_replace(Mode::Freeze);
    }

    /// Lets everything pass again.
    pub fn thaw(&self) {
        self.mode.send_replace(Mode::Flow);
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
    mut mode: watch::Receiver<Mode>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if mode.wait_for(|mode| *mode == Mode::Flow).await.is_err() {
            return;
        }
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = mode.changed() => continue,
        };
        match read {
            Ok(count) if count > 0 && to.write_all(&buffer[..count]).await.is_ok() => {}
            _ => return,
        }
    }
}
