//! Who is told of every message by HTTP? The `[[webhook]]` sections.
//!
//! Secrets are read from their files with the configuration, as tokens are; nothing is sent here.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, de};

use super::address::{Address, Secret, receiver};
use super::error::Error;
use super::overrides::Sources;
use super::sections::{is_routing_pattern, short_name};
use super::tokens::read_tokens;

/// A pattern over topics, as brokers bind queues: words between dots, `*` is one word, `#` any number of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern(String);

/// A text that is not a [`TopicPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a pattern over topics: write words between dots, a word being text, * (one) or # (any number)")]
pub struct BadTopicPattern(String);

impl TopicPattern {
    /// Returns whether the pattern takes a topic.
    pub fn takes(&self, topic: &str) -> bool {
        let mut pattern: Vec<&str> = self.0.split('.').collect();
        // Several in a row say no more than one, and cost a try each.
        pattern.dedup_by(|a, b| *a == "#" && *b == "#");
        takes(&pattern, &topic.split('.').collect::<Vec<_>>())
    }
}

fn takes(pattern: &[&str], topic: &[&str]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return topic.is_empty() };
    match (*first, topic.split_first()) {
        ("#", _) => (0..=topic.len()).any(|skipped| takes(rest, &topic[skipped..])),
        (_, None) => false,
        ("*", Some((_, others))) => takes(rest, others),
        (word, Some((own, others))) => word == *own && takes(rest, others),
    }
}

impl FromStr for TopicPattern {
    type Err = BadTopicPattern;
    fn from_str(text: &str) -> Result<Self, BadTopicPattern> {
        if text.is_empty() || !is_routing_pattern(text) {
            return Err(BadTopicPattern(text.chars().take(60).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TopicPattern {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input)?.parse().map_err(de::Error::custom)
    }
}

/// A receiver of messages by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The name by which its place in the messages is kept.
    pub name: String,
    /// Where messages are posted, `http` or `https`.
    pub url: Address,
    /// What messages are signed with.
    pub secret: Secret,
    /// Which topics it is told of, without the prefix of the broker's; never empty.
    pub topics: Vec<TopicPattern>,
    /// Authorities that may vouch for it beside the system's, a PEM file. Only with `https`.
    pub ca: Option<PathBuf>,
}

impl Webhook {
    /// Returns whether it is told of a topic.
    pub fn takes(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| pattern.takes(topic))
    }
}

/// `[[webhook]]`, as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a webhook")]
pub(super) struct RawWebhook {
    #[serde(deserialize_with = "short_name")]
    name: String,
    #[serde(deserialize_with = "receiver")]
    url: Address,
    secret_file: PathBuf,
    #[serde(default = "every_topic")]
    topics: Vec<TopicPattern>,
    ca: Option<PathBuf>,
}

fn every_topic() -> Vec<TopicPattern> {
    vec![TopicPattern("#".to_owned())]
}

/// Reads the secrets and refuses what does not go together.
pub(super) fn resolve(list: Vec<RawWebhook>, sources: &Sources) -> Result<Vec<Webhook>, Error> {
    let mut names = BTreeSet::new();
    let mut webhooks = Vec::new();
    for (number, raw) in list.into_iter().enumerate() {
        let key = |name: &str| format!("webhook.{number}.{name}");
        if !names.insert(raw.name.clone()) {
            return Err(sources.refuse(&key("name"), format!("{} is the name of two webhooks", raw.name)));
        }
        if raw.topics.is_empty() {
            return Err(sources.refuse(&key("topics"), "needs at least one pattern"));
        }
        if raw.ca.is_some() && raw.url.scheme() != "https" {
            return Err(sources.refuse(&key("ca"), "has no effect without TLS: url must begin with https://"));
        }
        webhooks.push(Webhook {
            secret: secret(&key("secret_file"), &raw.secret_file, sources)?,
            ca: raw.ca.map(|path| sources.path(&key("ca"), &path)).transpose()?,
            name: raw.name,
            url: raw.url,
            topics: raw.topics,
        });
    }
    Ok(webhooks)
}

fn secret(key: &str, path: &std::path::Path, sources: &Sources) -> Result<Secret, Error> {
    let path = sources.path(key, path)?;
    let mut secrets = read_tokens(key, &path, sources)?.into_iter();
    match (secrets.next(), secrets.next()) {
        (Some(secret), None) => Ok(secret),
        _ => Err(sources.refuse(key, format!("{} holds more than one secret", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_word_and_a_hash_any_number() {
        for (pattern, topic, taken) in [
            ("#", "tannery.tag.changed", true),
            ("tannery.#", "tannery.tag.changed", true),
            ("tannery.#", "tannery", true),
            ("tannery.#", "pungi.compose.status.change", false),
            ("tannery.*", "tannery.tag.changed", false),
            ("tannery.*.changed", "tannery.tag.changed", true),
            ("#.status.#", "pungi.compose.status.change", true),
            ("#.status.#", "tannery.compose.status", true),
            ("#.#.#.#.#.#.#.#.#.#.#.#.#.#.x", "tannery.compose.status", false),
            ("tannery.tag", "tannery.tag.changed", false),
        ] {
            assert_eq!(pattern.parse::<TopicPattern>().unwrap().takes(topic), taken, "{pattern} {topic}");
        }
        for bad in ["", "tannery.tag*", "a.#b", "a\nb", &"x".repeat(256)] {
            assert!(bad.parse::<TopicPattern>().is_err(), "{bad:?}");
        }
    }
}
