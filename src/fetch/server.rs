//! Which servers do the tests of this room ask? Ones that answer as a test says, byte by byte.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::place::Place;

/// What is sent to a client.
pub(super) struct Reply {
    pub(super) bytes: Vec<u8>,
    /// Whether the connection stays open, with nothing more coming.
    pub(super) stalls: bool,
}

/// A server on the loopback address, which lives as long as the test's runtime.
pub(super) struct Server {
    pub(super) base: Place,
    pub(super) address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts a server; `answer` gets the number of the request and its head.
    pub(super) async fn start(answer: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answer.clone()));
            }
        });
        Self { base: Place::parse(&format!("http://{address}/repo/")).unwrap(), address, requests }
    }

    /// Returns the heads of all requests so far, in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(usize, &str) -> Reply + Send + Sync + 'static>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let number = {
        let mut seen = seen.lock().unwrap();
        seen.push(head.clone());
        seen.len() - 1
    };
    let reply = answer(number, &head);
    let _ = stream.write_all(&reply.bytes).await;
    if reply.stalls {
        // Until the client gives up.
        let _ = stream.read_u8().await;
    }
}

/// Returns an answer with a body that is as long as it says.
pub(super) fn reply(status: &str, headers: &str, body: &[u8]) -> Reply {
    sized(status, headers, body, body.len())
}

/// Returns an answer whose head says that `length` bytes come.
pub(super) fn sized(status: &str, headers: &str, body: &[u8], length: usize) -> Reply {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    Reply { bytes: [head.as_bytes(), body].concat(), stalls: false }
}
