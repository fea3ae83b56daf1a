//! How does the fake hub answer over HTTP, and in what trouble can it be?

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::answers::answer;
use super::rows::Rows;
use super::wire;

/// What a hub, or the server in front of it, does instead of answering.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Fault 1014.
    Offline,
    /// A fault of this number.
    Fault(i64),
    /// A page with this status; for 429 and 503, the seconds to wait.
    Status(u16, Option<u64>),
    /// A page for people, with status 200.
    Page,
    /// So many bytes of the answer, and then its end, as if it were whole.
    Truncated(usize),
    /// So many bytes of the answer, and then the end of the connection, though more were announced.
    Cut(usize),
    /// An answer of another shape.
    Wrong(Value),
    /// No answer until the trouble is over.
    Held,
}

#[derive(Debug)]
struct Plan {
    trouble: Trouble,
    /// How many calls it lets pass first.
    before: usize,
    left: Option<usize>,
    method: Option<String>,
}

/// What the threads of the server share.
#[derive(Debug, Default)]
pub struct Desk {
    rows: Mutex<Rows>,
    plan: Mutex<Option<Plan>>,
    over: Condvar,
    /// Requests that were read and not answered yet.
    open: Mutex<Open>,
    asked: Mutex<BTreeMap<String, usize>>,
    gzip: AtomicBool,
}

#[derive(Debug, Default)]
struct Open {
    now: usize,
    most: usize,
}

impl Desk {
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap()
    }

    pub fn trouble(&self, trouble: Option<Trouble>, before: usize, times: Option<usize>, method: Option<&str>) {
        let method = method.map(str::to_owned);
        *self.plan.lock().unwrap() = trouble.map(|trouble| Plan { trouble, before, left: times, method });
        self.over.notify_all();
    }

    pub fn gzip(&self, whether: bool) {
        self.gzip.store(whether, Ordering::SeqCst);
    }

    pub fn asked(&self) -> BTreeMap<String, usize> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns how many calls wait now, and how many waited at once at most.
    pub fn open(&self) -> (usize, usize) {
        let open = self.open.lock().unwrap();
        (open.now, open.most)
    }

    fn enter(&self) {
        let mut open = self.open.lock().unwrap();
        open.now += 1;
        open.most = open.most.max(open.now);
    }

    /// Returns the trouble that a call is in, once it need not be held any longer.
    fn meet(&self, method: &str) -> Option<Trouble> {
        let mut plan = self.plan.lock().unwrap();
        loop {
            let meant = plan.as_mut().filter(|plan| plan.method.as_deref().is_none_or(|only| only == method))?;
            if meant.before > 0 {
                meant.before -= 1;
                return None;
            }
            if meant.trouble == Trouble::Held {
                plan = self.over.wait(plan).unwrap();
                continue;
            }
            let trouble = meant.trouble.clone();
            if let Some(left) = &mut meant.left {
                *left -= 1;
                if *left == 0 {
                    *plan = None;
                }
            }
            return Some(trouble);
        }
    }

    fn count(&self, method: &str, placed: &[Value]) {
        let mut asked = self.asked.lock().unwrap();
        *asked.entry(method.to_owned()).or_default() += 1;
        let inner = placed.first().filter(|_| method == "multiCall").and_then(Value::as_array);
        for call in inner.into_iter().flatten() {
            *asked.entry(format!("multiCall/{}", call["methodName"].as_str().unwrap())).or_default() += 1;
        }
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    address: String,
    ends: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at an address, of port 0 for any.
    pub fn start(address: &str, desk: &Arc<Desk>) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (ends, desk) = (Arc::new(AtomicBool::new(false)), Arc::clone(desk));
        let seen = Arc::clone(&ends);
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), desk) = (stream, Arc::clone(&desk)) else { continue };
                thread::spawn(move || serve(stream, &desk));
            }
        });
        Self { address, ends, listening: Some(listening) }
    }

    pub fn address(&self) -> String {
        self.address.clone()
    }
}

impl Drop for Server {
    /// Listens no more: connections are refused.
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(&self.address);
        let _ = self.listening.take().map(JoinHandle::join);
    }
}

fn serve(stream: TcpStream, desk: &Desk) {
    let Some(body) = request(&stream) else { return };
    let Some((method, placed, named)) = wire::read_call(&body) else {
        reply(&stream, 400, "", b"Invalid request\n", None);
        return;
    };
    desk.enter();
    desk.count(&method, &placed);
    let trouble = desk.meet(&method);
    let text = match &trouble {
        Some(Trouble::Offline) => wire::fault(1014, "database outage"),
        Some(Trouble::Fault(code)) => wire::fault(*code, "so it is"),
        Some(Trouble::Wrong(value)) => wire::answer(value),
        Some(Trouble::Page | Trouble::Status(..)) => "<html><body><h1>It works!</h1></body></html>\n".to_owned(),
        _ => match answer(&desk.rows(), &method, placed, named) {
            Ok(value) => wire::answer(&value),
            Err((code, text)) => wire::fault(code, &text),
        },
    };
    desk.open.lock().unwrap().now -= 1;
    match trouble {
        Some(Trouble::Status(status, wait)) => {
            let wait = wait.map_or(String::new(), |wait| format!("retry-after: {wait}\r\n"));
            reply(&stream, status, &wait, text.as_bytes(), None);
        }
        Some(Trouble::Truncated(size)) => unannounced(&stream, &text.as_bytes()[..size.min(text.len())]),
        Some(Trouble::Cut(size)) => reply(&stream, 200, "", text.as_bytes(), Some(size)),
        _ if desk.gzip.load(Ordering::SeqCst) => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            reply(&stream, 200, "content-encoding: gzip\r\n", &gzip.finish().unwrap(), None);
        }
        _ => reply(&stream, 200, "", text.as_bytes(), None),
    }
}

/// Reads a request's body; none where nobody asks.
fn request(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.to_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().ok()?,
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    String::from_utf8(body).ok()
}

/// Sends an answer, or its beginning. Whoever asked may be gone already.
fn reply(mut stream: &TcpStream, status: u16, headers: &str, body: &[u8], cut: Option<usize>) {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\nkoji-version: 1.35.3\r\nconnection: close\r\n{headers}\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let end = cut.unwrap_or(body.len()).min(body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body[..end]));
}

/// Sends an answer that ends with the connection.
fn unannounced(mut stream: &TcpStream, body: &[u8]) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\nconnection: close\r\n\r\n";
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}
