//! One executable for all stories, so that the crate links once.

// A test ends at what it did not expect; the helpers of tests do too.
#![allow(clippy::unwrap_used)]

mod assembled;
mod bus;
mod bus_check;
mod checkers;
mod cli;
mod clients;
mod compose;
mod createrepo;
mod durable;
mod export;
mod following;
mod full_disk;
mod histories;
mod hub;
mod kill;
mod koji;
mod made;
mod memory;
mod merged;
mod metadata_format;
mod order;
mod parity;
mod peers;
mod publishing;
mod python_messages;
mod records;
mod refreshes;
mod repo_merge;
mod repo_sync;
mod repo_tools;
mod rooms;
mod services;
mod signed;
mod store;
mod story;
mod trusted;
mod verified;
mod webhooks;
mod world;
