//! Does the bus hold what it promises, against a real RabbitMQ?
#![allow(clippy::unwrap_used)]

mod faults;
mod proxy;
mod rig;
mod story;
mod troubles;

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueDeclareOptions};
use lapin::{ExchangeKind, types::FieldTable};
use serde_json::json;
use tannery::bus::{Link, PublishError, Tls};

use rig::{Admin, Running, Word, peer, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_published_message_is_confirmed_consumed_and_acknowledged() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[]).await;
    for id in ["one", "two", "three"] {
        bus.publisher.publish(admin.message(id)).await.unwrap();
    }
    let first = bus.next().await;
    assert_eq!(first.routing_key, format!("{}.buildsys.tag", admin.queue));
    assert_eq!((first.exchange.as_str(), first.message_id.as_deref()), ("amq.topic", Some("one")));
    assert_eq!(first.headers["fedora_messaging_severity"], json!(20), "an integer on the wire");
    assert_eq!(first.content_type.as_deref(), Some("application/json"));
    assert_eq!(first.content_encoding.as_deref(), Some("utf-8"));
    assert_eq!((first.redelivered, first.cut, first.body.as_slice()), (false, None, br#"{"tag": "f43"}"#.as_slice()));
    assert_eq!([bus.next_id().await, bus.next_id().await], ["two", "three"]);
    until(&bus.status, "three acknowledgements", |now| now.acked == 3).await;
    let end = bus.stop().await;
    assert_eq!((end.deliveries, end.acked, end.published, end.connects), (3, 3, 3, 1));
    assert!(end.last_message_at.is_some());
    assert_eq!((end.consumer, end.publisher), (Link::Stopped, Link::Stopped));
    assert_eq!(admin.waiting().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_nobody_listens_to_is_confirmed() {
    let admin = Admin::new().await;
    let bus = Running::ready(admin.settings(), &[]).await;
    let mut message = admin.message("one");
    message.routing_key = "nobody.listens".to_owned();
    assert_eq!(bus.publisher.publish(message).await, Ok(()));
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_told_to_come_later_comes_again_and_the_order_holds() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[Word::Later, Word::Later]).await;
    for id in ["one", "two"] {
        bus.publisher.publish(admin.message(id)).await.unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(bus.next_id().await);
    }
    assert_eq!(ids, ["one", "one", "one", "two"]);
    until(&bus.status, "two acknowledgements", |now| now.acked == 2 && now.tried_later == 2).await;
    assert_eq!(bus.stop().await.deliveries, 2, "the broker did not have to hand anything out again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_of_the_handler_stops_neither_the_consumer_nor_other_messages() {
    let admin = Admin::new().await;
    let mut settings = admin.settings();
    // Both are there before the first is handled.
    settings.pause_min = settings.pause_max;
    let mut bus = Running::ready(settings, &[Word::Panic]).await;
    for id in ["one", "two"] {
        bus.publisher.publish(admin.message(id)).await.unwrap();
    }
    let mut ids = [bus.next_id().await, bus.next_id().await, bus.next_id().await];
    assert_eq!(ids[0], "one");
    ids.sort();
    assert_eq!(ids, ["one", "one", "two"]);
    until(&bus.status, "two acknowledgements", |now| now.acked == 2 && now.panics == 1).await;
    bus.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_finishes_the_message_in_hand_and_leaves_the_others_to_the_broker() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[Word::Hold]).await;
    for id in ["one", "two"] {
        bus.publisher.publish(admin.message(id)).await.unwrap();
    }
    assert_eq!(bus.next_id().await, "one");
    bus.cancel.cancel();
    until(&bus.status, "the publisher's end", |now| now.publisher == Link::Stopped).await;
    assert!(bus.status.read().consumer.is_up(), "a message is in hand");
    bus.release.cancel();
    assert_eq!(bus.stop().await.acked, 1);
    assert_eq!(admin.waiting().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_comes_cut_and_can_be_acknowledged() {
    let admin = Admin::new().await;
    let mut settings = admin.settings();
    settings.body_limit = 100_000;
    let mut bus = Running::ready(settings, &[]).await;
    let mut message = admin.message("one");
    message.body = vec![b'x'; 5_000_000];
    bus.publisher.publish(message).await.unwrap();
    let delivery = bus.next().await;
    assert_eq!((delivery.cut.unwrap().size, delivery.body.len()), (5_000_000, 65536));
    until(&bus.status, "the acknowledgement", |now| now.acked == 1 && now.cut == 1).await;
    bus.stop().await;
}

/// Deeper, and the client library would overflow the stack of its thread: one message, the end of the
/// process. What is stripped at forty levels is at forty thousand.
#[tokio::test(flavor = "multi_thread")]
async fn headers_nested_too_deep_come_off_and_the_message_is_taken() {
    let admin = Admin::new().await;
    let mut bus = Running::ready(admin.settings(), &[]).await;
    let mut message = admin.message("one");
    for _ in 0..40 {
        let inner = std::mem::take(&mut message.headers);
        message.headers.insert("in".to_owned(), inner.into());
    }
    bus.publisher.publish(message).await.unwrap();
    let delivery = bus.next().await;
    assert_eq!((delivery.headers.len(), delivery.message_id, delivery.body.len()), (0, None, 14));
    bus.publisher.publish(admin.message("two")).await.unwrap();
    assert_eq!(bus.next_id().await, "two");
    assert_eq!(bus.stop().await.connects, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_message_costs_its_channel_and_not_the_link() {
    let admin = Admin::new().await;
    let exchange = format!("{}-exchange", admin.queue);
    let mut settings = admin.settings();
    settings.publish_exchange.clone_from(&exchange);
    let bus = Running::ready(settings, &[]).await;
    let link = bus.status.read().publisher;

    let Err(PublishError::Other { reason }) = bus.publisher.publish(admin.message("one")).await else {
        panic!("taken")
    };
    assert!(reason.contains("NOT_FOUND"), "{reason}");
    let declare = async |internal| {
        let options = ExchangeDeclareOptions { internal, ..Default::default() };
        let (name, kind) = (exchange.as_str().into(), ExchangeKind::Topic);
        admin.channel.exchange_declare(name, kind, options, FieldTable::default()).await.unwrap();
    };
    // Clients may not publish to an internal exchange: 403, as for a topic without the right.
    declare(true).await;
    let Err(PublishError::Forbidden { reason }) = bus.publisher.publish(admin.message("two")).await else {
        panic!("taken")
    };
    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
    admin.channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    declare(false).await;
    assert_eq!(bus.publisher.publish(admin.message("three")).await, Ok(()));

    assert_eq!(bus.status.read().publisher, link, "the same link all the time");
    admin.channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await.unwrap();
    assert_eq!(bus.stop().await.publish_failures, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_others_must_make_is_awaited_with_a_clear_reason() {
    let admin = Admin::new().await;
    let mut settings = admin.settings();
    settings.queue.passive = true;
    let mut bus = Running::start(settings, &[]);
    let missing = |link: &Link| matches!(link, Link::Down { error: Some(text), .. } if text.contains("NOT_FOUND"));
    let now = until(&bus.status, "the reason", |now| missing(&now.consumer)).await;
    let Link::Down { error: Some(text), .. } = now.consumer else { panic!("up") };
    assert!(text.starts_with("the broker does not let us look for the queue: "), "{text}");
    let (name, options) = (admin.queue.as_str().into(), QueueDeclareOptions::durable());
    admin.channel.queue_declare(name, options, FieldTable::default()).await.unwrap();
    until(&bus.status, "the consumer", |now| now.consumer.is_up() && now.publisher.is_up()).await;
    bus.publisher.publish(admin.message("one")).await.unwrap();
    assert_eq!(bus.next_id().await, "one", "the binding was made by us");
    bus.stop().await;
    admin.delete_queue().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_logs_in_and_without_one_the_reason_is_clear() {
    let admin = Admin::new().await;
    let directory = std::path::PathBuf::from(peer("TANNERY_PEERS_TLS"));
    let mut settings = admin.settings_for(&peer("TANNERY_PEERS_AMQPS"));
    settings.tls.ca = Some(directory.join("ca.pem"));
    let refused = Running::start(settings.clone(), &[]);
    let failed = |link: &Link| matches!(link, Link::Down { error: Some(_), .. });
    let now = until(&refused.status, "a refusal", |now| failed(&now.consumer)).await;
    let Link::Down { error: Some(text), .. } = now.consumer else { panic!("up") };
    assert!(text.starts_with("the broker does not let us connect without a client certificate: "), "{text}");
    refused.stop().await;

    let certificate = Some(directory.join("client.pem"));
    settings.tls = Tls { certificate, key: Some(directory.join("client.key")), ..settings.tls };
    let mut bus = Running::ready(settings.clone(), &[]).await;
    bus.publisher.publish(admin.message("one")).await.unwrap();
    assert_eq!(bus.next_id().await, "one");
    bus.stop().await;

    settings.tls.key = Some(directory.join("no such file"));
    let lost = Running::start(settings, &[]);
    let now = until(&lost.status, "the reason", |now| failed(&now.consumer)).await;
    let Link::Down { error: Some(text), .. } = now.consumer else { panic!("up") };
    assert!(text.starts_with("cannot read ") && text.contains("no such file"), "{text}");
    lost.stop().await;
}
