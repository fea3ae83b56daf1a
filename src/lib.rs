//! Tannery turns a stream of build events into always-fresh RPM repositories and composes.
//!
//! The rooms, in the order the data takes (a room names rooms of lower layers only; the test
//! `rooms` holds this table against the code):
//!
//! | layer | rooms | what they answer |
//! |---|---|---|
//! | 10 | [`cli`] | what a person types |
//! | 9 | [`app`] | how the rooms are joined |
//! | 8 | [`http`] | what a program asks over HTTP |
//! | 6 | [`repos`] [`compose`] | what is derived: live repositories, composes |
//! | 5 | [`tags`] | what a tag means: events in, package sets out |
//! | 4 | [`buildsys`] [`outbox`] [`createrepo`] [`repotools`] | asking the build system; telling the world; a directory as a repository; looking into anybody's |
//! | 3 | [`rpms`] | what a file says, known once |
//! | 2 | [`store`] [`bus`] [`events`] [`repodata`] [`fetch`] [`demo`] | the edges: SQL and files, bytes, meaning, metadata, other people's files; packages to try things with |
//! | 1 | [`config`] [`clock`] [`lifecycle`] [`process`] | what every room stands on; starting programs |
//! | 0 | [`model`] | what things are |

pub mod app;
pub mod buildsys;
pub mod bus;
pub mod cli;
pub mod clock;
pub mod compose;
pub mod config;
pub mod createrepo;
pub mod demo;
pub mod events;
pub mod fetch;
pub mod http;
pub mod lifecycle;
pub mod model;
pub mod outbox;
pub mod process;
pub mod repodata;
pub mod repos;
pub mod repotools;
pub mod rpms;
pub mod store;
pub mod tags;
