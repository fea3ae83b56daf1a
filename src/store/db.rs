//! Which database is it, SQLite or PostgreSQL? The one door that knows; everything else speaks one SQL.
//!
//! Writers go one after another in both: SQLite has one writer, PostgreSQL takes an advisory lock as
//! the first statement of a write transaction. So what a transaction reads cannot change before it
//! commits, and numbers drawn in it are in the order of commit. No retry for serialisation failures
//! is needed, since there are none.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Postgres, SqlSafeStr, Sqlite, Transaction};

use super::durable::Lock;
pub(super) use super::error::Error;

/// Returns text for people without the one character that PostgreSQL cannot hold.
pub(crate) fn without_nul(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// Reads a value that a column holds as text.
pub(crate) fn parse<T: FromStr<Err: std::fmt::Display>>(column: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|error: T::Err| Error::Corrupt { column, why: error.to_string() })
}

/// Reads a value that a column holds as JSON.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(column: &'static str, text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Corrupt { column, why: error.to_string() })
}

/// Writes a value as the JSON that a column holds.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("lists of names and numbers are always JSON")
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite in WAL mode: one writer, several readers.
    Lite {
        /// The one writing connection.
        writer: SqlitePool,
        /// Connections that cannot write.
        reader: SqlitePool,
    },
    /// PostgreSQL.
    Pg(PgPool),
}

/// A transaction that reads one state of the database. Dropped, it is rolled back.
pub struct Tx {
    pub(super) inner: Inner,
}

pub(super) enum Inner {
    Lite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A transaction that may write; no other one writes before it has ended.
pub struct Write {
    tx: Tx,
}

impl std::ops::Deref for Write {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl std::ops::DerefMut for Write {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

/// Runs a statement; gives the number of rows it changed.
macro_rules! exec {
    ($tx:expr, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut $tx.inner {
            $crate::store::db::Inner::Lite(c) => sqlx::query($sql)$(.bind($arg))*.execute(&mut **c).await.map(|done| done.rows_affected()),
            $crate::store::db::Inner::Pg(c) => sqlx::query($sql)$(.bind($arg))*.execute(&mut **c).await.map(|done| done.rows_affected()),
        }
    };
}

/// Reads all rows, as tuples of the given type.
macro_rules! fetch {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut $tx.inner {
            $crate::store::db::Inner::Lite(c) => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **c).await,
            $crate::store::db::Inner::Pg(c) => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_all(&mut **c).await,
        }
    };
}

/// Reads the first row, if there is one.
macro_rules! fetch_optional {
    ($tx:expr, $row:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut $tx.inner {
            $crate::store::db::Inner::Lite(c) => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **c).await,
            $crate::store::db::Inner::Pg(c) => sqlx::query_as::<_, $row>($sql)$(.bind($arg))*.fetch_optional(&mut **c).await,
        }
    };
}

/// Reads the one value of the one row.
macro_rules! fetch_value {
    ($tx:expr, $value:ty, $sql:expr $(, $arg:expr)* $(,)?) => {
        match &mut $tx.inner {
            $crate::store::db::Inner::Lite(c) => sqlx::query_scalar::<_, $value>($sql)$(.bind($arg))*.fetch_one(&mut **c).await,
            $crate::store::db::Inner::Pg(c) => sqlx::query_scalar::<_, $value>($sql)$(.bind($arg))*.fetch_one(&mut **c).await,
        }
    };
}

/// Picks the text for the database at hand, where the two do not agree: SQLite's, PostgreSQL's.
macro_rules! dialect {
    ($tx:expr, $lite:expr, $pg:expr) => {
        match &$tx.inner {
            $crate::store::db::Inner::Lite(_) => $lite,
            $crate::store::db::Inner::Pg(_) => $pg,
        }
    };
}

pub(super) use {dialect, exec, fetch, fetch_optional, fetch_value};

/// How long a statement waits for another process's writer before it fails.
const BUSY: Duration = Duration::from_secs(30);

/// The key of PostgreSQL's advisory lock for writers: "tannery" in ASCII.
const WRITERS: &str = "SELECT pg_advisory_xact_lock(32758420461384313)";

impl Db {
    /// Opens the SQLite database in `file`, made if it is not there, and brings its schema up to date.
    pub async fn open_sqlite(file: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY);
        // SQLite has no lock of its own for migrations, nor for the step to WAL: one process at a time.
        let lock = beside(file, "-schema.lock");
        let taken = tokio::task::spawn_blocking(move || Lock::wait(&lock)).await;
        let alone = taken.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        let place = file.display().to_string();
        let writer = lite_pool(1).connect_with(options.clone()).await;
        let writer = writer.map_err(Error::open(&place))?;
        migrator(SQLITE).run(&writer).await.map_err(Error::schema(place))?;
        drop(alone);
        let reader = lite_pool(8).connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(Self::Lite { writer, reader })
    }

    /// Opens the PostgreSQL database at `url` and brings its schema up to date.
    pub async fn open_postgres(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url).map_err(Error::open("of state.url"))?;
        let options = options.application_name("tannery");
        let (name, host, port) = (options.get_database().unwrap_or_default(), options.get_host(), options.get_port());
        let place = format!("{name} on {host}:{port}");
        // A pool tries until the time is up, and no longer knows why; one connection says it at once.
        let first = tokio::time::timeout(BUSY, PgConnection::connect_with(&options)).await;
        let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(Error::open(&place))?;
        first.close().await.map_err(Error::open(&place))?;
        let pool = PgPoolOptions::new().max_connections(10).acquire_timeout(BUSY).connect_with(options).await;
        let pool = pool.map_err(Error::open(&place))?;
        migrator(POSTGRES).run(&pool).await.map_err(Error::schema(place))?;
        Ok(Self::Pg(pool))
    }

    /// Begins a transaction that only reads.
    pub async fn read(&self) -> Result<Tx, Error> {
        let inner = match self {
            Self::Lite { reader, .. } => Inner::Lite(reader.begin().await?),
            Self::Pg(pool) => Inner::Pg(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        };
        Ok(Tx { inner })
    }

    /// Begins a transaction that may write; waits for the one before it to end.
    pub async fn write(&self) -> Result<Write, Error> {
        let inner = match self {
            Self::Lite { writer, .. } => Inner::Lite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Pg(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(WRITERS).execute(&mut *transaction).await?;
                Inner::Pg(transaction)
            }
        };
        Ok(Write { tx: Tx { inner } })
    }

    /// Returns the name of the database kind, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Lite { .. } => "SQLite",
            Self::Pg(_) => "PostgreSQL",
        }
    }

    /// Closes all connections, after those in use are given back.
    pub async fn close(&self) {
        match self {
            Self::Lite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Self::Pg(pool) => pool.close().await,
        }
    }
}

/// Returns a pool that gives out no connection which believes to be in a transaction still.
///
/// Where the disk is full SQLite rolls back by itself; sqlx then fails to, and counts the transaction as
/// open for ever. Such a connection is closed, and the next one is new.
fn lite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

impl Write {
    /// Makes everything done in this transaction durable.
    pub async fn commit(self) -> Result<(), Error> {
        match self.tx.inner {
            Inner::Lite(transaction) => transaction.commit().await?,
            Inner::Pg(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Draws the next number of a counter, from 1.
    pub(crate) async fn next(&mut self, counter: &'static str) -> Result<i64, Error> {
        self.next_of(counter, 1).await
    }

    /// Draws the next `count` numbers of a counter; gives the first of them.
    pub(crate) async fn next_of(&mut self, counter: &'static str, count: usize) -> Result<i64, Error> {
        let sql = "INSERT INTO counters (name, value) VALUES ($1, $2) \
                   ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value";
        let count = count as i64;
        Ok(fetch_value!(self, i64, sql, counter, count)? - count + 1)
    }
}

type Step = (i64, &'static str, &'static str);

macro_rules! steps {
    ($folder:literal) => {
        &[
            (1, "events", include_str!(concat!("../../migrations/", $folder, "/0001_events.sql"))),
            (2, "builds", include_str!(concat!("../../migrations/", $folder, "/0002_builds.sql"))),
            (3, "tags", include_str!(concat!("../../migrations/", $folder, "/0003_tags.sql"))),
            (4, "pkgsets", include_str!(concat!("../../migrations/", $folder, "/0004_pkgsets.sql"))),
            (5, "repos", include_str!(concat!("../../migrations/", $folder, "/0005_repos.sql"))),
            (6, "composes", include_str!(concat!("../../migrations/", $folder, "/0006_composes.sql"))),
            (7, "outbox", include_str!(concat!("../../migrations/", $folder, "/0007_outbox.sql"))),
        ]
    };
}

const SQLITE: &[Step] = steps!("sqlite");
const POSTGRES: &[Step] = steps!("postgres");

fn migrator(steps: &[Step]) -> Migrator {
    let one = |(version, name, sql): &Step| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*sql).into_sql_str(), false)
    };
    Migrator::with_migrations(steps.iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_folders_hold_the_same_steps() {
        assert_eq!(SQLITE.len(), POSTGRES.len());
        for (lite, pg) in SQLITE.iter().zip(POSTGRES) {
            assert_eq!((lite.0, lite.1), (pg.0, pg.1));
            assert_eq!(lite.2.replace(" BLOB ", " BYTEA "), pg.2);
        }
        let files = std::fs::read_dir("migrations/sqlite").unwrap().count();
        assert_eq!(files, SQLITE.len());
    }

    #[tokio::test]
    async fn a_database_that_cannot_be_opened_is_named_without_its_password() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.sqlite");
        std::fs::write(&file, "no database, but a text as long as its header ".repeat(99)).unwrap();
        let error = Db::open_sqlite(&file).await.unwrap_err().to_string();
        assert_eq!(error, format!("cannot open the database {}", file.display()));
        let error = Db::open_postgres("postgres://me:secret@127.0.0.1:1/oak").await.unwrap_err();
        assert_eq!(error.to_string(), "cannot open the database oak on 127.0.0.1:1");
        let told = crate::model::chain(&error);
        assert!(told.contains("Connection refused") && !told.contains("secret"), "{told}");
    }

    #[tokio::test]
    async fn after_a_full_disk_writing_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        exec!(tx, "CREATE TABLE big (bytes BLOB)").unwrap();
        fetch_value!(tx, i64, "PRAGMA max_page_count = 1").unwrap();
        let full = exec!(tx, "INSERT INTO big VALUES (zeroblob(1000000))").unwrap_err();
        assert!(full.to_string().contains("full"), "{full}");
        drop(tx);
        let mut tx = db.write().await.unwrap();
        assert_eq!(tx.next("x").await.unwrap(), 1);
        tx.commit().await.unwrap();
    }

    #[tokio::test]
    async fn a_transaction_that_is_dropped_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open_sqlite(&dir.path().join("state.sqlite")).await.unwrap();
        let mut tx = db.write().await.unwrap();
        assert_eq!(tx.next("x").await.unwrap(), 1);
        drop(tx);
        let mut tx = db.write().await.unwrap();
        assert_eq!(tx.next("x").await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(db.write().await.unwrap().next("x").await.unwrap(), 2);
    }
}
