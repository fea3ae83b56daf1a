//! Does a test see what a program does? Its start, its answers, its end, its log.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::world::{Service, World, free_port, get, request, true_within};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_program_is_watched_stopped_and_its_log_kept() {
    let world = World::new();
    world.write("www/readyz", "yes");
    let (mut server, address) = world.static_server("www");
    let answer = get(&address, "/readyz").unwrap();
    assert_eq!((answer.text().as_str(), answer.header("content-length")), ("yes", Some("3")));
    assert_eq!(request(&address, "POST", "/readyz", &[("x-test", "1")], b"body").unwrap().status, 501);
    server.says("GET /readyz", SOON);
    assert!(server.runs());
    assert!(!server.stop(SOON).success());
    assert!(get(&address, "/readyz").is_err());
    assert!(Service::start(&mut Command::new("true"), &world.path("true.log")).wait(SOON).success());
    assert!(!true_within(Duration::ZERO, || false));
}

#[test]
fn an_answer_cut_short_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfour",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfour\r\n1\r\n!\r\n0\r\n\r\n",
    ];
    let server = thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                BufReader::with_capacity(1, &stream).read_line(&mut line).unwrap();
            }
            stream.write_all(answer).unwrap();
        }
    });
    assert!(get(&address, "/").is_err());
    assert!(get(&address, "/").is_err());
    assert_eq!(get(&address, "/").unwrap().body, b"four!");
    server.join().unwrap();
}

#[test]
fn a_service_that_does_not_become_ready_is_reported() {
    let world = World::new();
    let address = format!("127.0.0.1:{}", free_port());
    let error = world.serve("no_such_option = true\n", &address).unwrap_err();
    assert!(error.contains("ended before it was ready"), "{error}");
}
