//! What does a server answer? One request a connection, plain HTTP, nothing followed or repeated.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a server may be silent within an answer.
const SILENCE: Duration = Duration::from_secs(30);

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, with any transfer coding taken off.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends a GET for `path` to `address`, given as `host:port`.
///
/// # Errors
/// When the server is not there, ends the connection early, or answers what is not HTTP.
pub fn get(address: &str, path: &str) -> io::Result<Answer> {
    request(address, "GET", path, &[], b"")
}

/// Sends one request.
///
/// # Errors
/// As [`get`].
pub fn request(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(SILENCE))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes, method == "HEAD")
}

fn parse(bytes: &[u8], without_body: bool) -> io::Result<Answer> {
    let end = find(bytes, b"\r\n\r\n").ok_or_else(|| malformed("no end of the headers"))?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| malformed("no status"))?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    if without_body {
        assert!(answer.body.is_empty(), "a body where none belongs");
    } else if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = dechunked(&answer.body)?;
    } else if let Some(length) = answer.header("content-length").and_then(|value| value.parse::<usize>().ok())
        && answer.body.len() != length
    {
        return Err(malformed("the body was cut short"));
    }
    Ok(answer)
}

fn dechunked(mut rest: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(rest, b"\r\n").ok_or_else(|| malformed("the body was cut short"))?;
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok());
        let size = size.ok_or_else(|| malformed("a chunk without a size"))?;
        if size == 0 {
            return Ok(body);
        }
        let chunk = rest.get(end + 2..end + 2 + size).ok_or_else(|| malformed("the body was cut short"))?;
        body.extend_from_slice(chunk);
        rest = rest.get(end + 4 + size..).ok_or_else(|| malformed("the body was cut short"))?;
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
