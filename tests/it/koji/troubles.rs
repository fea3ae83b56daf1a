//! What does the client do when the hub does not answer, or answers nonsense?

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tannery::buildsys::koji::calls::{self, TaggedBuild, TaggedRpm, TaggedRpms, Taken};
use tannery::buildsys::koji::xmlrpc::Limits;
use tannery::buildsys::koji::{Error, Sink};

use super::Rig;
use crate::world::SOON;
use crate::world::hub::Trouble;

fn whole(rig: &Rig) -> TaggedRpms<'static> {
    TaggedRpms { tag_id: 1, event: rig.koji.last_event(), inherit: false, latest: false, package: None, arches: &[] }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    let rig = Rig::new().filled();
    for trouble in [Trouble::Offline, Trouble::Status(502, None), Trouble::Status(429, Some(3600)), Trouble::Cut(90)] {
        let before = rig.hub.calls().get("getLastEvent").copied().unwrap_or_default();
        rig.koji.trouble_for(2, None, trouble.clone());
        assert!(rig.hub.ask(calls::last_event()).await.is_ok(), "{trouble:?}");
        assert_eq!(rig.hub.calls()["getLastEvent"] - before, 3, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_hub_that_stays_away_is_not_asked_for_ever_and_found_again() {
    let rig = Rig::new().filled();
    rig.koji.trouble(Trouble::Offline);
    let error = rig.hub.ask(calls::last_event()).await.unwrap_err();
    assert!(matches!(error, Error::Fault { code: 1014, .. }) && error.is_transient(), "{error}");
    assert_eq!(rig.hub.calls()["getLastEvent"], 3);
    rig.koji.go_away();
    let error = rig.hub.ask(calls::last_event()).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }) && error.is_transient(), "{error}");
    rig.koji.come_back();
    rig.koji.well();
    assert!(rig.hub.ask(calls::last_event()).await.is_ok());
}

#[tokio::test]
async fn what_stays_wrong_is_asked_once() {
    let rig = Rig::new().filled();
    for (trouble, said) in [
        (Trouble::Page, "getLastEvent: the answer cannot be read"),
        (Trouble::Truncated(150), "getLastEvent: the answer cannot be read"),
        (Trouble::Truncated(0), "getLastEvent: the answer cannot be read"),
        (Trouble::Status(404, None), "getLastEvent: the server answers with status 404"),
        (Trouble::Wrong(json!([1])), "getLastEvent: the event of the answer is an array"),
        (Trouble::Wrong(json!({ "id": 5 })), "getLastEvent: ts of the answer is missing"),
    ] {
        let before = rig.hub.calls().get("getLastEvent").copied().unwrap_or_default();
        rig.koji.trouble(trouble.clone());
        let error = rig.hub.ask(calls::last_event()).await.unwrap_err();
        assert!(error.to_string() == said && !error.is_transient(), "{trouble:?}: {error}");
        assert_eq!(rig.hub.calls()["getLastEvent"] - before, 1, "{trouble:?}");
    }
}

#[tokio::test]
async fn no_part_of_a_large_answer_passes_for_the_whole() {
    let rig = Rig::new().filled();
    let all = rig.hub.tagged_rpms(&whole(&rig), Taken::default()).await.unwrap();
    for gone in [1, 2, 40, 3_000, 9_000] {
        // Of an answer of unknown length, from the end on.
        let size = 40_000 - gone;
        rig.koji.trouble(Trouble::Truncated(size.min(15_000)));
        assert!(rig.hub.tagged_rpms(&whole(&rig), Taken::default()).await.is_err());
    }
    for wrong in [json!([]), json!([[]]), json!([[], [], []]), json!({}), json!([[1], []]), json!([[{}], []])] {
        rig.koji.trouble(Trouble::Wrong(wrong.clone()));
        assert!(rig.hub.tagged_rpms(&whole(&rig), Taken::default()).await.is_err(), "{wrong}");
    }
    // Rows of a try that broke off are not kept.
    rig.koji.trouble_for(2, None, Trouble::Cut(15_000));
    assert_eq!(rig.hub.tagged_rpms(&whole(&rig), Taken::default()).await.unwrap(), all);
}

#[tokio::test]
async fn answers_of_many_calls_are_all_there_or_refused() {
    let rig = Rig::new().filled();
    for wrong in [json!([]), json!([[true]]), json!([[true], [true], [true]]), json!([[true], true]), json!([[], []])] {
        rig.koji.trouble(Trouble::Wrong(wrong.clone()));
        let asks = vec![calls::changed_since(1, &[1]), calls::changed_since(2, &[1])];
        assert!(rig.hub.ask_all(asks).await.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn an_answer_beyond_a_limit_is_refused_also_when_it_is_small_on_the_wire() {
    let rig = Rig::with(|settings| settings.limits = Limits { bytes: 9_000, ..Limits::default() }).filled();
    rig.koji.gzip(true);
    let error = rig.hub.tagged_rpms(&whole(&rig), Taken::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "listTaggedRPMS: the answer has more than 9000 bytes");
    assert!(rig.hub.ask(calls::last_event()).await.is_ok());
}

#[tokio::test]
async fn a_hub_that_is_silent_is_given_up() {
    let rig = Rig::with(|settings| {
        settings.silence = Duration::from_millis(50);
        settings.tries = 2;
    });
    rig.koji.trouble(Trouble::Held);
    let error = rig.hub.ask(calls::last_event()).await.unwrap_err();
    assert!(matches!(error, Error::Network { .. }), "{error}");
    assert_eq!(rig.hub.calls()["getLastEvent"], 2);
    rig.koji.well();
}

#[tokio::test]
async fn no_more_calls_than_allowed_reach_the_hub_at_once() {
    let rig = Arc::new(Rig::with(|settings| settings.in_flight = 3));
    rig.koji.trouble(Trouble::Held);
    let asking: Vec<_> = (0..12)
        .map(|_| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.hub.ask(calls::last_event()).await.is_ok() })
        })
        .collect();
    let all_places_taken = async {
        while rig.koji.open().0 < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, all_places_taken).await.unwrap();
    rig.koji.well();
    for asking in asking {
        assert!(asking.await.unwrap());
    }
    assert_eq!(rig.koji.open(), (0, 3));
    assert_eq!(rig.koji.asked()["getLastEvent"], 12);
}

struct Full;

impl Sink for Full {
    fn begin(&mut self) {}

    fn rpm(&mut self, _: TaggedRpm) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Err("no room".into())
    }

    fn build(&mut self, _: TaggedBuild) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_that_refuses_a_row_ends_the_call() {
    let rig = Rig::new().filled();
    let error = rig.hub.tagged_rpms(&whole(&rig), Full).await.err().unwrap();
    assert!(matches!(error, Error::Sink { .. }) && !error.is_transient(), "{error}");
    assert_eq!(rig.hub.calls()["listTaggedRPMS"], 1);
}
