//! How does a fetcher get on with servers that fail in all their ways?

use std::io::Read;
use std::time::Duration;

use super::error::{Error, Failure};
use super::server::{Reply, Server, reply, sized};
use super::*;
use crate::clock::Clock;
use crate::model::{ChecksumType, Sha256};

const BODY: &[u8] = b"the metadata";

fn fetcher() -> Fetcher {
    let settings =
        Settings { stall: Duration::from_millis(300), rounds: 3, pause: Duration::from_millis(1), redirects: 3 };
    Fetcher::new(Clock::system(), settings)
}

fn wanted() -> Wanted {
    let checksum = Some((ChecksumType::Sha256, Sha256::of(BODY).to_string()));
    Wanted { size: Some(BODY.len() as u64), checksum, ..Wanted::at_most(1 << 20) }
}

fn content(mut fetched: Fetched) -> Vec<u8> {
    let mut bytes = Vec::new();
    fetched.file.read_to_end(&mut bytes).unwrap();
    assert_eq!(fetched.size, bytes.len() as u64);
    bytes
}

async fn fetch(bases: &[Place], wanted: &Wanted) -> Result<Vec<u8>, Error> {
    fetcher().fetch(bases, "repodata/x", wanted).await.map(content)
}

fn only(error: Error) -> Failure {
    match error {
        Error::One(attempt) => attempt.failure,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_missing_file_is_asked_for_once() {
    let server = Server::start(|_, _| reply("404 Not Found", "", b"no")).await;
    let error = fetch(std::slice::from_ref(&server.base), &wanted()).await.unwrap_err();
    assert!(error.is_missing(), "{error}");
    assert!(server.requests().len() == 1 && server.requests()[0].starts_with("get /repo/repodata/x http/1.1"));
}

#[tokio::test]
async fn what_fails_for_a_moment_is_asked_for_again() {
    let server = Server::start(|number, _| match number {
        0 => reply("500 Internal Server Error", "", b""),
        1 => sized("200 OK", "", &BODY[..5], BODY.len()),
        _ => reply("200 OK", "ETag: \"e\"\r\nLast-Modified: L\r\n", BODY),
    })
    .await;
    let fetched = fetcher().fetch(std::slice::from_ref(&server.base), "x", &wanted()).await.unwrap();
    let validators = Validators { etag: Some("\"e\"".to_owned()), last_modified: Some("L".to_owned()) };
    assert_eq!(fetched.validators, validators);
    assert_eq!((content(fetched), server.requests().len()), (BODY.to_vec(), 3));
}

#[tokio::test]
async fn a_server_that_stays_bad_is_given_up() {
    let server = Server::start(|_, _| reply("503 Service Unavailable", "", b"")).await;
    let failure = only(fetch(std::slice::from_ref(&server.base), &wanted()).await.unwrap_err());
    assert!(matches!(failure, Failure::Status(503)));
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_stalls_is_left_for_another() {
    let stalls = |body: &[u8]| Reply { stalls: true, ..sized("200 OK", "", body, BODY.len()) };
    let silent = Server::start(move |_, _| Reply { bytes: Vec::new(), stalls: true }).await;
    let slow = Server::start(move |_, _| stalls(&BODY[..3])).await;
    let good = Server::start(|_, _| reply("200 OK", "", BODY)).await;
    let bases = [silent.base.clone(), slow.base.clone(), good.base.clone()];
    assert_eq!(fetch(&bases, &wanted()).await.unwrap(), BODY);
    assert_eq!([silent.requests().len(), slow.requests().len(), good.requests().len()], [1, 1, 1]);
}

#[tokio::test]
async fn a_mirror_with_other_bytes_is_left_for_one_with_the_right_ones() {
    let wrong = Server::start(|_, _| reply("200 OK", "", b"the metadatA")).await;
    let short = Server::start(|_, _| reply("200 OK", "", b"the")).await;
    let right = Server::start(|_, _| reply("200 OK", "", BODY)).await;
    let bases = [wrong.base.clone(), short.base.clone(), right.base.clone()];
    assert_eq!(fetch(&bases, &wanted()).await.unwrap(), BODY);
    let failure = only(fetch(&bases[..1], &wanted()).await.unwrap_err());
    assert!(matches!(failure, Failure::Checksum { algorithm: "sha256", .. }), "{failure}");
    let error = fetch(&bases[..2], &wanted()).await.unwrap_err().to_string();
    assert!(error.starts_with("none of 2 places gives it; http://127.0.0.1:"), "{error}");
    assert_eq!(wrong.requests().len(), 3, "a wrong digest is not asked for twice in one go");
}

#[tokio::test]
async fn more_than_is_allowed_is_not_taken() {
    let announced = Server::start(|_, _| sized("200 OK", "", b"", 1 << 40)).await;
    let endless = Server::start(|_, _| Reply {
        bytes: [&b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"[..], &[b'x'; 5000]].concat(),
        stalls: false,
    })
    .await;
    for server in [announced, endless] {
        let error = fetch(std::slice::from_ref(&server.base), &Wanted::at_most(1000)).await.unwrap_err();
        assert!(matches!(only(error), Failure::TooLarge(1000)));
        assert_eq!(server.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let server = Server::start(|_, head| {
        let knows = head.contains("if-none-match: \"e\"") || head.contains("if-modified-since: l");
        if knows { reply("304 Not Modified", "", b"") } else { reply("200 OK", "", BODY) }
    })
    .await;
    let bases = std::slice::from_ref(&server.base);
    for validators in [
        Validators { etag: Some("\"e\"".to_owned()), last_modified: None },
        Validators { etag: None, last_modified: Some("L".to_owned()) },
    ] {
        let conditional = Wanted { unless: Some(validators), ..wanted() };
        assert!(matches!(fetcher().get(bases, "x", &conditional).await.unwrap(), Answer::Unchanged));
        assert_eq!(content(fetcher().fetch(bases, "x", &conditional).await.unwrap()), BODY);
    }
    let odd = Server::start(|_, _| reply("304 Not Modified", "", b"")).await;
    assert!(matches!(only(fetch(std::slice::from_ref(&odd.base), &wanted()).await.unwrap_err()), Failure::Status(304)));
}

#[tokio::test]
async fn part_of_a_file_is_had_from_the_first_server_that_gives_parts() {
    let part = Wanted { range: Some(4..8), ..Wanted::at_most(100) };
    let able = Server::start(|_, head| {
        assert!(head.contains("range: bytes=4-7"), "{head}");
        reply("206 Partial Content", "Content-Range: bytes 4-7/12\r\n", &BODY[4..8])
    })
    .await;
    let unable = Server::start(|_, _| reply("200 OK", "", BODY)).await;
    assert_eq!(fetch(&[unable.base.clone(), able.base.clone()], &part).await.unwrap(), b"meta");
    let failure = only(fetch(std::slice::from_ref(&unable.base), &part).await.unwrap_err());
    assert!(matches!(failure, Failure::NoPart), "{failure}");
    let wrong = Server::start(|_, _| reply("206 Partial Content", "Content-Range: bytes 0-3/12\r\n", b"the ")).await;
    let failure = only(fetch(std::slice::from_ref(&wrong.base), &part).await.unwrap_err());
    assert!(matches!(failure, Failure::Status(206)));
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x"), BODY).unwrap();
    let local = [Place::Path(dir.path().to_owned())];
    assert_eq!(content(fetcher().fetch(&local, "x", &part).await.unwrap()), b"meta");
}

#[tokio::test]
async fn a_password_does_not_follow_a_redirect_to_another_server() {
    let target = Server::start(|_, _| reply("200 OK", "", BODY)).await;
    let location = format!("Location: http://{}/elsewhere\r\n", target.address);
    let first = Server::start(move |_, _| reply("302 Found", &location, b"")).await;
    let base = Place::parse(&format!("http://user:secret@{}/", first.address)).unwrap();
    assert_eq!(fetch(&[base], &wanted()).await.unwrap(), BODY);
    assert!(first.requests()[0].contains("authorization: basic"));
    assert!(!target.requests()[0].contains("authorization"), "{:?}", target.requests());
    assert!(!target.requests()[0].contains("secret"));
}

#[tokio::test]
async fn redirects_come_to_an_end() {
    let server = Server::start(|number, _| reply("302 Found", &format!("Location: /{number}\r\n"), b"")).await;
    let failure = only(fetch(std::slice::from_ref(&server.base), &wanted()).await.unwrap_err());
    assert!(matches!(failure, Failure::Http(error) if error.is_redirect()));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn sizes_are_asked_without_getting_the_file() {
    let server = Server::start(|_, head| {
        assert!(head.starts_with("head "));
        sized("200 OK", "", b"", 77)
    })
    .await;
    assert_eq!(fetcher().stat(std::slice::from_ref(&server.base), "x").await.unwrap(), Some(77));
    let gone = Server::start(|_, _| reply("404 Not Found", "", b"")).await;
    assert!(fetcher().stat(std::slice::from_ref(&gone.base), "x").await.unwrap_err().is_missing());
}

#[tokio::test]
async fn files_of_this_machine_are_held_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x"), BODY).unwrap();
    let base = [Place::parse(&format!("file://{}", dir.path().display())).unwrap()];
    let get = async |wanted: &Wanted| fetcher().fetch(&base, "x", wanted).await.map(content);
    assert_eq!(get(&wanted()).await.unwrap(), BODY);
    assert!(matches!(only(get(&Wanted::at_most(3)).await.unwrap_err()), Failure::TooLarge(3)));
    let size = Wanted { size: Some(3), ..wanted() };
    assert!(matches!(only(get(&size).await.unwrap_err()), Failure::Size { expected: 3, came: 12 }));
    let checksum = Some((ChecksumType::Sha1, "0".repeat(40)));
    assert!(matches!(only(get(&Wanted { checksum, ..wanted() }).await.unwrap_err()), Failure::Checksum { .. }));
    let error = fetcher().fetch(&base, "missing", &wanted()).await.unwrap_err();
    assert!(error.is_missing(), "{error}");
    assert!(matches!(only(fetcher().fetch(&base, ".", &wanted()).await.unwrap_err()), Failure::NoFile));
    assert_eq!(fetcher().stat(&base, "x").await.unwrap(), Some(12));
    assert!(matches!(fetcher().fetch(&[], "x", &wanted()).await.unwrap_err(), Error::NoPlace));
}
