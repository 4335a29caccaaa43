//! A loopback address that belongs to one server of one test.

use std::{
    hash::{BuildHasher, RandomState},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use anyhow::{Context, Result, bail};

/// An address claimed for as long as the value lives.
///
/// On Linux the whole of 127.0.0.0/8 is local: each server gets an address of its own and keeps
/// its usual ports. Elsewhere only 127.0.0.1 is, so ports are taken from the ephemeral range.
#[derive(Debug)]
pub(crate) struct Loopback {
    ip: Ipv4Addr,
    _claim: Option<TcpListener>,
}

impl Loopback {
    /// Claims a free address by holding a listener on it.
    pub(crate) fn claim() -> Result<Self> {
        if cfg!(not(target_os = "linux")) {
            return Ok(Self { ip: Ipv4Addr::LOCALHOST, _claim: None });
        }
        for attempt in 0..ATTEMPTS {
            // RandomState is seeded by the system, which is all the spread needed here.
            let dice = RandomState::new().hash_one(attempt).to_le_bytes();
            let ip = Ipv4Addr::new(127, dice[0] | 1, dice[1], dice[2].clamp(1, 254));
            if let Ok(claim) = TcpListener::bind((ip, CLAIM_PORT)) {
                return Ok(Self { ip, _claim: Some(claim) });
            }
        }
        bail!("no free loopback address after {ATTEMPTS} attempts")
    }

    /// The address with the port a server of this kind usually has, where addresses are plenty.
    pub(crate) fn port(&self, usual: u16) -> Result<SocketAddr> {
        if cfg!(target_os = "linux") {
            return Ok(SocketAddr::new(IpAddr::V4(self.ip), usual));
        }
        let free = TcpListener::bind((self.ip, 0)).context("find a free port")?;
        Ok(free.local_addr()?)
    }
}

const ATTEMPTS: u32 = 200;

/// Below the ephemeral range, and no server's usual port.
const CLAIM_PORT: u16 = 30_999;
