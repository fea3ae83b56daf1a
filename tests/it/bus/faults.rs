//! Does the service come through what happens to brokers, without an operator and without loss? The built program
//! against the real RabbitMQ: killed, gone silent, refusing the login, without our queue, out of patience.

use tannery::store::Db;

use super::proxy::{Direction, Proxy};
use super::story::{MESSAGES, Story};
use crate::world::hub::{Hub, NewBuild};
use crate::world::{Broker, OwnBroker, SOON, Site, Store, World, eventually, rabbitmqctl};

/// Enough messages that some are on their way whenever something happens.
const SOME: usize = MESSAGES / 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_killed_while_messages_stream_both_ways_costs_none() {
    let mut broker = OwnBroker::new();
    let story = Story::begin(&broker.url(), &broker.url()).await;
    broker.write_definitions();
    let mut stream = story.send();
    stream.confirmed(SOME).await;
    broker.kill();
    story.comes_to("the loss", Story::is_cut_off);
    story.site.run(&["tag", "create", "made-meanwhile", "--arch", "x86_64"]).ok();
    broker.start();
    stream.confirmed(3 * SOME).await;
    story.comes_to("both links", Story::is_connected);
    broker.kill();
    broker.start();
    stream.ended().await;
    story.comes_to("a third consumer", |story| story.metric("tannery_bus_connects_total") == 3);
    story.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_go_silent_without_an_end_are_left_for_new_ones() {
    let broker = Broker::new();
    let (proxy, through) = Proxy::before(&broker.url()).await;
    let story = Story::begin(&broker.url(), &through).await;
    let mut stream = story.send();
    stream.confirmed(SOME).await;
    proxy.silence(Direction::Both);
    story.comes_to("new links", |_| proxy.made() >= 4);
    story.comes_to("another consumer", |story| story.metric("tannery_bus_connects_total") >= 2);
    stream.ended().await;
    story.ends_well().await;
}

/// What we send arrives, but no confirm and no message comes: half an answer is none.
#[tokio::test(flavor = "multi_thread")]
async fn links_on_which_only_the_brokers_side_is_silent_are_left_for_new_ones() {
    let broker = Broker::new();
    let (proxy, through) = Proxy::before(&broker.url()).await;
    let story = Story::begin(&broker.url(), &through).await;
    let mut stream = story.send();
    stream.confirmed(SOME).await;
    proxy.silence(Direction::FromBroker);
    story.comes_to("new links", |_| proxy.made() >= 4);
    stream.ended().await;
    story.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_refused_for_a_while_is_told_and_tried_until_it_holds() {
    let broker = Broker::new();
    let user = format!("user-of-{}", broker.vhost());
    rabbitmqctl(&["add_user", &user, "right"]);
    rabbitmqctl(&["set_permissions", "-p", broker.vhost(), &user, ".*", ".*", ".*"]);
    let url = broker.url().replace("guest:guest", &format!("{user}:right"));
    let story = Story::begin(&broker.url(), &url).await;
    story.send_some(0..SOME).ended().await;
    rabbitmqctl(&["change_password", &user, "wrong"]);
    rabbitmqctl(&["close_all_user_connections", &user, "test"]);
    story.comes_to("the loss", Story::is_cut_off);
    story.service.says("ACCESS_REFUSED", SOON);
    let screen = || story.site.run(&["status"]).ok();
    story.comes_to("the reason on the screen", |_| screen().contains("ACCESS_REFUSED"));
    assert!(!story.service.log().contains(&format!("{user}:")), "no password in the log");
    story.site.run(&["tag", "create", "made-meanwhile", "--arch", "x86_64"]).ok();
    story.send_some(SOME..MESSAGES).ended().await;
    assert!(story.applied() <= SOME);
    rabbitmqctl(&["change_password", &user, "right"]);
    story.ends_well().await;
}

/// Not a word about one topic, but a user who may do nothing for a while.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_are_taken_away_for_a_while_park_no_message() {
    let broker = Broker::new();
    let user = format!("user-of-{}", broker.vhost());
    rabbitmqctl(&["add_user", &user, "right"]);
    let may = |write: &str| {
        rabbitmqctl(&["set_permissions", "-p", broker.vhost(), &user, ".*", write, ".*"]);
        rabbitmqctl(&["close_all_user_connections", &user, "test"]);
    };
    may(".*");
    let url = broker.url().replace("guest:guest", &format!("{user}:right"));
    let story = Story::begin(&broker.url(), &url).await;
    story.send_some(0..SOME).ended().await;
    may("^tannery$");
    story.send_some(SOME..MESSAGES).ended().await;
    let refused = format!("access to exchange 'amq.topic' in vhost '{}' refused", broker.vhost());
    story.service.says(&refused, SOON);
    may(".*");
    assert_eq!(story.status()["outbox"]["parked"].as_u64().unwrap_or(0), 0);
    story.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_deleted_again_and_again_is_made_and_bound_again() {
    let broker = Broker::new();
    let story = Story::begin(&broker.url(), &broker.url()).await;
    for (deleted, from) in (0..MESSAGES).step_by(SOME).enumerate() {
        let to = MESSAGES.min(from + SOME);
        story.send_some(from..to).ended().await;
        story.comes_to("their effect", |story| story.applied() == to);
        rabbitmqctl(&["delete_queue", "-p", broker.vhost(), "tannery"]);
        story.comes_to("another consumer", |story| story.metric("tannery_bus_connects_total") == deleted as u64 + 2);
    }
    story.ends_well().await;
}

/// Whoever follows a hub has it asked what the messages in the queue would have told.
#[test]
fn what_was_lost_with_a_deleted_queue_is_asked_of_the_hub() {
    let (broker, world) = (Broker::new(), World::new());
    let hub = Hub::start(&world.path("koji"));
    hub.create_tag("oak", Some("x86_64"));
    hub.add_package("oak", "hello");
    hub.import(&NewBuild::new("hello-1-1", &["x86_64"]));
    let site = Site::new(
        Store::Sqlite,
        &format!(
            "[bus]\nurl = \"{}\"\nprobe_every = \"1s\"\nbackoff_min = \"50ms\"\n[buildsys]\nkind = \"koji\"\n\
             volume = \"{}\"\n[koji]\nhub = \"{}\"\nprobe_every = \"1h\"\n[[follow]]\ntags = [\"oak\"]\n",
            broker.url(),
            hub.volume().display(),
            hub.url(),
        ),
    );
    let service = site.serve();
    let listed = |word: &str| rabbitmqctl(&["list_queues", "-p", broker.vhost(), "name", "consumers"]).contains(word);
    eventually(SOON, "a consumer", || listed("tannery\t1"));
    eventually(SOON, "the tag", || site.run(&["tag", "explain", "oak", "hello"]).status == 0);
    hub.tag_build("oak", "hello-1-1");
    rabbitmqctl(&["delete_queue", "-p", broker.vhost(), "tannery"]);
    let mut messages = String::new();
    eventually(SOON, "the repair", || {
        messages = site.get("/api/v1/messages").text();
        messages.contains("tannery.reconcile.repaired")
    });
    assert!(messages.contains("\"found_by\":\"reconnect\"") && messages.contains("hello-1-1"), "{messages}");
    assert!(service.stop(SOON).success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_held_up_longer_than_the_broker_is_patient_takes_effect_once() {
    let broker = OwnBroker::new();
    broker.set("consumer_timeout", 3_000);
    broker.set("channel_tick_interval", 500);
    let story = Story::begin(&broker.url(), &broker.url()).await;
    // While another writes, no message can be stored.
    let db = Db::open_sqlite(&story.site.world.path("data/state.sqlite")).await.unwrap();
    let writing = db.write().await.unwrap();
    let stream = story.send();
    story.service.says("PRECONDITION_FAILED", SOON);
    story.comes_to("another consumer", |story| story.metric("tannery_bus_connects_total") >= 2);
    drop(writing);
    db.close().await;
    stream.ended().await;
    story.ends_well().await;
}
