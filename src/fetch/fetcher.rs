//! Whom do we ask, and how often? Mirrors in turn, pauses that grow, until one gives the right bytes.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;

use super::error::{Attempt, Error, Failure, Next};
use super::place::Place;
use super::sink::{Answer, Fetched, Wanted};
use super::{client, local};
use crate::clock::Clock;

/// How patient a fetcher is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long to wait for a connection, and for each next piece of an answer.
    pub stall: Duration,
    /// How often each place is asked that might yet succeed.
    pub rounds: u32,
    /// The pause after the first round; each next one is twice as long.
    pub pause: Duration,
    /// How many redirects are followed.
    pub redirects: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { stall: Duration::from_secs(30), rounds: 4, pause: Duration::from_millis(500), redirects: 10 }
    }
}

/// What a place is asked.
#[derive(Clone, Copy)]
enum Question<'w> {
    Get(&'w Wanted),
    Stat,
}

/// What a place says.
enum Said {
    Answer(Answer),
    Size(Option<u64>),
}

/// Longest pause between two rounds.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Gets files from paths and servers. Connections are kept and shared.
#[derive(Debug)]
pub struct Fetcher {
    clock: Clock,
    settings: Settings,
    client: OnceLock<Client>,
}

impl Fetcher {
    /// Returns a fetcher; it connects to nobody yet.
    pub fn new(clock: Clock, settings: Settings) -> Self {
        Self { clock, settings, client: OnceLock::new() }
    }

    /// Gets the file `name` below one of `bases`, which hold the same: the first that gives the bytes
    /// that are wanted. A place that fails for a moment is asked again, after all others.
    ///
    /// # Errors
    /// No place gives it, or it cannot be kept.
    pub async fn get(&self, bases: &[Place], name: &str, wanted: &Wanted) -> Result<Answer, Error> {
        match self.each(bases, name, Question::Get(wanted)).await? {
            Said::Answer(answer) => Ok(answer),
            // Nobody was asked for that.
            Said::Size(_) => Err(Error::NoPlace),
        }
    }

    /// As [`Fetcher::get`] of a file that has no conditions.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn fetch(&self, bases: &[Place], name: &str, wanted: &Wanted) -> Result<Fetched, Error> {
        let unconditional = Wanted { unless: None, ..wanted.clone() };
        match self.get(bases, name, &unconditional).await? {
            Answer::Got(fetched) => Ok(fetched),
            // No server was asked conditionally, and `client::get` takes no 304 then.
            Answer::Unchanged => Err(Error::NoPlace),
        }
    }

    /// Returns how many bytes the file `name` has, where somebody says so, without getting it.
    ///
    /// # Errors
    /// No place has it.
    pub async fn stat(&self, bases: &[Place], name: &str) -> Result<Option<u64>, Error> {
        match self.each(bases, name, Question::Stat).await? {
            Said::Size(size) => Ok(size),
            // Nobody was asked for that.
            Said::Answer(_) => Err(Error::NoPlace),
        }
    }

    async fn each(&self, bases: &[Place], name: &str, question: Question<'_>) -> Result<Said, Error> {
        let mut places = Vec::new();
        for base in bases {
            places.push(if name.is_empty() { base.clone() } else { base.join(name)? });
        }
        let mut failed: Vec<Option<Attempt>> = places.iter().map(|_| None).collect();
        for round in 0..self.settings.rounds.max(1) {
            if round > 0 {
                tokio::time::sleep(self.pause(round)).await;
            }
            for (place, failed) in places.iter().zip(&mut failed) {
                if failed.as_ref().is_some_and(|attempt| attempt.failure.next() == Next::Elsewhere) {
                    continue;
                }
                match self.put(question, place).await {
                    Ok(answer) => return Ok(answer),
                    Err(Failure::Write(error)) => return Err(Error::Write(error)),
                    Err(failure) => *failed = Some(Attempt { place: place.clone(), failure }),
                }
            }
            if failed.iter().flatten().all(|attempt| attempt.failure.next() == Next::Elsewhere) {
                break;
            }
        }
        let mut failed: Vec<Attempt> = failed.into_iter().flatten().collect();
        match (failed.len(), failed.pop()) {
            (1, Some(attempt)) => Err(Error::One(Box::new(attempt))),
            (_, Some(last)) => {
                failed.push(last);
                Err(Error::All(failed))
            }
            (_, None) => Err(Error::NoPlace),
        }
    }

    async fn put(&self, question: Question<'_>, place: &Place) -> Result<Said, Failure> {
        match (question, place) {
            (Question::Get(wanted), place) => self.ask(place, wanted).await.map(Said::Answer),
            (Question::Stat, Place::Path(path)) => Ok(Said::Size(Some(local::stat(path)?))),
            (Question::Stat, Place::Url(url)) => client::stat(self.client()?, url).await.map(Said::Size),
        }
    }

    async fn ask(&self, place: &Place, wanted: &Wanted) -> Result<Answer, Failure> {
        match place {
            Place::Url(url) => client::get(self.client()?, url, wanted).await,
            Place::Path(path) => {
                let (path, wanted) = (path.clone(), wanted.clone());
                let read = tokio::task::spawn_blocking(move || local::get(&path, &wanted)).await;
                read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            }
        }
    }

    fn client(&self) -> Result<&Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = client::client(self.settings.stall, self.settings.redirects).map_err(Failure::Http)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Returns how long to wait before a round: between half of the pause and all of it, so that many
    /// clients do not come back at once.
    fn pause(&self, round: u32) -> Duration {
        let whole = self.settings.pause.saturating_mul(1 << (round - 1).min(16)).min(LONGEST_PAUSE);
        let digits = self.clock.uuid();
        let chance = u32::from_str_radix(digits.get(..8).unwrap_or_default(), 16).unwrap_or_default();
        whole.mul_f64(0.5 + f64::from(chance) / f64::from(u32::MAX) / 2.0)
    }
}
