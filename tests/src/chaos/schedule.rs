//! Which fault comes next, on whom, and for how long: from the seed alone, so that a seed replays it.

use super::{Draws, Plan};
use std::{fmt, time::Duration};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL, and started again.
    Kill,
    /// SIGTERM, and started again.
    Restart,
    /// Bits of a replica flip.
    Corrupt,
    /// Cut off from everybody.
    Partition,
    /// The disk under the store is full.
    FullDisk,
    /// The link is slow.
    Rate,
    /// Every byte is late.
    Delay,
    /// SIGKILL, and not started again before everything it held is elsewhere.
    Gone,
    /// Two providers at once: SIGKILL, and started again.
    Two,
    /// The network in two halves, each with half the validators.
    Split,
}

impl Kind {
    /// Its name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Corrupt => "corruption",
            Self::Partition => "partition",
            Self::FullDisk => "full disk",
            Self::Rate => "slow link",
            Self::Delay => "delay",
            Self::Gone => "kill, gone until repaired",
            Self::Two => "kill of two at once",
            Self::Split => "split in halves",
        }
    }

    /// Its name in a command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Corrupt => "corrupt",
            Self::Partition => "partition",
            Self::FullDisk => "full-disk",
            Self::Rate => "rate",
            Self::Delay => "delay",
            Self::Gone => "gone",
            Self::Two => "two",
            Self::Split => "split",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Self> {
        EVERY_ROUND.into_iter().chain(IN_TURN).find(|kind| kind.word() == word)
    }

    /// Whether it needs links or disks of their own.
    const fn needs_namespaces(self) -> bool {
        matches!(self, Self::Partition | Self::FullDisk | Self::Rate | Self::Split)
    }

    /// Whether it may strike a validator.
    const fn strikes_validators(self) -> bool {
        matches!(self, Self::Kill | Self::Restart | Self::Partition)
    }

    /// How long it lasts, in seconds. Up to the answer window and beyond it: some are over before anything is missed, some
    /// make a replica miss.
    const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Kill | Self::Two => (1, 22),
            Self::Restart => (0, 8),
            Self::Partition => (4, 28),
            Self::FullDisk => (8, 25),
            Self::Rate | Self::Delay => (8, 20),
            Self::Split => (4, 12),
            // Until it is repaired.
            Self::Corrupt | Self::Gone => (0, 0),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A fault that is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub kind: Kind,
    /// On whom; all members of one half for [`Kind::Split`].
    pub victims: Vec<String>,
    /// How long.
    pub lasts: Duration,
    /// For what is drawn while it is done.
    pub number: u64,
}

/// In every round each of these comes once.
const EVERY_ROUND: [Kind; 5] = [Kind::Kill, Kind::Restart, Kind::Corrupt, Kind::Partition, Kind::FullDisk];
/// And of these one, in turn.
const IN_TURN: [Kind; 5] = [Kind::Rate, Kind::Gone, Kind::Two, Kind::Delay, Kind::Split];
/// Of the faults that may strike a validator, one in so many does.
const ONE_VALIDATOR_IN: u64 = 4;
/// Finality needs more than two thirds: with fewer, a validator is not taken away.
const VALIDATORS_TO_SPARE_ONE: u32 = 4;
/// With fewer, two gone at once leave no choice of holders.
const PROVIDERS_TO_LOSE_TWO: u32 = 5;

/// Faults without end.
pub struct Schedule {
    draws: Draws,
    validators: u32,
    providers: u32,
    namespaces: bool,
    only: Vec<Kind>,
    round: Vec<Kind>,
    rounds: usize,
}

impl Schedule {
    /// The schedule of a plan.
    pub fn of(plan: &Plan) -> Self {
        Self {
            draws: Draws::of(plan.seed, 0),
            validators: plan.validators,
            providers: plan.providers,
            namespaces: plan.namespaces,
            only: plan.only.clone(),
            round: Vec::new(),
            rounds: 0,
        }
    }

    fn possible(&self, kind: Kind) -> bool {
        let enough = match kind {
            Kind::Two => self.providers >= PROVIDERS_TO_LOSE_TWO,
            Kind::Split => self.validators >= 2,
            _ => true,
        };
        let wanted = self.only.is_empty() || self.only.contains(&kind);
        wanted && enough && (self.namespaces || !kind.needs_namespaces())
    }

    fn new_round(&mut self) -> Vec<Kind> {
        let turn = IN_TURN.into_iter().filter(|kind| self.possible(*kind)).collect::<Vec<_>>();
        let extra = turn.get(self.rounds % turn.len().max(1)).copied();
        self.rounds += 1;
        let mut round: Vec<Kind> = EVERY_ROUND.into_iter().chain(extra).filter(|kind| self.possible(*kind)).collect();
        self.draws.shuffle(&mut round);
        round
    }

    fn victims(&mut self, kind: Kind) -> Vec<String> {
        let provider = |n: u64| format!("provider-{n}");
        let (validators, providers) = (u64::from(self.validators), u64::from(self.providers));
        if kind == Kind::Split {
            let validators = (1..=validators.div_ceil(2)).map(|n| format!("validator-{n}"));
            return validators.chain((1..=providers / 2).map(provider)).collect();
        }
        let may = kind.strikes_validators() && self.validators >= VALIDATORS_TO_SPARE_ONE;
        if may && self.draws.once_in(ONE_VALIDATOR_IN) {
            return vec![format!("validator-{}", self.draws.within(1, validators))];
        }
        let first = self.draws.within(1, providers);
        if kind == Kind::Two {
            let second = (first + self.draws.within(0, providers - 2)) % providers + 1;
            return vec![provider(first), provider(second)];
        }
        vec![provider(first)]
    }
}

impl Iterator for Schedule {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.round.is_empty() {
            self.round = self.new_round();
        }
        let kind = self.round.pop()?;
        let victims = self.victims(kind);
        let (from, to) = kind.lasts();
        Some(Fault {
            kind,
            victims,
            lasts: Duration::from_secs(self.draws.within(from, to)),
            number: self.draws.next(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn plan(seed: u64, namespaces: bool) -> Plan {
        Plan { minutes: 1, seed, validators: 4, providers: 6, slot_ms: 1_000, namespaces, only: Vec::new() }
    }

    #[test]
    fn a_seed_replays_its_faults_and_another_does_not() {
        let first = |seed| Schedule::of(&plan(seed, true)).take(40).collect::<Vec<_>>();
        assert_eq!(first(7), first(7));
        assert_ne!(first(7), first(8));
    }

    #[test]
    fn kinds_are_found_by_their_words_and_can_be_asked_for_alone() {
        let all = EVERY_ROUND.into_iter().chain(IN_TURN);
        assert!(all.clone().all(|kind| Kind::of(kind.word()) == Some(kind)) && Kind::of("flood").is_none());
        let only = vec![Kind::Two, Kind::Kill];
        let plan = Plan { only: only.clone(), ..plan(3, true) };
        let mut drawn: Vec<_> = Schedule::of(&plan).take(10).map(|fault| fault.kind).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn, [Kind::Kill, Kind::Two]);
    }

    #[test]
    fn ten_rounds_have_ten_of_each_and_two_victims_are_two() {
        let mut counts = BTreeMap::new();
        for fault in Schedule::of(&plan(3, true)).take(60) {
            *counts.entry(fault.kind).or_insert(0) += 1;
            if fault.kind == Kind::Two {
                assert!(fault.victims.len() == 2 && fault.victims[0] != fault.victims[1], "{:?}", fault.victims);
            }
        }
        assert!(EVERY_ROUND.iter().all(|kind| counts[kind] == 10), "{counts:?}");
        assert!(IN_TURN.iter().all(|kind| counts[kind] == 2), "{counts:?}");
    }

    #[test]
    fn without_namespaces_links_and_disks_are_left_alone() {
        let kinds: Vec<_> = Schedule::of(&plan(3, false)).take(60).map(|fault| fault.kind).collect();
        assert!(kinds.iter().all(|kind| !kind.needs_namespaces()), "{kinds:?}");
        assert!(kinds.contains(&Kind::Gone) && kinds.contains(&Kind::Delay), "{kinds:?}");
    }
}
