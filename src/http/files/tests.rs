//! What does a reader get, and what does an attacker not? Requests against a real directory.

use std::os::unix::fs::symlink;
use std::path::Path;

use axum::body::to_bytes;
use axum::http::Uri;
use tower::ServiceExt;

use super::*;
use crate::http::testing;

const CHECKSUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A data directory of one repository, one pool, one compose, and things that are nobody's business.
struct World {
    dir: tempfile::TempDir,
    router: Router,
    /// The state, which has no repository.
    _state: testing::World,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        for (path, text) in [
            ("state.sqlite", "secret"),
            ("repos/f43.repo", "[f43]"),
            ("repos/f43/x86_64/repodata/repomd.xml", "<repomd/>"),
            ("repos/f43/x86_64/.hidden", "secret"),
            ("pools/main/b/bash/bash-5.3-1.x86_64.rpm", "0123456789"),
            ("composes/Example-1/compose/Server/x86_64/os/.treeinfo", "[header]"),
            ("composes/Example-1/a<b>&\"c'.txt", ""),
        ] {
            write(&root.join(path), text);
        }
        write(&root.join(format!("repos/f43/x86_64/repodata/{CHECKSUM}-primary.xml.zst")), "data");
        symlink("../../../pools/main", root.join("repos/f43/x86_64/packages")).unwrap();
        symlink("../state.sqlite", root.join("repos/leak")).unwrap();
        symlink("/etc", root.join("repos/etc")).unwrap();
        symlink("loop", root.join("repos/loop")).unwrap();
        let tree = |name| Tree { name, dir: root.join(name) };
        let state = testing::World::new().await;
        let router = routes(["repos", "pools", "composes"].map(tree).to_vec(), state.state.repos.clone());
        Self { router, dir, _state: state }
    }

    async fn ask(&self, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(uri.parse::<Uri>().unwrap());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, uri, headers).await
    }
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

const RPM: &str = "/repos/f43/x86_64/packages/b/bash/bash-5.3-1.x86_64.rpm";
const REPOMD: &str = "/repos/f43/x86_64/repodata/repomd.xml";

#[tokio::test]
async fn nothing_outside_the_trees_is_reached() {
    let world = World::new().await;
    for uri in [
        "/repos/../state.sqlite",
        "/repos/%2e%2e/state.sqlite",
        "/repos/%2e%2e%2fstate.sqlite",
        "/repos/..%5cstate.sqlite",
        "/repos//../state.sqlite",
        "/repos/%252e%252e/state.sqlite",
        "/repos/f43/x86_64/repodata/repomd.xml%00.rpm",
        "/repos//etc/passwd",
        "/repos/leak",
        "/repos/etc/passwd",
        "/repos/etc/",
        "/repos/etc",
        "/repos/loop",
        "/repos/f43/x86_64/.hidden",
        "/state.sqlite",
        "/repos/f43/x86_64/repodata/repomd.xml/",
        "/repos/f43/x86_64/repodata/repomd.xml/x",
        "/composes/absent",
    ] {
        let answer = world.get(uri, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{uri}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "{uri}");
    }
}

#[tokio::test]
async fn what_is_no_regular_file_is_not_waited_for() {
    let world = World::new().await;
    let pipe = world.dir.path().join("repos/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    assert_eq!(world.get("/repos/pipe", &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_is_sent_whole_with_its_type_and_validators() {
    let world = World::new().await;
    for (uri, kind, body) in [
        (RPM, "application/x-rpm", "0123456789"),
        ("/pools//main/b/bash/bash-5.3-1.x86_64.rpm", "application/x-rpm", "0123456789"),
        (REPOMD, "application/xml", "<repomd/>"),
        ("/repos/f43.repo", "text/plain; charset=utf-8", "[f43]"),
        ("/composes/Example-1/compose/Server/x86_64/os/.treeinfo", "text/plain; charset=utf-8", "[header]"),
    ] {
        let answer = world.get(uri, &[]).await;
        assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, body.as_bytes()), "{uri}");
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("content-length"), body.len().to_string());
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert!(answer.header("etag").starts_with('"') && answer.header("last-modified").ends_with("GMT"));

        let head = world.ask(Method::HEAD, uri, &[("range", "bytes=0-1")]).await;
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
        for name in ["etag", "content-length", "content-type", "last-modified", "cache-control"] {
            assert_eq!(head.header(name), answer.header(name), "{name}");
        }
    }
}

#[tokio::test]
async fn only_data_files_named_by_content_are_kept_for_ever() {
    let world = World::new().await;
    let answer = world.get(&format!("/repos/f43/x86_64/repodata/{CHECKSUM}-primary.xml.zst"), &[]).await;
    assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(answer.header("etag"), format!("\"{CHECKSUM}\""));
    assert_eq!(answer.header("content-type"), "application/zstd");
    write(&world.dir.path().join(format!("pools/{CHECKSUM}-1-1.noarch.rpm")), "x");
    let answer = world.get(&format!("/pools/{CHECKSUM}-1-1.noarch.rpm"), &[]).await;
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(world.get("/repos/absent", &[]).await.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn a_copy_that_is_still_right_is_not_sent_again() {
    let world = World::new().await;
    let first = world.get(REPOMD, &[]).await;
    let (etag, modified) = (first.header("etag"), first.header("last-modified"));
    let weak = format!("W/{etag}");
    let list = format!("\"other\", {etag}");
    let past = "Thu, 01 Jan 2015 00:00:00 GMT";
    for (headers, status) in [
        (&[("if-none-match", etag)][..], StatusCode::NOT_MODIFIED),
        (&[("if-none-match", &weak)], StatusCode::NOT_MODIFIED),
        (&[("if-none-match", &list)], StatusCode::NOT_MODIFIED),
        (&[("if-none-match", "*")], StatusCode::NOT_MODIFIED),
        (&[("if-none-match", "\"other\"")], StatusCode::OK),
        (&[("if-none-match", "\"other\""), ("if-modified-since", modified)], StatusCode::OK),
        (&[("if-modified-since", modified)], StatusCode::NOT_MODIFIED),
        (&[("if-modified-since", past)], StatusCode::OK),
        (&[("if-modified-since", "yesterday")], StatusCode::OK),
        (&[("if-match", etag)], StatusCode::OK),
        (&[("if-match", &weak)], StatusCode::PRECONDITION_FAILED),
        (&[("if-match", "\"other\"")], StatusCode::PRECONDITION_FAILED),
        (&[("if-unmodified-since", past)], StatusCode::PRECONDITION_FAILED),
    ] {
        let answer = world.get(REPOMD, headers).await;
        assert_eq!(answer.status, status, "{headers:?}");
        if status == StatusCode::NOT_MODIFIED {
            assert_eq!((answer.header("etag"), answer.body.len()), (etag, 0));
        }
    }
}

#[tokio::test]
async fn a_file_renamed_into_place_has_another_tag() {
    let world = World::new().await;
    let path = world.dir.path().join(&REPOMD[1..]);
    let before = world.get(REPOMD, &[]).await.header("etag").to_owned();
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    let new = path.with_extension("new");
    write(&new, "<REPOMD/>");
    std::fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
    std::fs::rename(&new, &path).unwrap();
    let answer = world.get(REPOMD, &[("if-none-match", &before)]).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::OK, &b"<REPOMD/>"[..]));
}

#[tokio::test]
async fn a_download_is_continued_only_on_the_same_file() {
    let world = World::new().await;
    let first = world.get(RPM, &[]).await;
    let (etag, modified) = (first.header("etag"), first.header("last-modified"));
    let answer = world.get(RPM, &[("range", "bytes=4-"), ("if-range", etag)]).await;
    assert_eq!((answer.status, answer.body.as_slice()), (StatusCode::PARTIAL_CONTENT, &b"456789"[..]));
    assert_eq!(answer.header("content-range"), "bytes 4-9/10");
    assert_eq!(answer.header("content-length"), "6");
    for other in ["\"other\"", modified, &format!("W/{etag}")] {
        let answer = world.get(RPM, &[("range", "bytes=4-"), ("if-range", other)]).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 10), "{other}");
    }
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let world = World::new().await;
    let answer = world.get(RPM, &[("range", "bytes=7-8,0-1")]).await;
    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: application/x-rpm\r\nContent-Range: bytes 7-8/10\r\n\r\n78\
         \r\n--{boundary}\r\nContent-Type: application/x-rpm\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(String::from_utf8(answer.body.clone()).unwrap(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
}

#[tokio::test]
async fn ranges_that_cannot_be_had_are_told_so() {
    let world = World::new().await;
    let answer = world.get(RPM, &[("range", "bytes=10-")]).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(answer.header("content-range"), "bytes */10");
    for range in ["bytes=0-5,3-9", "bytes=5-1", "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8"] {
        assert_eq!(world.get(RPM, &[("range", range)]).await.status, StatusCode::OK, "{range}");
    }
}

#[tokio::test]
async fn a_large_file_comes_in_whole_across_many_pieces() {
    let world = World::new().await;
    let text: String = (0..100_000).map(|n| format!("{n:07}\n")).collect();
    write(&world.dir.path().join("pools/large.iso"), &text);
    assert!(world.get("/pools/large.iso", &[]).await.body == text.as_bytes());
    let answer = world.get("/pools/large.iso", &[("range", "bytes=8-799991")]).await;
    assert!(answer.body == text.as_bytes()[8..799_992]);
    assert_eq!(answer.header("content-type"), "application/x-iso9660-image");
}

#[tokio::test]
async fn a_directory_is_listed_sorted_and_escaped() {
    let world = World::new().await;
    for (uri, location) in [
        ("/repos", "/repos/"),
        ("/composes//Example-1", "/composes/Example-1/"),
        ("/repos/f43/x86_64/packages?C=M", "/repos/f43/x86_64/packages/"),
    ] {
        let answer = world.get(uri, &[]).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, location), "{uri}");
    }
    let page = world.get("/composes/Example-1/", &[]).await;
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(text.contains("<a href=\"./a%3Cb%3E%26%22c%27.txt\">a&lt;b&gt;&amp;&quot;c&#39;.txt</a>"), "{text}");
    assert!(text.find("a&lt;b").unwrap() < text.find(">compose/<").unwrap());
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let page = String::from_utf8(world.get("/repos/f43/x86_64/", &[]).await.body).unwrap();
    assert!(page.contains("href=\"./packages\"") && !page.contains("hidden"), "{page}");
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let world = World::new().await;
    for method in [Method::PUT, Method::POST, Method::DELETE] {
        assert_eq!(world.ask(method, RPM, &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
