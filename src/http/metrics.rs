//! What does monitoring read? `GET /metrics`: Prometheus' text format 0.0.4.
//!
//! What is counted in tables is a gauge, since rows are forgotten after a while; counters count what
//! this process did, or, of unfollowed tags and webhooks, what was never taken back.

mod exposition;

use std::collections::BTreeMap;

use axum::extract::State as Shared;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Service;
use super::failure::Failure;
use crate::bus::Snapshot;
use crate::repos::{MergedStanding, MergedWord, merged_name, merged_standing};
use crate::store::wakeups::{self, Room};
use crate::store::{self, Tx, builds, composes, externals, generations, inbox, outbox, pkgsets, webhooks};
use crate::tags::Standing;
use exposition::{Exposition, Kind};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers `GET /metrics`.
pub(super) async fn metrics(Shared(service): Shared<Service>) -> Result<Response, Failure> {
    let mut out = Exposition::default();
    of_process(&mut out, &service);
    if let Some(bus) = &service.bus {
        of_bus(&mut out, &bus.read(), service.clock.seconds());
    }
    if let Some(hub) = service.tags.standing() {
        of_hub(&mut out, &hub, &service.tags.hub_calls(), service.clock.micros());
    }
    let mut tx = service.db.read().await?;
    of_messages(&mut out, &mut tx).await?;
    of_work(&mut out, &mut tx).await?;
    of_tags(&mut out, &mut tx).await?;
    of_repositories(&mut out, &mut tx).await?;
    of_merged(&mut out, &mut tx).await?;
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE))];
    Ok((kind, out.finish()).into_response())
}

fn of_process(out: &mut Exposition, service: &Service) {
    out.family("tannery_build_info", Kind::Gauge, "Always 1; the version is in the label.");
    out.sample(&[("version", env!("CARGO_PKG_VERSION")), ("database", service.db.kind())], 1);
    out.family("process_start_time_seconds", Kind::Gauge, "When the service started, in seconds after 1970.");
    out.sample(&[], service.started_at.div_euclid(1_000_000));
    out.family("tannery_ready", Kind::Gauge, "Whether every repository was reconciled once since the start.");
    out.sample(&[], u8::from(service.ready.is_ready()));
    let help = "Messages received since the start, by door and by what became of them.";
    out.family("tannery_messages_received_total", Kind::Counter, help);
    for (door, outcome, count) in service.received.read() {
        out.sample(&[("door", door), ("outcome", outcome)], count);
    }
}

fn of_bus(out: &mut Exposition, now: &Snapshot, seconds: i64) {
    out.family("tannery_bus_up", Kind::Gauge, "Whether the connection to the broker stands.");
    out.sample(&[("connection", "consumer")], u8::from(now.consumer.is_up()));
    out.sample(&[("connection", "publisher")], u8::from(now.publisher.is_up()));
    let help = "How often a connection to the broker ended, or did not come up.";
    out.family("tannery_bus_failures_total", Kind::Counter, help);
    out.sample(&[("connection", "consumer")], now.consumer_failures);
    out.sample(&[("connection", "publisher")], now.publisher_failures);
    for (name, help, count) in [
        ("tannery_bus_connects_total", "How often a consumer was set up.", now.connects),
        ("tannery_bus_deliveries_total", "Messages delivered by the broker, repeats included.", now.deliveries),
        ("tannery_bus_acked_total", "Messages acknowledged to the broker.", now.acked),
        ("tannery_bus_tried_later_total", "Messages put off, to be delivered again.", now.tried_later),
        ("tannery_bus_panics_total", "Panics while a message was handled.", now.panics),
        ("tannery_bus_cut_total", "Messages cut for their length.", now.cut),
        ("tannery_bus_published_total", "Messages published and confirmed.", now.published),
        ("tannery_bus_publish_failures_total", "Messages that the broker did not take.", now.publish_failures),
    ] {
        out.family(name, Kind::Counter, help);
        out.sample(&[], count);
    }
    if let Some(depth) = now.queue_depth {
        out.family("tannery_bus_queue_messages", Kind::Gauge, "Messages ready in our queue when it was last asked.");
        out.sample(&[], depth);
    }
    if let Some(at) = now.last_message_at {
        out.family("tannery_bus_last_message_age_seconds", Kind::Gauge, "Seconds since the last message came.");
        out.sample(&[], seconds.saturating_sub(at).max(0));
    }
}

fn of_hub(out: &mut Exposition, hub: &Standing, calls: &BTreeMap<&'static str, u64>, now: i64) {
    out.family("tannery_hub_up", Kind::Gauge, "Whether the hub answered when it was last asked.");
    out.sample(&[], u8::from(hub.stale_since.is_none() && hub.answered_at.is_some()));
    out.family("tannery_hub_stale_seconds", Kind::Gauge, "Seconds since the last answer of a hub that gives none now.");
    out.sample(&[], hub.stale_since.map_or(0, |since| (now - since).max(0) / 1_000_000));
    let help = "Rows of tags that were other ones than messages had told of.";
    out.family("tannery_hub_repaired_total", Kind::Counter, help);
    out.sample(&[], hub.repaired);
    out.family("tannery_hub_doubted_tags", Kind::Gauge, "Tags of which rows are missed without a word why.");
    out.sample(&[], hub.doubted.len());
    out.family("tannery_hub_calls_total", Kind::Counter, "Calls asked of the hub, repeats included, by method.");
    for (method, count) in calls {
        out.sample(&[("method", method)], count);
    }
}

async fn of_messages(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    let (counts, repeats) = inbox::counts(tx).await?;
    out.family("tannery_inbox_messages", Kind::Gauge, "Messages kept in the inbox, by state.");
    for (state, count) in counts {
        out.sample(&[("state", state.name())], count);
    }
    out.family("tannery_inbox_duplicates", Kind::Gauge, "How often messages that are kept came again.");
    out.sample(&[], repeats);
    let help = "Messages that named a tag nobody follows, ever.";
    out.family("tannery_unfollowed_messages_total", Kind::Counter, help);
    out.sample(&[], inbox::unfollowed_total(tx).await?);
    out.family("tannery_outbox_messages", Kind::Gauge, "Messages kept in the outbox, by state.");
    for (state, count) in outbox::counts(tx).await? {
        out.sample(&[("state", state.name())], count);
    }
    out.family("tannery_outbox_sequence", Kind::Gauge, "Cursor of the newest message in the outbox.");
    out.sample(&[], outbox::last(tx).await?);
    of_webhooks(out, tx).await
}

async fn of_webhooks(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    let all = webhooks::all(tx).await?;
    if all.is_empty() {
        return Ok(());
    }
    type Value<'a> = &'a dyn Fn(&webhooks::Webhook) -> i64;
    let families: [(&str, Kind, &str, Value<'_>); 4] = [
        ("tannery_webhook_delivered_total", Kind::Counter, "Messages that the webhook took, ever.", &|hook| {
            hook.delivered
        }),
        ("tannery_webhook_behind_messages", Kind::Gauge, "Messages that the webhook has not come past.", &|hook| {
            hook.behind
        }),
        (
            "tannery_webhook_failing",
            Kind::Gauge,
            "Whether the webhook did not take what it was last offered.",
            &|hook| i64::from(hook.failing_since.is_some()),
        ),
        (
            "tannery_webhook_parked_messages",
            Kind::Gauge,
            "Messages that the webhook did not take for a day.",
            &|hook| hook.parked,
        ),
    ];
    for (name, kind, help, value) in families {
        out.family(name, kind, help);
        for hook in &all {
            out.sample(&[("webhook", hook.name.as_str())], value(hook));
        }
    }
    Ok(())
}

async fn of_work(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    out.family("tannery_wakeups", Kind::Gauge, "What waits to be reconciled, by room.");
    out.sample(&[("room", "files")], wakeups::count(tx, Room::Files).await?);
    out.sample(&[("room", "hub")], wakeups::count(tx, Room::Hub).await?);
    out.sample(&[("room", "merged")], wakeups::count(tx, Room::Merged).await?);
    out.sample(&[("room", "repos")], wakeups::count(tx, Room::Repos).await?);
    out.sample(&[("room", "tags")], wakeups::count(tx, Room::Tags).await?);
    let (builds, rpms) = builds::counts(tx).await?;
    out.family("tannery_builds", Kind::Gauge, "Builds known.");
    out.sample(&[], builds);
    out.family("tannery_rpms", Kind::Gauge, "RPM files known, by digest.");
    out.sample(&[], rpms);
    out.family("tannery_composes", Kind::Gauge, "Composes, by status.");
    for (status, count) in composes::counts(tx).await? {
        out.sample(&[("status", status.as_str())], count);
    }
    out.family("tannery_generations", Kind::Gauge, "Generations of live repositories, by state.");
    for (state, count) in generations::counts(tx).await? {
        out.sample(&[("state", state.name())], count);
    }
    Ok(())
}

async fn of_tags(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    let heads = pkgsets::heads(tx, None).await?;
    type Value = fn(&pkgsets::Head) -> i64;
    let families: [(&str, &str, Value); 5] = [
        ("tannery_tag_revision", "Newest revision of the tag's package set.", |head| head.number),
        ("tannery_tag_builds", "Builds in the tag's package set.", |head| head.builds),
        ("tannery_tag_rpms", "RPM files in the tag's package set.", |head| head.rpms),
        ("tannery_tag_held_builds", "Builds that are held back from the tag's package set.", |head| head.held),
        (
            "tannery_tag_changed_timestamp_seconds",
            "When the newest revision was made, in seconds after 1970.",
            |head| head.made_at.div_euclid(1_000_000),
        ),
    ];
    for (name, help, value) in families {
        out.family(name, Kind::Gauge, help);
        for head in &heads {
            out.sample(&[("tag", head.tag.as_str())], value(head));
        }
    }
    Ok(())
}

async fn of_repositories(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    let shown = generations::shown(tx, None).await?;
    type Value = fn(&generations::Generation) -> i64;
    let families: [(&str, &str, Value); 3] = [
        ("tannery_repository_generation", "Number of the generation that is shown.", |shown| shown.number),
        ("tannery_repository_revision", "Revision of the package set that is shown.", |shown| shown.revision),
        ("tannery_repository_packages", "Packages that are shown.", |shown| shown.packages),
    ];
    for (name, help, value) in families {
        out.family(name, Kind::Gauge, help);
        for generation in &shown {
            let repo = generation.repo.to_string();
            out.sample(&[("tag", generation.tag.as_str()), ("repo", &repo)], value(generation));
        }
    }
    let help =
        "From when the first of what the shown generation brought happened in the build system until it was shown.";
    out.family("tannery_repository_lag_seconds", Kind::Gauge, help);
    for generation in &shown {
        let (Some(lag), repo) = (generation.lag, generation.repo.to_string()) else { continue };
        out.sample(&[("tag", generation.tag.as_str()), ("repo", &repo)], lag as f64 / 1e6);
    }
    Ok(())
}

async fn of_merged(out: &mut Exposition, tx: &mut Tx) -> Result<(), store::Error> {
    let all = merged_standing(tx, None).await?;
    if all.is_empty() {
        return Ok(());
    }
    type Value = fn(&MergedStanding) -> i64;
    let families: [(&str, &str, Value); 3] = [
        (
            "tannery_merged_generation",
            "Number of the merged repository's generation that is shown; 0 for none.",
            |one| one.shown.as_ref().map_or(0, |shown| shown.number),
        ),
        ("tannery_merged_packages", "Packages that the merged repository shows.", |one| {
            one.shown.as_ref().map_or(0, |shown| shown.packages)
        }),
        ("tannery_merged_stale", "Whether the merged repository is the last that could be made.", |one| {
            i64::from(one.word != MergedWord::Current)
        }),
    ];
    for (name, help, value) in families {
        out.family(name, Kind::Gauge, help);
        for one in &all {
            out.sample(&[("tag", one.tag.as_str()), ("repo", &merged_name(&one.arch))], value(one));
        }
    }
    out.family("tannery_external_up", Kind::Gauge, "Whether the external repository could be read at the last look.");
    for copy in externals::all(tx).await?.into_iter().filter(|copy| copy.tried_at.is_some()) {
        out.sample(&[("url", &copy.url)], u8::from(copy.failing_since.is_none()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::http::testing::{World, message};

    async fn text(world: &World) -> String {
        let answer = world.get("/metrics").await;
        assert_eq!(answer.header("content-type"), super::CONTENT_TYPE);
        String::from_utf8(answer.body).unwrap()
    }

    #[tokio::test]
    async fn every_sample_has_help_and_type_and_counters_end_in_total() {
        let world = World::with_bus().await;
        world.tag("f43").await;
        world.set("f43").await;
        world.publish("f43", "x86_64", 3, 1).await;
        world.webhook("ci").await;
        world.compose("Oak-1-20261121.n.0", 5).await;
        let text = text(&world).await;
        let mut families = BTreeSet::new();
        let mut helped = BTreeSet::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["#", "HELP", name, ..] => assert!(helped.insert(name), "{line}"),
                ["#", "TYPE", name, kind] => {
                    assert!(helped.contains(name) && families.insert(name), "{line}");
                    assert!(
                        include_str!("../../docs/http.md").contains(&format!("`{name}`")),
                        "{name} is undocumented"
                    );
                    assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                }
                _ => {
                    let (sample, value) = line.rsplit_once(' ').unwrap();
                    assert!(families.contains(sample.split('{').next().unwrap()), "{line}");
                    assert!(value.parse::<f64>().is_ok(), "{line}");
                }
            }
        }
        assert!(text.ends_with('\n') && families.len() > 25, "{text}");
    }

    #[tokio::test]
    async fn what_happened_is_counted() {
        let world = World::with_bus().await;
        world.tag("f43").await;
        world.set("f43").await;
        world.publish("f43", "x86_64-debug", 3, 1).await;
        world.compose("Oak-1-20261121.n.0", 5).await;
        world.webhook("ci").await;
        for id in ["m1", "m1", "m2"] {
            world.post("/api/v1/events", &[], &message(id, "f43", "zsh-1-1")).await;
        }
        world.post("/api/v1/events", &[], "nope").await;
        world.post("/api/v1/events", &[], &format!("[5,{}]", message("m3", "nobodys", "a-1-1"))).await;
        let text = text(&world).await;
        for line in [
            "tannery_messages_received_total{door=\"http\",outcome=\"waiting\"} 2",
            "tannery_messages_received_total{door=\"http\",outcome=\"duplicate\"} 1",
            "tannery_messages_received_total{door=\"http\",outcome=\"invalid\"} 2",
            "tannery_messages_received_total{door=\"amqp\",outcome=\"applied\"} 0",
            "tannery_inbox_messages{state=\"waiting\"} 2",
            "tannery_inbox_duplicates 1",
            "tannery_unfollowed_messages_total 1",
            "tannery_outbox_messages{state=\"pending\"} 1",
            "tannery_webhook_delivered_total{webhook=\"ci\"} 0",
            "tannery_webhook_behind_messages{webhook=\"ci\"} 1",
            "tannery_webhook_failing{webhook=\"ci\"} 0",
            "tannery_webhook_parked_messages{webhook=\"ci\"} 1",
            "tannery_wakeups{room=\"repos\"} 3",
            "tannery_builds 1",
            "tannery_composes{status=\"STARTED\"} 1",
            "tannery_generations{state=\"current\"} 1",
            "tannery_tag_revision{tag=\"f43\"} 2",
            "tannery_repository_generation{tag=\"f43\",repo=\"x86_64-debug\"} 3",
            "tannery_bus_up{connection=\"consumer\"} 0",
            "process_start_time_seconds 1795221744",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
