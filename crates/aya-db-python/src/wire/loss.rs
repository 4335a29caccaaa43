//! The end of a session that its user did not ask for.

use aya_pgwire::{Answer, ConnectionError, ServerMessage};

use super::exchange::Aside;

/// A connection that is lost, or was given up, in the middle of something.
#[derive(Debug)]
pub(crate) struct Loss {
    /// What the server said last: why it ends the session.
    pub(crate) words: Option<ServerMessage>,
    /// How the loss showed.
    pub(crate) error: ConnectionError,
}

impl Loss {
    /// A loss while nothing was asked.
    pub(crate) fn idle(error: ConnectionError, aside: &mut Aside) -> Self {
        Self { words: aside.last_words.take(), error }
    }

    /// A loss while a query was answered, which had come to `answer` so far.
    pub(crate) fn during(
        error: ConnectionError,
        answer: Option<Answer>,
        aside: &mut Aside,
    ) -> Self {
        let words = match answer {
            Some(Answer::Error(message)) => Some(message),
            _ => aside.last_words.take(),
        };
        Self { words, error }
    }

    /// The words in which libpq tells it.
    pub(crate) fn text(&self) -> String {
        format!("{}\n", self.error)
    }
}
