//! Do both databases hold what the rooms say? Each module of `store`, every public function of it, on
//! SQLite and on PostgreSQL alike. The name of a test ends in the database it ran on.

mod events;
mod hub_rpms;
mod merged;
mod mirror;
mod outside;
mod sets;
mod tagging;
mod transactions;
mod verdicts;
mod webhooks;

use tannery::store::Db;

use crate::world::{Database, World};

/// Makes one test a database of a body that takes a fresh one.
macro_rules! on_both {
    ($($body:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $body() { crate::store::sqlite(super::$body).await; })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $body() { crate::store::postgres(super::$body).await; })*
        }
    };
}
use on_both;

/// Runs a body on a fresh SQLite file.
async fn sqlite(body: impl AsyncFnOnce(Db)) {
    let world = World::new();
    let db = Db::open_sqlite(&world.path("state.sqlite")).await.unwrap();
    assert_eq!(db.kind(), "SQLite");
    body(db.clone()).await;
    db.close().await;
}

/// Runs a body on a fresh PostgreSQL database.
async fn postgres(body: impl AsyncFnOnce(Db)) {
    let database = Database::new();
    let db = Db::open_postgres(&database.url()).await.unwrap();
    assert_eq!(db.kind(), "PostgreSQL");
    body(db.clone()).await;
    db.close().await;
}
