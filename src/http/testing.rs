//! What do the tests of this room stand on? A state in a temporary directory, and clients.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::serve::{Patience, serve_with};
use super::{Readiness, Received, Service, State, router};
use crate::buildsys::{Local, Volume};
use crate::bus::{Bus, Settings};
use crate::clock::Clock;
use crate::config::{Compression, Config, Form, Overrides};
use crate::model::{Blake3, BuildEntry, Chunk, ComposeStatus, Nevra, Nvr, RpmEntry, Sha256};
use crate::outbox;
use crate::repos::Repos;
use crate::store::composes::{self, ComposeRow};
use crate::store::generations::{self, Generation, GenerationState};
use crate::store::pkgsets::{self, Held};
use crate::store::{Db, builds, webhooks};
use crate::tags::{Bells, TagEdit, Tags};

/// 2026-11-21T00:42:24Z.
const NOW: i64 = 1_795_221_744;

/// How long a test waits for what must come.
const LONG: Duration = Duration::from_secs(30);

/// A service without a socket.
pub struct World {
    pub dir: tempfile::TempDir,
    pub state: State,
    router: Router,
}

/// An answer, whole.
pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Returns the text of a message that says that `nvr` was tagged into `tag`.
pub fn message(id: &str, tag: &str, nvr: &str) -> String {
    let mut parts = nvr.rsplitn(3, '-');
    let (release, version, name) = (parts.next(), parts.next(), parts.next());
    let body = json!({"tag": tag, "name": name, "version": version, "release": release});
    json!({"id": id, "topic": "org.example.buildsys.tag", "headers": {}, "body": body}).to_string()
}

impl World {
    pub async fn new() -> Self {
        Self::configured(|_| {}).await
    }

    pub async fn with_token(token: &str) -> Self {
        let http = Self::parse(&format!("http = {{ tokens = [\"{token}\"] }}")).http;
        Self::configured(|config| config.http.tokens = http.tokens).await
    }

    pub async fn with_bus() -> Self {
        let mut world = Self::new().await;
        let settings = Settings::new("amqp://127.0.0.1:1", "q");
        let (_, _, status) = Bus::new(settings, world.tags().clock.clone()).unwrap();
        world.state.bus = Some(status);
        world.router = router(Service::new(world.state.clone()));
        world
    }

    pub async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::default_for(dir.path());
        config.http.public_url = Some("http://tannery.test".to_owned());
        change(&mut config);
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let local = Local::new(db.clone(), &config.buildsys.id, Volume::new(&config.buildsys.volume));
        let (config, clock, bells) = (Arc::new(config), Clock::held(NOW), Bells::default());
        let tags = Tags::new(db.clone(), local, config.clone(), clock.clone(), bells.clone());
        let repos = Repos::new(db.clone(), tags.clone(), config.clone(), clock.clone());
        let (ready, received, stop) = (Readiness::default(), Received::default(), CancellationToken::new());
        let state = State { db, config, tags, repos, clock, bells, bus: None, ready, received, stop };
        Self { router: router(Service::new(state.clone())), state, dir }
    }

    /// Returns a configuration of this text.
    pub fn parse(text: &str) -> Config {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Config::load(Some(file.path()), &Overrides::default(), []).unwrap()
    }

    pub fn tags(&self) -> &Tags {
        &self.state.tags
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Posts JSON, unless the headers say otherwise.
    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/json"));
        }
        self.ask("POST", path, &headers, body).await
    }

    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Makes a tag for x86_64.
    pub async fn tag(&self, name: &str) {
        let edit = TagEdit { arches: Some(vec!["x86_64".parse().unwrap()]), ..TagEdit::default() };
        self.tags().create_tag(&name.parse().unwrap(), &edit).await.unwrap();
    }

    /// Makes a build without files.
    pub async fn build(&self, nvr: &str) -> Nvr {
        let nvr: Nvr = nvr.parse().unwrap();
        let mut tx = self.state.db.write().await.unwrap();
        builds::create(&mut tx, &self.state.config.buildsys.id, &nvr, 0, NOW).await.unwrap();
        tx.commit().await.unwrap();
        nvr
    }

    /// Gives a tag a first revision, which is empty, and a second with one build of two RPMs.
    pub async fn set(&self, tag: &str) {
        self.build("bash-5.3-1").await;
        let tag = tag.parse().unwrap();
        self.tags().refresh(&tag).await.unwrap();
        let mut tx = self.state.db.write().await.unwrap();
        let mut revision = pkgsets::newest(&mut tx, &tag).await.unwrap().unwrap();
        let rpm = |arch: &str| RpmEntry {
            nevra: Nevra::new("bash", 0, "5.3", "1", arch).unwrap(),
            sha256: Sha256::from_bytes([0; 32]),
            size: 1,
            sigkey: None,
            location: String::new(),
        };
        let build = BuildEntry {
            nvr: "bash-5.3-1".parse().unwrap(),
            from: tag.clone(),
            exclusive_arch: vec![],
            exclude_arch: vec![],
            rpms: vec![rpm("src"), rpm("x86_64")],
        };
        let chunk = pkgsets::put_chunk(&mut tx, &Chunk { builds: vec![build] }).await.unwrap().unwrap();
        (revision.number, revision.chunks, revision.builds, revision.rpms) = (2, vec![chunk], 1, 2);
        pkgsets::put(&mut tx, &tag, &revision).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn publish(&self, tag: &str, repo: &str, number: i64, revision: i64) {
        let generation = Generation {
            tag: tag.parse().unwrap(),
            repo: repo.parse().unwrap(),
            number,
            revision,
            style: "style".to_owned(),
            form: Form::Files,
            compression: Compression::default(),
            manifest: Blake3::of(b"manifest"),
            repomd: Sha256::from_bytes([0; 32]),
            files: vec![],
            records: vec![],
            signature: None,
            pool: "main".to_owned(),
            packages: 7,
            state: GenerationState::Current,
            made_at: NOW * 1_000_000,
            replaced_at: None,
            lag: Some(2_500_000),
        };
        let mut tx = self.state.db.write().await.unwrap();
        generations::put_manifest(&mut tx, &Blake3::of(b"manifest"), b"manifest").await.unwrap();
        generations::put(&mut tx, &generation).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn hold(&self, tag: &str, nvr: &str, reason: &str) {
        let package = nvr.parse::<Nvr>().unwrap().name().clone();
        let held = Held { package, nvr: nvr.to_owned(), reason: reason.to_owned() };
        let mut tx = self.state.db.write().await.unwrap();
        pkgsets::put_held(&mut tx, &tag.parse().unwrap(), &[held]).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Starts a compose at a second.
    /// Makes a webhook at the beginning, with a parked message.
    pub async fn webhook(&self, name: &str) {
        let mut tx = self.state.db.write().await.unwrap();
        webhooks::begin(&mut tx, name, 0).await.unwrap();
        webhooks::park(&mut tx, name, 0, webhooks::Turn::After(0), "it answered 500", 0).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn compose(&self, id: &str, second: i64) {
        let row = ComposeRow {
            id: id.parse().unwrap(),
            definition: "oak".to_owned(),
            definition_digest: Blake3::from_bytes([0; 32]),
            release_name: "Oak".parse().unwrap(),
            label: None,
            tag: "f43".parse().unwrap(),
            revision: Some(1),
            status: ComposeStatus::Started,
            reason: None,
            started_at: second * 1_000_000,
            ended_at: None,
        };
        let mut tx = self.state.db.write().await.unwrap();
        composes::start(&mut tx, &row).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Puts a message into the outbox.
    pub async fn tell(&self, n: i64) {
        self.tell_body(json!({"n": n})).await;
    }

    pub async fn tell_text(&self, text: &str) {
        self.tell_body(json!({"text": text})).await;
    }

    async fn tell_body(&self, body: Value) {
        let body: Map<String, Value> = body.as_object().unwrap().clone();
        let mut tx = self.state.db.write().await.unwrap();
        outbox::tell(&mut tx, &self.tags().clock, "tannery.tag.changed", "f43", body).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// A service behind a socket.
pub struct Served {
    pub world: World,
    address: std::net::SocketAddr,
    task: JoinHandle<()>,
}

impl Served {
    pub async fn start(world: World) -> Self {
        Self::start_with(world, Patience::default()).await
    }

    pub async fn start_with(world: World, patience: Patience) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(serve_with(listener, world.state.clone(), patience));
        Self { world, address, task }
    }

    /// Connects and sends the beginning of a request.
    pub async fn connect(&self, text: &str) -> Client {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        Client { stream, unread: Vec::new() }
    }

    /// Stops, and waits until all has ended.
    pub async fn stop(self) {
        self.world.state.stop.cancel();
        tokio::time::timeout(LONG, self.task).await.unwrap().unwrap();
    }
}

/// A client that speaks bytes.
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    /// Returns what comes up to and with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            let found = self.unread.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = found {
                let text = self.unread.drain(..at + end.len()).collect();
                return String::from_utf8(text).unwrap();
            }
            let mut bytes = [0; 4096];
            let read = tokio::time::timeout(LONG, self.stream.read(&mut bytes)).await.unwrap().unwrap();
            assert_ne!(read, 0, "ended after {:?}", String::from_utf8_lossy(&self.unread));
            self.unread.extend_from_slice(&bytes[..read]);
        }
    }

    /// Returns whether the server ends the connection.
    pub async fn ended(&mut self) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(LONG, self.stream.read_to_end(&mut rest)).await.is_ok()
    }

    /// Returns whether anything comes within this time.
    pub async fn answers_within(&mut self, time: Duration) -> bool {
        let mut bytes = [0; 1];
        tokio::time::timeout(time, self.stream.peek(&mut bytes)).await.is_ok()
    }

    /// Sends up to so many bytes, and returns how many the server let come.
    pub async fn flood(&mut self, most: usize) -> usize {
        let portion = [b'x'; 64 << 10];
        let mut sent = 0;
        while sent < most {
            match tokio::time::timeout(LONG, self.stream.write(&portion)).await.unwrap() {
                Ok(count) => sent += count,
                Err(_) => break,
            }
        }
        sent
    }
}
