//! What comes of queries that were sent together.

use aya_pgwire::{Answer, Event, Notification, ServerMessage};

/// Queries that are being answered, one after the other.
#[derive(Debug)]
pub(crate) struct Exchange {
    left: usize,
    outcomes: Vec<Outcome>,
    answer: Option<Answer>,
    copying: Copying,
}

/// Who wants the data of a COPY that a query begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copying {
    /// Nobody does, and none has begun.
    Unwanted,
    /// One has begun that nobody asked for: its end is not what the query came to.
    Refused,
    /// The caller.
    Wanted,
}

/// What one query came to: what its last statement did, as psycopg2 keeps no other.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The answer to the last statement, or the error that ended the query.
    pub(crate) answer: Answer,
}

/// What was said beside the answers.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// Notices and warnings.
    pub(crate) notices: Vec<ServerMessage>,
    /// NOTIFYs.
    pub(crate) notifications: Vec<Notification>,
    /// Whether a variable of the session has changed.
    pub(crate) changed: bool,
    /// Why the server has ended the session, if it did so without being asked.
    pub(crate) last_words: Option<ServerMessage>,
}

impl Aside {
    /// Adds what came later.
    pub(crate) fn add(&mut self, later: Self) {
        self.notices.extend(later.notices);
        self.notifications.extend(later.notifications);
        self.changed |= later.changed;
        self.last_words = later.last_words.or_else(|| self.last_words.take());
    }
}

/// What to do after an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Wait for the next one.
    More,
    /// Everything is answered.
    Done,
    /// Data of a COPY is for the caller to send or to take.
    Copy,
    /// A COPY has begun that nobody asked for, and has to be ended.
    Refuse,
}

impl Exchange {
    /// For this many queries.
    pub(crate) const fn of(queries: usize) -> Self {
        Self { left: queries, outcomes: Vec::new(), answer: None, copying: Copying::Unwanted }
    }

    /// For a query that may begin a COPY, whose data the caller sends or takes.
    pub(crate) const fn copying() -> Self {
        Self { left: 1, outcomes: Vec::new(), answer: None, copying: Copying::Wanted }
    }

    /// Takes what a server says.
    pub(crate) fn take(&mut self, event: Event, aside: &mut Aside) -> Step {
        match event {
            Event::Answer(answer) => return self.answered(answer),
            Event::Ready(_) => {
                let answer = self.answer.take().unwrap_or(Answer::Empty);
                self.outcomes.push(Outcome { answer });
                self.left = self.left.saturating_sub(1);
                if self.copying == Copying::Refused {
                    self.copying = Copying::Unwanted;
                }
                if self.left == 0 {
                    return Step::Done;
                }
            }
            Event::Notice(notice) => aside.notices.push(notice),
            Event::Notification(notification) => aside.notifications.push(notification),
            Event::Parameter(_) => aside.changed = true,
            Event::LastWords(message) => aside.last_words = Some(message),
            // Data that nobody asked for.
            Event::CopyData(_) | Event::CopyDone => {}
        }
        Step::More
    }

    fn answered(&mut self, answer: Answer) -> Step {
        let copies = matches!(answer, Answer::CopyIn(_) | Answer::CopyOut(_) | Answer::CopyBoth(_));
        match (self.copying, copies) {
            (Copying::Refused, _) => Step::More,
            (_, false) => {
                self.answer = Some(answer);
                Step::More
            }
            (Copying::Wanted, true) => {
                self.answer = Some(answer);
                Step::Copy
            }
            (Copying::Unwanted, true) => {
                self.answer = Some(answer);
                self.copying = Copying::Refused;
                Step::Refuse
            }
        }
    }

    /// What the statement that is being answered has come to so far.
    pub(crate) const fn answer(&self) -> Option<&Answer> {
        self.answer.as_ref()
    }

    /// What the last query came to, be it the beginning of a COPY.
    pub(crate) fn end(mut self) -> Option<Outcome> {
        let begun = self.answer.take();
        let begun = begun.map(|answer| Outcome { answer });
        begun.or_else(|| self.outcomes.pop())
    }

    /// The outcomes, of those queries that are answered.
    pub(crate) fn outcomes(self) -> (Vec<Outcome>, Option<Answer>) {
        (self.outcomes, self.answer)
    }
}
