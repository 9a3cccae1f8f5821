//! What is counted of sources, in the kernel.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};

use aya::Pod;
use aya::maps::{HashMap, MapData, MapError};
use lb_common::address::{V4, V6};
use lb_common::key::RateKey;
use lb_common::names;
use lb_common::rates::{HostRates, Rates};
use lb_common::rule::TableNumber;
use lb_common::value::Jiffies;

use crate::bpf::{pinned, removed};
use crate::pins::Pins;
use crate::store::Source;
use crate::sys::{self, Place};

/// Entries that are read with one system call.
const BATCH: usize = 1 << 14;
/// An entry in which nothing was ever counted stays that long, in jiffies: a few seconds.
const EMPTY: Jiffies = 2500;

/// The maps of one address family.
struct Maps<A>
where
    RateKey<A>: Pod,
{
    rates: HashMap<MapData, RateKey<A>, Rates>,
    host: HashMap<MapData, RateKey<A>, HostRates>,
    rates_fd: OwnedFd,
    host_fd: OwnedFd,
}

/// The maps of sources.
pub(crate) struct SourceMaps {
    v4: Maps<V4>,
    v6: Maps<V6>,
    /// When they were read last.
    since: Option<Jiffies>,
}

impl<A> Maps<A>
where
    RateKey<A>: Pod,
{
    fn new(pins: &Pins, rates: &str, host: &str) -> anyhow::Result<Self> {
        Ok(Self {
            rates: pinned(pins, rates)?,
            host: pinned(pins, host)?,
            rates_fd: sys::open_pinned(&pins.map(rates))?,
            host_fd: sys::open_pinned(&pins.map(host))?,
        })
    }

    fn each(&self, mut take: impl FnMut(RateKey<A>, Rates)) -> anyhow::Result<()> {
        let mut place = Place::new(BATCH);
        while let Some(batch) = sys::lookup_batch::<RateKey<A>, Rates>(self.rates_fd.as_fd(), &mut place)? {
            batch.into_iter().for_each(|(key, rates)| take(key, rates));
        }
        Ok(())
    }

    fn forget(&mut self, key: &RateKey<A>) -> anyhow::Result<()> {
        removed(self.rates.remove(key))?;
        removed(self.host.remove(key))
    }

    fn set(&mut self, key: &RateKey<A>, rates: &HostRates) -> Result<(), MapError> {
        self.host.insert(key, rates, 0)
    }

    fn clear(&mut self) -> anyhow::Result<()> {
        let mut keys = Vec::new();
        self.each(|key, _| keys.push(key))?;
        sys::delete_batch(self.rates_fd.as_fd(), &keys)?;
        let mut place = Place::new(BATCH);
        let mut keys = Vec::new();
        while let Some(batch) = sys::lookup_batch::<RateKey<A>, HostRates>(self.host_fd.as_fd(), &mut place)?
        {
            keys.extend(batch.into_iter().map(|(key, _)| key));
        }
        sys::delete_batch(self.host_fd.as_fd(), &keys)?;
        Ok(())
    }
}

fn key<A>(source: A, table: TableNumber) -> RateKey<A> {
    RateKey { source, table, reserved: 0 }
}

impl SourceMaps {
    pub(crate) fn new(pins: &Pins) -> anyhow::Result<Self> {
        let v4 = Maps::new(pins, names::RATES, names::HOST_RATES)?;
        let v6 = Maps::new(pins, names::RATES6, names::HOST_RATES6)?;
        Ok(Self { v4, v6, since: None })
    }

    /// The entries of some tables in which something was counted since the last call. Those in which nothing ever was, of
    /// connections that were left to user space, go after a while.
    pub(crate) fn read(
        &mut self,
        tables: &BTreeSet<TableNumber>,
        now: Jiffies,
    ) -> anyhow::Result<Vec<Source>> {
        let since = self.since.replace(now);
        let mut found = Vec::new();
        let mut empty4 = Vec::new();
        let mut empty6 = Vec::new();
        let fresh = |rates: &Rates| {
            // What is counted in this very tick is read again.
            since
                .is_none_or(|since| now.wrapping_sub(rates.last) <= now.wrapping_sub(since).saturating_add(2))
        };
        let idle = |rates: &Rates| rates.connections == 0 && now.wrapping_sub(rates.last) > EMPTY;
        let mut take = |ip: IpAddr, table: TableNumber, rates: Rates| {
            if tables.contains(&table) && rates.connections > 0 && fresh(&rates) {
                found.push(Source { table, ip, rates });
            }
        };
        self.v4.each(|key, rates| {
            take(IpAddr::from(key.source), key.table, rates);
            empty4.extend(idle(&rates).then_some(key));
        })?;
        self.v6.each(|key, rates| {
            take(IpAddr::from(key.source), key.table, rates);
            empty6.extend(idle(&rates).then_some(key));
        })?;
        sys::delete_batch(self.v4.rates_fd.as_fd(), &empty4)?;
        sys::delete_batch(self.v6.rates_fd.as_fd(), &empty6)?;
        Ok(found)
    }

    /// Says what user space counted.
    pub(crate) fn set(&mut self, table: TableNumber, ip: IpAddr, rates: &HostRates) -> anyhow::Result<()> {
        match ip {
            IpAddr::V4(ip) => self.v4.set(&key(ip.octets(), table), rates)?,
            IpAddr::V6(ip) => self.v6.set(&key(ip.octets(), table), rates)?,
        }
        Ok(())
    }

    /// Forgets a source.
    pub(crate) fn forget(&mut self, table: TableNumber, ip: IpAddr) -> anyhow::Result<()> {
        match ip {
            IpAddr::V4(ip) => self.v4.forget(&key(ip.octets(), table)),
            IpAddr::V6(ip) => self.v6.forget(&key(ip.octets(), table)),
        }
    }

    /// Forgets all sources.
    pub(crate) fn clear(&mut self) -> anyhow::Result<()> {
        self.since = None;
        self.v4.clear()?;
        self.v6.clear()
    }
}
