//! Who takes connections on a port, until he is dropped?

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Takes connections one after the other.
#[derive(Debug)]
pub struct Listener {
    port: u16,
    is_down: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens on a port of the loopback address; `take` gets what comes.
    pub fn new(port: u16, take: impl Fn(io::Result<TcpStream>) + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let is_down = Arc::new(AtomicBool::new(false));
        let ended = is_down.clone();
        let listen = move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                take(stream);
            }
        };
        Self { port, is_down, thread: Some(thread::spawn(listen)) }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.is_down.store(true, Ordering::SeqCst);
        // Wakes it, so that it sees.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
