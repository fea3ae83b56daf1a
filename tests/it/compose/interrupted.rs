//! What becomes of a compose whose process is gone? It is finished where it can be seen, else removed.

use std::sync::atomic::{AtomicUsize, Ordering};

use tannery::compose::STATUS_TOPIC;
use tannery::model::ComposeStatus;
use tannery::store::durable::Lock;
use tokio::sync::Notify;

use super::rig::{Rig, files, word};

/// Runs a compose and drops it at step `stop`; gives the word of that step, or `None` where it ended before.
async fn run_until(rig: &Rig, stop: usize) -> Option<&'static str> {
    let (count, last, reached) = (AtomicUsize::new(0), std::sync::Mutex::new(""), Notify::new());
    let definition = rig.two_variants();
    let run = rig.composes.run(&definition, |step| {
        if count.fetch_add(1, Ordering::SeqCst) == stop {
            *last.lock().unwrap() = word(&step);
            reached.notify_one();
        }
    });
    tokio::select! {
        biased;
        () = reached.notified() => {}
        finished = run => { finished.unwrap(); }
    }
    let last = *last.lock().unwrap();
    (!last.is_empty() && last != "finished").then_some(last)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compose_that_is_dropped_at_any_step_is_put_in_order() {
    let rig = Rig::new().await;
    let mut stops = Vec::new();
    while let Some(step) = run_until(&rig, stops.len()).await {
        stops.push(step);
        let id = rig.rows().await.into_iter().next().unwrap().id;
        // What blocks runs on to its next file: until then the compose counts as made by the living.
        let lock = rig.compose_dir().join(format!(".lock-{id}"));
        drop(tokio::task::spawn_blocking(move || Lock::wait(&lock)).await.unwrap().unwrap());
        rig.composes.recover().await.unwrap();
        let visible = rig.compose_dir().join(id.to_string());
        let row = rig.rows().await.into_iter().find(|row| row.id == id).unwrap();
        if visible.exists() {
            assert_eq!((row.status, row.reason), (ComposeStatus::Finished, None), "{step}");
            assert_eq!(files(&visible)["STATUS"], b"FINISHED\n");
            assert_eq!(rig.latest(), id.to_string());
        } else {
            let expected = (ComposeStatus::Terminated, Some("killed".to_owned()));
            assert_eq!((row.status, row.reason), expected, "{step}");
        }
        assert_eq!(rig.told(STATUS_TOPIC).await.len(), 2 * stops.len(), "each is told once");
        assert!(rig.names().iter().all(|name| name == ".latest.lock" || !name.starts_with('.')), "{:?}", rig.names());
    }
    assert_eq!((stops.first(), stops.last()), (Some(&"started"), Some(&"visible")));
    assert!(stops.len() > 4, "{stops:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_compose_that_somebody_makes_is_left_alone() {
    let rig = Rig::new().await;
    let definition = rig.two_variants();
    let other = rig.composes.clone();
    let ((go, wait), (done, seen)) = (std::sync::mpsc::channel(), std::sync::mpsc::channel());
    let seen = std::sync::Mutex::new(seen);
    let recovery = tokio::spawn(async move {
        tokio::task::spawn_blocking(move || wait.recv().unwrap()).await.unwrap();
        other.recover().await.unwrap();
        done.send(()).unwrap();
    });
    let run = rig.composes.run(&definition, |step| {
        if word(&step) == "started" {
            go.send(()).unwrap();
            // The compose goes on only once the other has looked.
            seen.lock().unwrap().recv().unwrap();
        }
    });
    run.await.unwrap();
    recovery.await.unwrap();
    assert_eq!(rig.rows().await[0].status, ComposeStatus::Finished);
    assert_eq!(rig.told(STATUS_TOPIC).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_compose_could_not_remove_is_removed_later() {
    let rig = Rig::new().await;
    rig.composes.recover().await.unwrap();
    let finished = rig.run(&rig.two_variants()).await.unwrap();
    let left = rig.compose_dir().join(format!(".work-{}", finished.id));
    std::fs::create_dir_all(left.join("compose")).unwrap();
    let strange = rig.compose_dir().join(".work-Oak-1.2-20261121.n.77");
    std::fs::create_dir(&strange).unwrap();
    rig.composes.recover().await.unwrap();
    assert!(!left.exists() && strange.exists(), "only of composes that ended");
}
