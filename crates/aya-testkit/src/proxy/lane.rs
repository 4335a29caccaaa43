//! The verbs that break and mend one lane.

use std::{sync::Arc, time::Duration};

use super::{
    fault_proxy::Shared,
    weather::{Fault, LaneWeather},
};

/// One kind of traffic through a [`FaultProxy`](super::FaultProxy). Cheap to clone.
///
/// Each verb replaces the one before and is in force when it returns.
#[derive(Clone, Debug)]
pub struct Lane {
    pub(super) shared: Arc<Shared>,
    pub(super) index: usize,
}

impl Lane {
    /// Drops the connections there are and refuses new ones.
    pub fn cut(&self) {
        self.change(|lane, next| {
            lane.fault = Fault::Refuse;
            lane.dropped_below = next;
        });
    }

    /// Drops the connections there are; new ones are fine.
    pub fn drop_connections(&self) {
        self.change(|lane, next| lane.dropped_below = next);
    }

    /// Refuses new connections; those there are go on.
    ///
    /// The caller sees "connection refused" when every lane of the proxy refuses, and otherwise a
    /// connection that closes once it has said who it is.
    pub fn refuse(&self) {
        self.change(|lane, _| lane.fault = Fault::Refuse);
    }

    /// Accepts new connections and closes them at once; those there are go on.
    pub fn close_on_accept(&self) {
        self.change(|lane, _| lane.fault = Fault::CloseOnAccept);
    }

    /// Accepts and keeps connections but moves no byte, old connections or new. After
    /// [`heal`](Self::heal) the held bytes flow on, as after a mended partition.
    ///
    /// The sender's kernel still gets acknowledgements until buffers are full, which a pulled
    /// cable would not give: `tcp_user_timeout` does not fire here.
    pub fn black_hole(&self) {
        self.change(|lane, _| lane.fault = Fault::BlackHole);
    }

    /// Lets whatever the connections there are say vanish; new ones are fine. After
    /// [`heal`](Self::heal) those connections are dropped.
    pub fn half_open(&self) {
        self.change(|lane, next| {
            lane.fault = Fault::None;
            lane.swallowed_below = next;
        });
    }

    /// Makes everything later by `delay`, each way.
    pub fn delay(&self, delay: Duration) {
        self.change(|lane, _| lane.fault = Fault::Delay(delay));
    }

    /// Ends the fault.
    pub fn heal(&self) {
        self.change(|lane, _| {
            lane.fault = Fault::None;
            lane.dropped_below = lane.dropped_below.max(lane.swallowed_below);
        });
    }

    fn change(&self, verb: impl FnOnce(&mut LaneWeather, u64)) {
        self.shared.change(|weather| {
            let next = weather.next_serial;
            verb(&mut weather.lanes[self.index], next);
        });
    }
}
