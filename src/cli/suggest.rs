//! What was meant? The nearest existing name, for one that does not exist.

use crate::app::App;
use crate::model::{Nvr, TagName};
use crate::store::{builds, tags};
use crate::tags::EditError;

/// How many builds are compared with one that is not there: the newest.
const BUILDS: i64 = 20_000;

/// Returns the error about a name that does not exist, with the nearest one that does.
pub(super) fn unknown<'a>(error: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> anyhow::Error {
    match nearest(name, known) {
        Some(nearest) => anyhow::anyhow!("{error}; did you mean {nearest}?"),
        None => anyhow::anyhow!("{error}"),
    }
}

fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(name, other);
    let (distance, best) = known.into_iter().map(|other| (distance(other), other)).min()?;
    (distance <= 1 + name.chars().count() / 4).then_some(best)
}

/// Returns the error about a tag that does not exist.
pub(super) async fn no_such_tag(app: &App, name: &TagName) -> anyhow::Result<anyhow::Error> {
    let mut tx = app.db.read().await?;
    let all = tags::all(&mut tx, &app.config.buildsys.id).await?;
    let error = EditError::NoSuchTag(name.clone()).to_string();
    Ok(unknown(&error, name.as_str(), all.iter().map(|tag| tag.name.as_str())))
}

async fn no_such_build(app: &App, nvr: &Nvr) -> anyhow::Result<anyhow::Error> {
    let mut tx = app.db.read().await?;
    let newest = builds::newest(&mut tx, &app.config.buildsys.id, BUILDS).await?;
    let names: Vec<String> = newest.iter().map(ToString::to_string).collect();
    let error = EditError::NoSuchBuild(nvr.clone()).to_string();
    Ok(unknown(&error, &nvr.to_string(), names.iter().map(String::as_str)))
}

/// Returns the error of an edit; one about a name that does not exist with the nearest that does.
pub(super) async fn explained(app: &App, error: EditError) -> anyhow::Error {
    let explained = match &error {
        EditError::NoSuchTag(name) => no_such_tag(app, name).await,
        EditError::NoSuchBuild(nvr) => no_such_build(app, nvr).await,
        _ => return error.into(),
    };
    explained.unwrap_or_else(|_| error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_near_name_is_suggested() {
        let known = ["f43", "f43-updates", "epel"];
        assert_eq!(nearest("f43-updaets", known), Some("f43-updates"));
        assert_eq!(nearest("rawhide", known), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(unknown("no tag f34", "f34", known).to_string(), "no tag f34; did you mean f43?");
    }
}
