//! What do transactions promise, and which databases are refused?

use std::time::Duration;

use tannery::store::tags::draw_event;
use tannery::store::wakeups::{self, Room};
use tannery::store::{Db, Error};

use super::on_both;
use crate::world::{Database, World};

on_both![
    a_dropped_transaction_leaves_nothing,
    a_reader_sees_one_state_while_a_writer_is_at_work,
    writers_go_one_after_another,
    a_writer_that_gave_up_waiting_is_in_nobodys_way,
];

async fn a_dropped_transaction_leaves_nothing(db: Db) {
    let mut tx = db.write().await.unwrap();
    wakeups::wake(&mut tx, Room::Tags, "t", "", 1).await.unwrap();
    assert_eq!(wakeups::count(&mut tx, Room::Tags).await.unwrap(), 1);
    drop(tx);
    assert_eq!(wakeups::count(&mut db.read().await.unwrap(), Room::Tags).await.unwrap(), 0);
    let mut tx = db.write().await.unwrap();
    wakeups::wake(&mut tx, Room::Tags, "t", "", 2).await.unwrap();
    assert_eq!(wakeups::pending(&mut tx, Room::Tags).await.unwrap()[0].sequence, 1, "the drawn number is drawn anew");
}

async fn a_reader_sees_one_state_while_a_writer_is_at_work(db: Db) {
    let mut writer = db.write().await.unwrap();
    let mut reader = db.read().await.unwrap();
    assert_eq!(wakeups::count(&mut reader, Room::Repos).await.unwrap(), 0);
    wakeups::wake(&mut writer, Room::Repos, "t", "src", 1).await.unwrap();
    assert_eq!(wakeups::count(&mut reader, Room::Repos).await.unwrap(), 0);
    writer.commit().await.unwrap();
    assert_eq!(wakeups::count(&mut reader, Room::Repos).await.unwrap(), 0, "it still reads the state it began with");
    drop(reader);
    assert_eq!(wakeups::count(&mut db.read().await.unwrap(), Room::Repos).await.unwrap(), 1);
}

async fn writers_go_one_after_another(db: Db) {
    let mut writers = Vec::new();
    for writer in 0..2 {
        let db = db.clone();
        writers.push(tokio::spawn(async move {
            let mut drawn = Vec::new();
            for turn in 0..25 {
                let mut tx = db.write().await.unwrap();
                drawn.push(draw_event(&mut tx, 7).await.unwrap());
                wakeups::wake(&mut tx, Room::Tags, &format!("{writer}-{turn}"), "", turn).await.unwrap();
                tx.commit().await.unwrap();
            }
            drawn
        }));
    }
    let mut drawn = Vec::new();
    for writer in writers {
        let own = writer.await.unwrap();
        assert!(own.is_sorted());
        drawn.extend(own);
    }
    drawn.sort_unstable();
    assert_eq!(drawn, (1..=50).map(|n| (7 << 20) | n).collect::<Vec<i64>>());
    let mut sequences: Vec<i64> = Vec::new();
    for wake_up in wakeups::pending(&mut db.read().await.unwrap(), Room::Tags).await.unwrap() {
        sequences.push(wake_up.sequence);
    }
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=50).collect::<Vec<i64>>());
}

async fn a_writer_that_gave_up_waiting_is_in_nobodys_way(db: Db) {
    let holder = db.write().await.unwrap();
    for _ in 0..3 {
        assert!(tokio::time::timeout(Duration::from_millis(20), db.write()).await.is_err());
    }
    holder.commit().await.unwrap();
    for turn in 0..12 {
        let mut tx = db.write().await.unwrap();
        wakeups::wake(&mut tx, Room::Tags, "t", "", turn).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(wakeups::count(&mut db.read().await.unwrap(), Room::Tags).await.unwrap(), 1);
}

/// Opens again, then with a migration that this program does not know.
async fn reopened(first: Db, open: impl AsyncFn() -> Result<Db, Error>, newer: impl FnOnce()) {
    let mut tx = first.write().await.unwrap();
    wakeups::wake(&mut tx, Room::Tags, "t", "", 1).await.unwrap();
    tx.commit().await.unwrap();
    first.close().await;
    let second = open().await.unwrap();
    assert_eq!(wakeups::count(&mut second.read().await.unwrap(), Room::Tags).await.unwrap(), 1);
    second.close().await;
    newer();
    let error = open().await.unwrap_err();
    assert!(matches!(error, Error::Newer { version: 9999 }), "{error:?}");
    assert!(!error.is_passing());
    assert_eq!(
        error.to_string(),
        "the database has schema 9999, which this version does not know: a newer one has used it"
    );
}

const UNKNOWN: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) ";

#[tokio::test]
async fn opening_twice_is_harmless_and_a_newer_schema_is_refused_on_sqlite() {
    let world = World::new();
    let file = world.path("state.sqlite");
    let newer = || {
        let sql = format!("{UNKNOWN} VALUES (9999, 'later', 1, x'00', 0)");
        let program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        let mut python = std::process::Command::new(crate::world::peer("PYTHON"));
        crate::world::run(python.args(["-c", program]).arg(&file).arg(sql)).ok();
    };
    let open = async || Db::open_sqlite(&file).await;
    reopened(open().await.unwrap(), open, newer).await;
}

#[tokio::test]
async fn opening_twice_is_harmless_and_a_newer_schema_is_refused_on_postgres() {
    let database = Database::new();
    let newer = || {
        database.query(&format!("{UNKNOWN} VALUES (9999, 'later', true, 'x', 0)"));
    };
    let open = async || Db::open_postgres(&database.url()).await;
    reopened(open().await.unwrap(), open, newer).await;
}

/// Opens a database that is not there yet from several sides at once.
async fn at_once(open: impl AsyncFn() -> Result<Db, Error>) {
    let (a, b, c, d) = tokio::join!(open(), open(), open(), open());
    for (writer, db) in [a, b, c, d].into_iter().enumerate() {
        let db = db.unwrap();
        let mut tx = db.write().await.unwrap();
        wakeups::wake(&mut tx, Room::Tags, &writer.to_string(), "", 1).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(wakeups::count(&mut db.read().await.unwrap(), Room::Tags).await.unwrap(), writer as i64 + 1);
        db.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_processes_may_open_a_new_database_at_once() {
    let database = Database::new();
    at_once(async || Db::open_postgres(&database.url()).await).await;
    for _ in 0..5 {
        let world = World::new();
        at_once(async || Db::open_sqlite(&world.path("state.sqlite")).await).await;
    }
}
