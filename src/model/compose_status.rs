//! How far is a compose? The states of its STATUS file, and the ways between them.

use super::words::words;

words! {
    /// The state of a compose: the one word of its STATUS file, by Pungi's words.
    ComposeStatus, "compose status" {
        /// It is being made.
        Started = "STARTED",
        /// It is whole.
        Finished = "FINISHED",
        /// It is of use, but a deliverable that may fail did.
        FinishedIncomplete = "FINISHED_INCOMPLETE",
        /// It failed.
        Doomed = "DOOMED",
        /// It was stopped from outside.
        Terminated = "TERMINATED",
    }
}

words! {
    /// What can happen to a compose.
    ComposeEvent, "compose event" {
        /// All of it was made.
        Finish = "finish",
        /// All that is required was made, something that may fail was not.
        FinishIncomplete = "finish incomplete",
        /// Something that is required failed.
        Fail = "fail",
        /// It was told to stop, or found without the process that made it.
        Terminate = "terminate",
    }
}

/// A way between states that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a compose that is {from} cannot {event}")]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: ComposeStatus,
    /// What was to happen.
    pub event: ComposeEvent,
}

impl ComposeStatus {
    /// Returns whether nothing can happen to the compose any more.
    pub fn is_final(self) -> bool {
        self != Self::Started
    }

    /// Returns whether the compose may be shown as the latest.
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Finished | Self::FinishedIncomplete)
    }

    /// Returns the state after `event`. Only a started compose has ways out of its state.
    pub fn next(self, event: ComposeEvent) -> Result<Self, IllegalTransition> {
        match (self, event) {
            (Self::Started, ComposeEvent::Finish) => Ok(Self::Finished),
            (Self::Started, ComposeEvent::FinishIncomplete) => Ok(Self::FinishedIncomplete),
            (Self::Started, ComposeEvent::Fail) => Ok(Self::Doomed),
            (Self::Started, ComposeEvent::Terminate) => Ok(Self::Terminated),
            (from, event) => Err(IllegalTransition { from, event }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_started_compose_ends_and_ends_once() {
        let ends = [
            (ComposeEvent::Finish, ComposeStatus::Finished),
            (ComposeEvent::FinishIncomplete, ComposeStatus::FinishedIncomplete),
            (ComposeEvent::Fail, ComposeStatus::Doomed),
            (ComposeEvent::Terminate, ComposeStatus::Terminated),
        ];
        assert_eq!(ends.map(|(event, _)| event).as_slice(), ComposeEvent::ALL);
        for (event, end) in ends {
            assert_eq!(ComposeStatus::Started.next(event), Ok(end));
        }
        for from in ComposeStatus::ALL.iter().copied().filter(|status| status.is_final()) {
            for event in ComposeEvent::ALL.iter().copied() {
                assert_eq!(from.next(event), Err(IllegalTransition { from, event }));
            }
        }
    }

    #[test]
    fn the_words_are_those_of_the_status_file() {
        for status in ComposeStatus::ALL.iter().copied() {
            assert_eq!(status.as_str().parse::<ComposeStatus>().unwrap(), status);
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("{:?}", status.as_str()));
        }
        let usable: Vec<_> = ComposeStatus::ALL.iter().filter(|status| status.is_usable()).collect();
        assert_eq!(usable, [&ComposeStatus::Finished, &ComposeStatus::FinishedIncomplete]);
        let error = ComposeStatus::Doomed.next(ComposeEvent::Finish).unwrap_err();
        assert_eq!(error.to_string(), "a compose that is DOOMED cannot finish");
    }
}
