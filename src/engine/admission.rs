//! `Admission`: the stages that wait to start, in line, and what there is for them to take.
//!
//! The first in line starts as soon as there is enough for it. Later ones may overtake it, but only
//! where that does not delay it by a moment: with what the overtakers hold given back, there would
//! still not be enough for it. So big stages cannot wait for ever behind small ones.

use std::collections::{BTreeMap, BTreeSet};

/// Where a stage comes in the order of a run.
pub(super) type Position = usize;

/// How much of each resource there is, or a stage takes; all lists have the same length and order.
pub(super) type Amounts = Vec<u64>;

/// The resource of which each unit is a device of its own.
pub(super) const GPUS: usize = 3;

/// How many kinds of stages behind the first in line are looked at for one that may overtake it, so
/// that a start costs the same however many wait.
const LOOKAHEAD: usize = 64;

/// Stages that take the same amounts; they come one after the other.
type Class = usize;

/// Who may start, and what those that run have taken.
#[derive(Debug)]
pub(super) struct Admission {
    supply: Amounts,
    free: Amounts,
    devices: BTreeSet<usize>,
    demands: Vec<Amounts>,
    classes: BTreeMap<Amounts, Class>,
    /// The stages of each class that wait.
    waiting: Vec<BTreeSet<Position>>,
    /// The first of each class that waits.
    fronts: BTreeSet<(Position, Class)>,
    running: BTreeMap<Position, Holding>,
    /// Who is first in line and has to wait.
    blocked: Option<Position>,
}

/// What a running stage has.
#[derive(Debug)]
struct Holding {
    class: Class,
    devices: Vec<usize>,
    /// Whether it was started past the one that is the first in line now.
    has_overtaken: bool,
}

impl Admission {
    pub(super) fn new(supply: Amounts) -> Self {
        let devices = supply.get(GPUS).copied().unwrap_or_default();
        let devices = usize::try_from(devices).unwrap_or(usize::MAX);
        Self {
            free: supply.clone(),
            supply,
            devices: (0..devices).collect(),
            demands: Vec::new(),
            classes: BTreeMap::new(),
            waiting: Vec::new(),
            fronts: BTreeSet::new(),
            running: BTreeMap::new(),
            blocked: None,
        }
    }

    /// Names the class of stages that take this; nobody may ask for more than there is.
    pub(super) fn class(&mut self, demand: Amounts) -> Class {
        let is_possible = demand
            .iter()
            .zip(&self.supply)
            .all(|(want, all)| want <= all);
        assert!(is_possible, "invariant: demands are cut to what there is");
        let next = self.demands.len();
        *self.classes.entry(demand).or_insert_with_key(|demand| {
            self.demands.push(demand.clone());
            self.waiting.push(BTreeSet::new());
            next
        })
    }

    /// Puts a stage in line.
    pub(super) fn enter(&mut self, position: Position, class: Class) {
        let front = self.waiting[class].first().copied();
        self.waiting[class].insert(position);
        if front.is_none_or(|front| position < front) {
            self.fronts.extend([(position, class)]);
            if let Some(front) = front {
                self.fronts.remove(&(front, class));
            }
        }
    }

    /// Takes the next stage that can start out of the line.
    pub(super) fn admit(&mut self) -> Option<Position> {
        let (first, class) = *self.fronts.first()?;
        if self.fits(class) {
            self.start(first, class, false);
            self.blocked = None;
            return Some(first);
        }
        if self.blocked != Some(first) {
            // To one that is first in line from now on, all that run have come before.
            self.blocked = Some(first);
            for holding in self.running.values_mut() {
                holding.has_overtaken = false;
            }
        }
        let limits = self.limits(class);
        let mut others = self.fronts.iter().skip(1).take(LOOKAHEAD);
        let (position, class) = *others.find(|(_, class)| {
            let demand = self.demands[*class].iter();
            self.fits(*class) && demand.zip(&limits).all(|(want, limit)| want <= limit)
        })?;
        self.start(position, class, true);
        Some(position)
    }

    /// Takes back what a stage has held.
    pub(super) fn release(&mut self, position: Position) {
        let holding = self.running.remove(&position);
        let holding = holding.expect("invariant: only running stages end");
        for (free, held) in self.free.iter_mut().zip(&self.demands[holding.class]) {
            *free += held;
        }
        self.devices.extend(holding.devices);
    }

    /// Returns the devices that a running stage has for its own.
    pub(super) fn devices(&self, position: Position) -> &[usize] {
        let holding = self.running.get(&position);
        holding.map_or(&[], |holding| &holding.devices)
    }

    fn fits(&self, class: Class) -> bool {
        let demand = self.demands[class].iter();
        demand.zip(&self.free).all(|(want, free)| want <= free)
    }

    fn start(&mut self, position: Position, class: Class, has_overtaken: bool) {
        self.waiting[class].remove(&position);
        self.fronts.remove(&(position, class));
        if let Some(next) = self.waiting[class].first() {
            self.fronts.insert((*next, class));
        }
        let demand = &self.demands[class];
        for (free, taken) in self.free.iter_mut().zip(demand) {
            *free -= taken;
        }
        let count = demand.get(GPUS).copied().unwrap_or_default();
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let devices: Vec<usize> = self.devices.iter().copied().take(count).collect();
        for device in &devices {
            self.devices.remove(device);
        }
        let holding = Holding {
            class,
            devices,
            has_overtaken,
        };
        self.running.insert(position, holding);
    }

    /// Returns how much of each resource an overtaker of the first in line, of class `first`, may
    /// take.
    ///
    /// What the first is short of even without the overtakers, they must leave alone. It cannot start
    /// before one that holds some of that ends, which gives back other resources as well: overtakers
    /// may use as much of those as leaves enough after the stingiest of such ends.
    fn limits(&self, first: Class) -> Amounts {
        let wanted = &self.demands[first];
        let older = || {
            let older = self.running.values();
            let older = older.filter(|holding| !holding.has_overtaken);
            older.map(|holding| &self.demands[holding.class])
        };
        let is_short: Vec<bool> = (0..wanted.len())
            .map(|kind| {
                let held: u64 = older().map(|demand| demand[kind]).sum();
                wanted[kind] > self.supply[kind] - held
            })
            .collect();
        let holds_some = |demand: &&Amounts| {
            let mut held = demand.iter().zip(&is_short);
            held.any(|(held, is_short)| *is_short && *held > 0)
        };
        let limit = |kind: usize| {
            if is_short[kind] {
                return 0;
            }
            let given_back = older().filter(holds_some).map(|demand| demand[kind]).min();
            (self.free[kind] + given_back.unwrap_or(0)).saturating_sub(wanted[kind])
        };
        (0..wanted.len()).map(limit).collect()
    }
}
