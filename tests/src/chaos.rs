//! A network under continuous load and random faults, and every promise checked all the while.
//!
//! One fault at a time, each followed by a wait until the chain has repaired what it broke, so that the strict promise can be
//! checked at every moment: no shard below two live replicas while at most one provider is failing. Some faults are double on
//! purpose (two providers at once, the network in two halves); while those last and are repaired only the promise about
//! bytes is checked.
//!
//! * [`schedule`]: which fault, on whom, how long: drawn from the seed alone
//! * [`inject`]: doing it, mending it, waiting until the chain has repaired it
//! * [`load`]: people who put, get and remove files
//! * [`watch`]: live replicas of every shard, the histories, the chain's invariants
//! * [`ledger`]: every planck
//! * [`report`]: the figures

mod draws;
mod inject;
mod ledger;
mod load;
mod report;
mod schedule;
mod watch;

pub use report::Report;
pub use schedule::Kind;

use crate::{namespaces, rpc, Net, Node};
use draws::Draws;
use load::Kept;
use std::{
    collections::BTreeSet,
    sync::{
        atomic::{AtomicBool, Ordering},
        Mutex, MutexGuard, PoisonError,
    },
    thread,
    time::{Duration, Instant},
};

/// People who store things at once: two of them keep two cores busy beside the network.
const PEOPLE: [&str; 2] = ["//Alice", "//Bob"];
/// The disk of each store: what leaves its index alone (64 MiB), and room for some hundred small replicas.
const DISK: &str = "512MiB";

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long faults are injected.
    pub minutes: u64,
    /// Everything random comes from it.
    pub seed: u64,
    /// Validators.
    pub validators: u32,
    /// Providers.
    pub providers: u32,
    /// A slot, in milliseconds.
    pub slot_ms: u64,
    /// Namespaces and disks of their own, so that links can be cut and disks be full.
    pub namespaces: bool,
    /// These kinds of faults alone; all that are possible, if it is empty.
    pub only: Vec<Kind>,
}

impl Plan {
    /// A plan for this machine, which may allow namespaces or not.
    pub fn new(minutes: u64, seed: u64, validators: u32, providers: u32) -> Self {
        Self { minutes, seed, validators, providers, slot_ms: 1_000, namespaces: namespaces(), only: Vec::new() }
    }

    /// The command that does the same again.
    pub fn command(&self) -> String {
        let Self { minutes, seed, validators, providers, slot_ms, namespaces, only } = self;
        let net = if *namespaces { "namespaces" } else { "loopback" };
        let mut command = format!(
            "scripts/chaos --minutes {minutes} --seed {seed} --validators {validators} --providers {providers} \
             --slot {slot_ms} --net {net}"
        );
        if !only.is_empty() {
            let words: Vec<_> = only.iter().map(|kind| kind.word()).collect();
            command.push_str(&format!(" --only {}", words.join(",")));
        }
        command
    }
}

/// What the threads of a run share.
struct Arena<'a> {
    plan: &'a Plan,
    net: &'a Net,
    nodes: Vec<Node>,
    /// Nodes that are not to be asked: broken, or not yet back.
    broken: Mutex<BTreeSet<String>>,
    /// Providers that are failing, until their repairs are done.
    failing: Mutex<BTreeSet<String>>,
    watched: Mutex<Vec<watch::Watched>>,
    violations: Mutex<Vec<String>>,
    /// No more files are put.
    ending: AtomicBool,
    /// Nothing more is done.
    over: AtomicBool,
    started: Instant,
}

/// A lock whose holder panicked is as good as any: the panic is reported by itself.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Arena<'_> {
    /// A promise was broken: the run ends.
    fn violation(&self, what: String) {
        self.say(&format!("BROKEN: {what}"));
        lock(&self.violations).push(what);
        self.ending.store(true, Ordering::SeqCst);
    }

    fn broken_promise(&self) -> bool {
        !lock(&self.violations).is_empty()
    }

    fn ending(&self) -> bool {
        self.ending.load(Ordering::SeqCst)
    }

    fn over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn say(&self, what: &str) {
        eprintln!("[{:>5} s] {what}", self.started.elapsed().as_secs());
    }

    /// The RPC of a node that is not broken: a validator, if there is one.
    fn rpc(&self) -> &str {
        let broken = lock(&self.broken);
        let sound = |node: &&Node| !broken.contains(&node.name);
        let validators = self.nodes.iter().filter(|node| node.role == "validator");
        validators.chain(&self.nodes).find(sound).map_or_else(|| self.net.rpc(), |node| &node.rpc)
    }

    fn node(&self, name: &str) -> &Node {
        self.nodes.iter().find(|node| node.name == name).unwrap_or_else(|| panic!("no node {name}"))
    }

    fn sleep(&self, how_long: Duration) {
        thread::sleep(how_long);
    }
}

/// Run a plan to its end.
///
/// # Errors
/// The report with what was broken in it; the seed is in it, too.
///
/// # Panics
/// When the network does not come up.
pub fn run(plan: &Plan) -> Result<Report, Report> {
    let (validators, providers, slot) = (plan.validators, plan.providers, plan.slot_ms.to_string());
    let mut options = vec!["--slot", slot.as_str()];
    if plan.namespaces {
        options.extend(["--net", "namespaces", "--disk", DISK]);
    }
    let net = Net::with_options(validators, providers, &options);
    let arena = Arena {
        plan,
        net: &net,
        nodes: net.nodes(),
        broken: Mutex::default(),
        failing: Mutex::default(),
        watched: Mutex::default(),
        violations: Mutex::default(),
        ending: AtomicBool::new(false),
        over: AtomicBool::new(false),
        started: Instant::now(),
    };
    arena.say(&plan.command());
    let report = thread::scope(|scope| {
        let arena = &arena;
        let watcher = scope.spawn(move || watch::run(arena));
        let ledger = scope.spawn(move || ledger::run(arena));
        let people: Vec<_> = PEOPLE
            .iter()
            .zip(1..)
            .map(|(uri, number)| scope.spawn(move || load::run(arena, uri, Draws::of(plan.seed, number))))
            .collect();
        let counts = inject::run(arena);
        arena.ending.store(true, Ordering::SeqCst);
        let mut loads = Vec::new();
        for person in people {
            match person.join() {
                Ok(load) => loads.push(load),
                Err(_) => arena.violation("a person's thread panicked: see above".into()),
            }
        }
        let kept: Vec<Kept> = loads.iter_mut().flat_map(|load| std::mem::take(&mut load.kept)).collect();
        if !arena.broken_promise() {
            arena.say(&format!("reading all {} files once more", kept.len()));
            load::read_all(arena, &kept);
            watch::check_deals(arena, &kept);
        }
        if let Some(broken) = rpc::try_state(arena.rpc()) {
            arena.violation(format!("an invariant of the chain is broken: {broken}"));
        }
        arena.over.store(true, Ordering::SeqCst);
        let histories = watcher.join().unwrap_or_else(|_| {
            arena.violation("the watcher panicked: see above".into());
            Vec::new()
        });
        let money = ledger.join().unwrap_or_else(|_| {
            arena.violation("the ledger's thread panicked: see above".into());
            ledger::Money::default()
        });
        Report::of(arena, counts, &loads, &histories, money)
    });
    if report.violations.is_empty() {
        Ok(report)
    } else {
        net.keep();
        Err(report)
    }
}
