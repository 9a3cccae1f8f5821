//! What the steward holds while a kernel plane is open.

use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use lb_common::event::FlowEvent;

use super::interfaces::{Interfaces, Means};
use super::message::{Listed, Notice, Opened, View, Wishes};
use crate::bpf::BpfStore;
use crate::events::Events;
use crate::host;
use crate::inspect::{FlowFilter, FlowInfo, Inspector};
use crate::loader::{self, Settings};
use crate::neigh::{self, Watch};
use crate::object::{self, Inheritance};
use crate::pins::{Ownership, Pins};
use crate::store::Store as _;

/// How long closed flows stay in the tables: longer than segments wander about on a path of ordinary length, and short
/// enough that thousands of connections a second leave room.
const LINGER_SECONDS: u32 = 2;

/// Pins that were made for a plane that may never start.
struct Made(Option<Pins>);

impl Drop for Made {
    fn drop(&mut self) {
        if let Some(pins) = self.0.take() {
            // Nobody is left to be told.
            let _ = pins.remove();
        }
    }
}

/// Open maps. The order is that of dropping: the folder is given up after everything in it.
pub(super) struct Session {
    pub(super) live: Option<Live>,
    pub(super) store: BpfStore,
    made: Made,
    pins: Pins,
    _owner: Ownership,
}

/// What there is beside the maps once the plane is at work.
pub(super) struct Live {
    watch: Watch,
    events: Events,
    interfaces: Interfaces,
    views: u64,
}

/// Something happened on the host.
pub(super) enum Wake {
    Network(io::Result<neigh::Notice>),
    Events(io::Result<Vec<FlowEvent>>),
}

impl Live {
    /// Waits for something to happen. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Wake {
        tokio::select! {
            notice = self.watch.next() => Wake::Network(notice),
            events = self.events.next_some() => Wake::Events(events),
        }
    }
}

impl Session {
    /// Loads the program, and makes or adopts the maps. No packet notices.
    pub(super) fn open(folder: &Path, settings: &Settings) -> anyhow::Result<(Self, Opened)> {
        let object = loader::embedded().context("this build has no BPF object")?;
        let (ports, hz) = (host::source_ports()?, host::hz()?);
        let pins = Pins::open(folder)?;
        let owner = pins.own()?;
        let inheritance = object::inherit(&pins)?;
        let made = Made((inheritance != Inheritance::Adopted).then(|| pins.clone()));
        let settings =
            Settings { linger: hz.saturating_mul(LINGER_SECONDS), second: hz, ..settings.bounded() };
        let store = BpfStore::new(object::load(object, &pins, &settings)?, &pins)?;
        let opened = Opened { inheritance, room: store.room(), ports: ports.into_inner(), hz };
        Ok((Self { live: None, store, made, pins, _owner: owner }, opened))
    }

    /// What was made stays.
    pub(super) fn keep(&mut self) {
        self.made.0 = None;
    }

    /// Is where it is wished to be from now on, and follows what is wished.
    pub(super) async fn follow(&mut self, wishes: Wishes) -> anyhow::Result<View> {
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.come_alive().await?,
        };
        live.watch.set_watched(&wishes.servers).await;
        live.interfaces.wish(wishes.interfaces);
        self.live = Some(live);
        self.settle()?;
        self.view().context("no view")
    }

    async fn come_alive(&mut self) -> anyhow::Result<Live> {
        let events = Events::new(self.store.take_events()?)?;
        let watch = Watch::new().await.context("reading the host's network")?;
        Ok(Live { watch, events, interfaces: Interfaces::default(), views: 0 })
    }

    /// Brings the program to where it should be.
    fn settle(&mut self) -> anyhow::Result<Vec<Notice>> {
        let Some(live) = &mut self.live else { return Ok(Vec::new()) };
        let means = Means { pins: &self.pins, program: self.store.program()?, network: live.watch.network() };
        Ok(live.interfaces.settle(means).into_iter().map(Notice::Trouble).collect())
    }

    /// The host as it stands.
    pub(super) fn view(&mut self) -> Option<View> {
        let live = self.live.as_mut()?;
        live.views += 1;
        let network = live.watch.network().relevant();
        Some(View { number: live.views, network, interfaces: live.interfaces.view() })
    }

    /// Takes note of a change of the network. What there is to tell.
    pub(super) async fn network_changed(&mut self, first: neigh::Notice) -> anyhow::Result<Vec<Notice>> {
        let Some(live) = &mut self.live else { return Ok(Vec::new()) };
        if !live.watch.absorb(first).await? {
            return Ok(Vec::new());
        }
        let mut notices = self.settle()?;
        notices.extend(self.view().map(|view| Notice::View(Box::new(view))));
        Ok(notices)
    }

    /// What is done once a second. What there is to tell.
    pub(super) async fn turn(&mut self) -> anyhow::Result<Vec<Notice>> {
        let Some(live) = &mut self.live else { return Ok(Vec::new()) };
        live.watch.confirm_neighbours().await;
        if !live.interfaces.incomplete() {
            return Ok(Vec::new());
        }
        let before = live.interfaces.view();
        let mut notices = self.settle()?;
        if self.live.as_ref().is_some_and(|live| live.interfaces.view() != before) {
            notices.extend(self.view().map(|view| Notice::View(Box::new(view))));
        }
        Ok(notices)
    }

    /// Connections that are open, so many at most.
    pub(super) fn flows(&self, most: u32) -> anyhow::Result<Vec<Listed>> {
        let mut listed = Vec::new();
        Inspector::open(self.pins.folder())?.flows(&FlowFilter::default(), |flow| {
            if flow.state != "closed" && listed.len() < most as usize {
                let FlowInfo { client, frontend, backend, server, age, .. } = flow;
                listed.push(Listed { client, frontend, backend, server, age: Duration::from_secs_f64(age) });
            }
            listed.len() < most as usize
        })?;
        Ok(listed)
    }

    /// Takes the program off all interfaces and removes all pins.
    pub(super) fn leave(self) -> anyhow::Result<()> {
        let Self { live, store, mut made, pins, _owner } = self;
        made.0 = None;
        // The maps' last users go first, so that removing the pins frees them.
        drop((live, store));
        let folder = pins.folder().display().to_string();
        pins.remove().with_context(|| format!("removing the pins in {folder}"))
    }
}
