//! Is a hub in trouble waited for? The last sets are served meanwhile, marked as old, and nobody has to do anything.

use serde_json::json;

use super::{By, Rig};
use crate::world::hub::Trouble;
use crate::world::{SOON, eventually};

/// Has a hub in trouble while a build is tagged, until the service says that its sets are old; then it is well again.
fn waited_for(trouble: Trouble) {
    let rig = Rig::new(By::Messages);
    let before = rig.shown("base");
    rig.koji.trouble(trouble);
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_stale();
    assert_eq!(rig.shown("base"), before);
    rig.koji.well();
    rig.is_right();
    rig.is_fresh();
}

impl Rig {
    fn is_stale(&self) {
        eventually(SOON, "a word that the hub does not answer", || {
            let status: serde_json::Value = serde_json::from_str(&self.site.get("/api/v1/status").text()).unwrap();
            status["hub"]["stale_since"].is_string()
        });
        assert_eq!(self.metric("tannery_hub_up"), 0);
    }

    fn is_fresh(&self) {
        eventually(SOON, "a word that the hub answers", || self.metric("tannery_hub_up") == 1);
    }
}

#[test]
fn a_hub_that_is_offline() {
    waited_for(Trouble::Offline);
}

#[test]
fn a_hub_behind_a_server_that_is_overrun() {
    waited_for(Trouble::Status(503, Some(1)));
}

#[test]
fn answers_that_are_cut_short() {
    waited_for(Trouble::Truncated(120));
}

#[test]
fn connections_that_break_in_the_middle_of_an_answer() {
    waited_for(Trouble::Cut(120));
}

#[test]
fn a_page_for_people_in_place_of_an_answer() {
    waited_for(Trouble::Page);
}

#[test]
fn an_answer_of_another_shape() {
    waited_for(Trouble::Wrong(json!([[], "nothing"])));
}

#[test]
fn a_hub_that_is_away_also_while_the_service_is_started_again() {
    let rig = Rig::new(By::Probes);
    let before = rig.shown("base");
    rig.koji.go_away();
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_stale();
    rig.kill();
    rig.serve();
    rig.is_stale();
    assert_eq!(rig.shown("base"), before);
    rig.koji.come_back();
    rig.is_right();
    rig.is_fresh();
}

#[test]
fn history_that_is_answered_empty_empties_nothing() {
    let rig = Rig::new(By::Checks);
    let tables = ["tag_config", "tag_extra", "tag_inheritance", "tag_external_repos", "tag_packages", "tag_listing"];
    let nothing: serde_json::Map<_, _> = tables.iter().map(|table| ((*table).to_owned(), json!([]))).collect();
    let before = rig.shown("base");
    rig.koji.trouble_for(usize::MAX, Some("queryHistory"), Trouble::Wrong(nothing.into()));
    rig.says("the hub contradicts itself");
    assert_eq!(rig.shown("base"), before);
    rig.koji.well();
    rig.say(rig.koji.tag_build("base", "beta-2-1"));
    rig.is_right();
}
