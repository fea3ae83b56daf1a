//! Does the link come back, whatever happens to it, and does nothing get lost on the way?

use std::time::{Duration, Instant};

use tannery::bus::{Link, PublishError};

use super::proxy::Proxy;
use super::rig::{Admin, Running, Word, peer, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_made_again() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[]).await;
    admin.delete_queue().await;
    until(&bus.status, "a second consumer", |now| now.connects == 2).await;
    bus.publisher.publish(admin.message("one")).await.unwrap();
    assert_eq!(bus.next_id().await, "one");
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_out_before_its_queue_was_deleted_is_handled() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[Word::Hold]).await;
    for id in ["one", "two", "three"] {
        bus.publisher.publish(admin.message(id)).await.unwrap();
    }
    assert_eq!(bus.next_id().await, "one");
    until(&bus.status, "all three", |now| now.deliveries == 3).await;
    admin.delete_queue().await;
    assert_eq!([bus.next_id().await, bus.next_id().await, bus.next_id().await], ["one", "two", "three"]);
    until(&bus.status, "a second consumer", |now| now.connects == 2).await;
    assert_eq!(bus.stop().await.deliveries, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_cut_the_unacknowledged_message_comes_again() {
    let admin = Admin::new().await;
    let (proxy, url) = Proxy::before(&peer("TANNERY_PEERS_AMQP")).await;
    let mut bus = Running::ready(admin.settings_for(&url), &[Word::Hold]).await;
    bus.publisher.publish(admin.message("one")).await.unwrap();
    let first = bus.next().await;
    assert!(!first.redelivered);
    proxy.cut();
    let at_hand = bus.next().await;
    assert_eq!((at_hand.message_id.as_deref(), at_hand.redelivered), (Some("one"), false), "it is not waited for");
    let again = bus.next().await;
    assert_eq!((again.message_id.as_deref(), again.redelivered), (Some("one"), true));
    until(&bus.status, "the acknowledgement", |now| now.acked == 1 && now.publisher.is_up()).await;
    bus.publisher.publish(admin.message("two")).await.unwrap();
    assert_eq!(bus.next_id().await, "two");
    bus.stop().await;
    assert_eq!(admin.waiting().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silently_dead_link_is_noticed_left_and_replaced() {
    let admin = Admin::new().await;
    let (proxy, url) = Proxy::before(&peer("TANNERY_PEERS_AMQP")).await;
    let mut settings = admin.settings_for(&url);
    // What notices is the probe: heartbeats alone would take a minute.
    settings.heartbeat = 30;
    settings.reply_timeout = Duration::from_millis(500);
    settings.connect_timeout = Duration::from_millis(500);
    let mut bus = Running::ready(settings, &[]).await;
    let frozen = Instant::now();
    proxy.freeze();
    let down = |link: &Link| matches!(link, Link::Down { error: Some(_), .. });
    until(&bus.status, "the loss", |now| down(&now.consumer)).await;
    assert!(frozen.elapsed() < Duration::from_secs(5), "noticed after {:?}", frozen.elapsed());
    // A publisher's link has no probe; its next message is.
    let outcome = bus.publisher.publish(admin.message("lost?")).await;
    assert_eq!(outcome, Err(PublishError::Timeout));
    assert_eq!(bus.publisher.publish(admin.message("lost?")).await, Err(PublishError::Unconnected));

    until(&bus.status, "tries to connect", |_| proxy.made() >= 8).await;
    assert!(proxy.held_open() <= 2, "{} of {} tries still hold a socket", proxy.held_open(), proxy.made());

    proxy.thaw();
    until(&bus.status, "both links", |now| now.consumer.is_up() && now.publisher.is_up()).await;
    bus.publisher.publish(admin.message("one")).await.unwrap();
    while bus.next_id().await != "one" {}
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_heartbeat_ends_the_link_of_the_publisher_too() {
    let admin = Admin::new().await;
    let (proxy, url) = Proxy::before(&peer("TANNERY_PEERS_AMQP")).await;
    let mut settings = admin.settings_for(&url);
    settings.heartbeat = 1;
    let bus = Running::ready(settings, &[]).await;
    proxy.freeze();
    let down = |link: &Link| matches!(link, Link::Down { error: Some(_), .. });
    until(&bus.status, "the publisher's loss", |now| down(&now.publisher)).await;
    proxy.thaw();
    until(&bus.status, "both links", |now| now.consumer.is_up() && now.publisher.is_up()).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_a_reason_and_stopping_does_not_wait_for_it() {
    let admin = Admin::new().await;
    let mut settings = admin.settings_for("amqp://guest:guest@127.0.0.1:1/%2F");
    settings.pause_min = Duration::from_secs(60);
    settings.pause_max = Duration::from_secs(60);
    let bus = Running::start(settings, &[]);
    let refused = |link: &Link| matches!(link, Link::Down { error: Some(text), .. } if text.contains("refused"));
    until(&bus.status, "the reason", |now| refused(&now.consumer) && refused(&now.publisher)).await;
    assert_eq!(bus.publisher.publish(admin.message("one")).await, Err(PublishError::Unconnected));
    let asked = Instant::now();
    bus.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(5));
}
