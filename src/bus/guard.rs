//! How does the filter get between the socket and lapin? As the stream type of a runtime that is
//! tokio in all else.

use std::fmt;
use std::future::ready;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready as poll_ready};
use std::time::{Duration, Instant};

use async_rs::traits::Reactor;
use async_rs::util::RuntimeParts;
use async_rs::{Runtime, Tokio};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use lapin::AsyncTcpStream;

use super::filter::Filter;

/// How many bytes are read from the socket at once.
const CHUNK: usize = 64 * 1024;

/// The stream below the filter: TCP, with TLS where the URL says so.
type Socket = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// A stream from the broker that shows lapin only what lapin can bear.
pub(super) struct Guard {
    socket: Socket,
    filter: Filter,
    chunk: Box<[u8]>,
}

impl Guard {
    pub fn new(socket: Socket) -> Self {
        Self { socket, filter: Filter::default(), chunk: vec![0; CHUNK].into_boxed_slice() }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl AsyncRead for Guard {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let taken = this.filter.take(out);
            if taken > 0 || out.is_empty() {
                return Poll::Ready(Ok(taken));
            }
            let read = poll_ready!(Pin::new(&mut this.socket).poll_read(context, &mut this.chunk))?;
            if read == 0 {
                return Poll::Ready(Ok(0));
            }
            this.filter.push(&this.chunk[..read])?;
        }
    }
}

impl AsyncWrite for Guard {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_close(context)
    }
}

/// Returns the runtime of the caller, tokio's, with guarded streams.
pub(super) fn runtime() -> Runtime<RuntimeParts<Tokio, Guarded>> {
    Runtime::new(RuntimeParts::new(Tokio::current(), Guarded(Tokio::current())))
}

/// Tokio's reactor with another type of stream.
#[derive(Debug, Clone)]
pub(super) struct Guarded(Tokio);

impl Reactor for Guarded {
    type TcpStream = Guard;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<Guard, _>(not_ours())
    }

    fn sleep(&self, duration: Duration) -> Self::Sleep {
        self.0.sleep(duration)
    }

    fn interval(&self, duration: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(duration)
    }

    fn tcp_connect_addr(&self, _: SocketAddr) -> impl Future<Output = io::Result<Guard>> + Send + 'static {
        ready(Err(not_ours()))
    }
}

/// lapin connects through the closure that it is given, which knows of TLS, and has no other sockets.
fn not_ours() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "connections are made by the dialler")
}
