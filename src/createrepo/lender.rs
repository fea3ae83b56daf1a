//! What does somebody's metadata know of packages? Read from any writer's files, and written as ours.
//!
//! Its files are checked against its `repomd.xml` before anything is believed. Where a file turns out to be bad
//! all the same, what was taken until then is good, and the rest is read from the packages themselves.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;

use super::candidates::Candidate;
use super::known::Facts;
use super::names::known_as;
use super::old::OldRepo;
use super::pieces::{Ready, ready};
use super::run::Run;
use crate::model::chain;
use crate::repodata::read::{Decompressed, Document, Joined, Limits, Packages, Quick, Side};

/// A repository that lends what it knows.
pub(super) struct Lender {
    repo: OldRepo,
    documents: Vec<Document>,
    pub facts: Vec<Facts>,
}

/// Why a repository lends nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Useless {
    #[error("it has no {0}")]
    Missing(&'static str),
    #[error("its {kind} is of no use")]
    File {
        kind: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(transparent)]
    Content(#[from] crate::repodata::read::Error),
}

type Opened = Packages<Decompressed<'static>>;

impl Lender {
    /// Looks at what a repository knows.
    ///
    /// # Errors
    /// It lacks a file, or one that is not what its `repomd.xml` says, or does not parse.
    pub(super) fn new(repo: OldRepo, files_ext: bool) -> Result<Self, Useless> {
        let mut documents = vec![Document::Primary, Document::Filelists, Document::Other];
        if files_ext {
            documents.push(Document::FilelistsExt);
        }
        for document in &documents {
            let kind = document.as_str();
            let record = repo.repomd.record(kind).ok_or(Useless::Missing(kind))?;
            repo.check(record).map_err(|bad| Useless::File { kind, source: bad.into() })?;
        }
        let mut lender = Self { repo, documents, facts: Vec::new() };
        let mut primary = lender.open(Document::Primary)?;
        while let Some(package) = primary.next()? {
            lender.facts.push(facts(Quick::read(package)?));
        }
        Ok(lender)
    }

    /// Returns what is known, by location.
    pub(super) fn by_href(&self) -> HashMap<&str, &Facts> {
        self.facts.iter().map(|facts| (known_as(&facts.href), facts)).collect()
    }

    fn open(&self, document: Document) -> Result<Opened, Useless> {
        let kind = document.as_str();
        let bad = |source| Useless::File { kind, source };
        let record = self.repo.repomd.record(kind).ok_or(Useless::Missing(kind))?;
        let path = self.repo.place(record);
        let file = File::open(&path).map_err(|error| bad(error.into()))?;
        let opened = Decompressed::new(BufReader::new(file), Limits::default()).map_err(|error| bad(error.into()))?;
        Ok(Packages::new(opened, document, path.display().to_string(), Limits::default()))
    }

    /// Gives what is known of the `wanted` candidates, which are found by their location, one after the other to
    /// `take`, and leaves those that could not be given. Ends early where `take` says so.
    pub(super) fn lend(
        &self,
        run: &Run<'_>,
        wanted: &mut HashMap<String, Candidate>,
        take: &mut dyn FnMut(Candidate, Ready) -> bool,
    ) {
        if let Err(useless) = self.lend_all(run, wanted, take) {
            run.tell.warning(&format!("{}: {}", self.repo.name(), chain(&useless)));
        }
    }

    fn lend_all(
        &self,
        run: &Run<'_>,
        wanted: &mut HashMap<String, Candidate>,
        take: &mut dyn FnMut(Candidate, Ready) -> bool,
    ) -> Result<(), Useless> {
        let base = run.options.location.base();
        let mut sides = Vec::new();
        for document in &self.documents[1..] {
            sides.push(Side::InStep(self.open(*document)?));
        }
        let mut joined = Joined::new(self.open(Document::Primary)?, sides);
        while let Some(listed) = joined.next()? {
            let Some(candidate) = wanted.get(known_as(&listed.quick.href)) else { continue };
            let mut described = listed.described()?;
            described.href.clone_from(&candidate.href);
            if base.is_some() {
                described.base.clone_from(&base);
            }
            // A name that we let nobody have: the package is read, and refused with its reason.
            let Ok(ready) = ready(described, &run.options.content) else { continue };
            let Some(candidate) = wanted.remove(known_as(&listed.quick.href)) else { continue };
            if !take(candidate, ready) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn facts(quick: Quick) -> Facts {
    Facts {
        href: quick.href,
        base: quick.base,
        time: quick.time_file,
        built: quick.time_build,
        size: quick.size,
        algorithm: quick.checksum.algorithm,
    }
}
