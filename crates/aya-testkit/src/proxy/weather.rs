//! What a lane does to its connections at a moment.

use std::time::Duration;

/// The fault in force.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Fault {
    /// Bytes flow.
    #[default]
    None,
    /// Nobody gets in.
    Refuse,
    /// Connections are accepted and closed at once.
    CloseOnAccept,
    /// Connections are accepted and kept; no byte moves.
    BlackHole,
    /// Every chunk arrives later by this much, each way.
    Delay(Duration),
}

/// One lane's state. Connections are numbered in the order they arrive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaneWeather {
    pub(crate) fault: Fault,
    /// Connections below this number are dropped.
    pub(crate) dropped_below: u64,
    /// What connections below this number say vanishes.
    pub(crate) swallowed_below: u64,
}

/// What to do with one connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Passage {
    Flow(Duration),
    Hold,
    Swallow,
    Drop,
}

impl LaneWeather {
    /// The passage of connection `serial`.
    pub(crate) fn passage(&self, serial: u64) -> Passage {
        if serial < self.dropped_below {
            return Passage::Drop;
        }
        if serial < self.swallowed_below {
            return Passage::Swallow;
        }
        match self.fault {
            Fault::BlackHole => Passage::Hold,
            Fault::Delay(delay) => Passage::Flow(delay),
            Fault::None | Fault::Refuse | Fault::CloseOnAccept => Passage::Flow(Duration::ZERO),
        }
    }
}

/// All lanes of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) lanes: Vec<LaneWeather>,
    /// Whether the server behind is known to be gone, so that nobody gets in.
    pub(crate) server_gone: bool,
    /// The number the next connection gets.
    pub(crate) next_serial: u64,
    /// Rises with each verb.
    pub(crate) revision: u64,
}

impl Weather {
    /// Whether nobody at all gets in, so that the listener itself closes.
    pub(crate) fn closed(&self) -> bool {
        self.server_gone || self.lanes.iter().all(|lane| lane.fault == Fault::Refuse)
    }
}
