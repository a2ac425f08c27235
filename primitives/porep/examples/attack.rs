//! What keeping less than a replica costs: six ways of choosing what to keep, simulated on the real graph.
//!
//! ```text
//! cargo run --release -p station-porep --example attack -- [MiB/s that a core hashes] [log2 of labels]
//! ```
//!
//! A provider that keeps a share ρ of the labels, and none of the rest, recomputes for an audit whatever its four labels need: each
//! missing label, the missing among its parents, and so on. The cost of an audit is the number of different labels so recomputed, as a
//! share of all labels: 1 is sealing the replica again. The data itself is taken to be at hand for nothing, and so is the
//! memory for what is recomputed, which favours the attacker.
//!
//! `docs/security.md` holds what this printed and what follows from it.
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss)]

use station_porep::{
    graph, AUDITS_PER_SEAL_CHECK, AUDIT_OPENINGS, LABEL_BYTES, PAGE_LABELS, PARENTS, REPEATS, ROUND_PARENTS,
    SEAL_CHECKS,
};
use std::collections::BinaryHeap;

/// Audits that each figure is the mean of.
const AUDITS: usize = 48;
/// Shares that are kept.
const SHARES: [f64; 14] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
/// Commodity prices, in dollars.
const CORE_HOUR: f64 = 0.01;
const TERABYTE_MONTH: f64 = 2.0;
const MONTH_HOURS: f64 = 730.0;
/// How much cheaper than a commodity core the attacker computes.
const ADVANTAGES: [f64; 3] = [1.0, 10.0, 30.0];
/// The proving periods that are compared, in hours; the live network has 4.
const PERIODS: [f64; 4] = [1.0, 2.0, 4.0, 8.0];
/// The least ratio of a cheater's cost to the disk that it saves.
const LEAST_RATIO: f64 = 2.0;
/// The share of labels that the last row miscodes.
const MISCODED: f64 = 0.02;

/// splitmix64: the simulation gives the same figures every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// Edges out of every label, one after the other.
struct Edges {
    begin: Vec<u32>,
    to: Vec<u32>,
}

impl Edges {
    fn of(&self, label: usize) -> &[u32] {
        &self.to[self.begin[label] as usize..self.begin[label + 1] as usize]
    }
}

/// The graph, with edges in both directions and none twice.
struct Graph {
    parents: Edges,
    children: Edges,
}

impl Graph {
    /// The graph of so many labels, with the first so many parents of each.
    fn new(labels: usize, parents_used: usize) -> Self {
        let mut parents = Edges { begin: vec![0, 0], to: Vec::new() };
        let mut children = vec![Vec::new(); labels];
        for child in 1..labels {
            let mut own =
                graph::parents(child as u64)[..parents_used].iter().map(|parent| *parent as u32).collect::<Vec<_>>();
            own.sort_unstable();
            own.dedup();
            own.iter().for_each(|parent| children[*parent as usize].push(child as u32));
            parents.to.extend(own);
            parents.begin.push(parents.to.len() as u32);
        }
        let mut flat = Edges { begin: vec![0], to: Vec::new() };
        for own in children {
            flat.to.extend(own);
            flat.begin.push(flat.to.len() as u32);
        }
        Self { parents, children: flat }
    }

    fn len(&self) -> usize {
        self.parents.begin.len() - 1
    }
}

/// Recomputes labels, remembering which audit needed which.
struct Recompute<'a> {
    graph: &'a Graph,
    seen: Vec<u32>,
    audit: u32,
    todo: Vec<u32>,
}

impl<'a> Recompute<'a> {
    fn new(graph: &'a Graph) -> Self {
        Self { graph, seen: vec![0; graph.len()], audit: 0, todo: Vec::new() }
    }

    /// How many labels are recomputed to have all of `wanted`.
    fn cost(&mut self, kept: &[bool], wanted: &[usize]) -> usize {
        self.audit += 1;
        let mut cost = 0;
        for label in wanted {
            self.visit(kept, *label as u32);
        }
        while let Some(label) = self.todo.pop() {
            cost += 1;
            let graph = self.graph;
            for parent in graph.parents.of(label as usize) {
                self.visit(kept, *parent);
            }
        }
        cost
    }

    fn visit(&mut self, kept: &[bool], label: u32) {
        let at = label as usize;
        if !kept[at] && self.seen[at] != self.audit {
            self.seen[at] = self.audit;
            self.todo.push(label);
        }
    }
}

/// What a share kept costs: the mean of single labels, and of whole audits, as shares of all labels.
fn measure(graph: &Graph, kept: &[bool]) -> (f64, f64) {
    let mut random = Random(7);
    let mut recompute = Recompute::new(graph);
    let (mut single, mut audit) = (0, 0);
    for _ in 0..AUDITS {
        let wanted: [usize; AUDIT_OPENINGS] = core::array::from_fn(|_| random.below(graph.len()));
        audit += recompute.cost(kept, &wanted);
        single += recompute.cost(kept, &wanted[..1]);
    }
    let all = (AUDITS * graph.len()) as f64;
    (single as f64 / all, audit as f64 / all)
}

/// An order in which labels, or pages, are kept: the first the most willingly.
type Order = Vec<u32>;

fn by_score(count: usize, score: impl Fn(usize) -> f64) -> Order {
    let mut random = Random(11);
    let mut order: Vec<(f64, u64, u32)> = (0..count).map(|at| (score(at), random.next(), at as u32)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.into_iter().map(|(_, _, at)| at).collect()
}

/// Labels of each unit: one, or a page.
fn members(unit: u32, size: usize) -> core::ops::Range<usize> {
    unit as usize * size..(unit as usize + 1) * size
}

fn random(graph: &Graph, size: usize) -> Order {
    by_score(graph.len() / size, |_| 0.0)
}

/// Those that most others depend on.
fn out_degree(graph: &Graph, size: usize) -> Order {
    by_score(graph.len() / size, |unit| {
        members(unit as u32, size).map(|label| graph.children.of(label).len() as f64).sum()
    })
}

fn prefix(graph: &Graph, size: usize) -> Order {
    by_score(graph.len() / size, |unit| -(unit as f64))
}

/// The first offsets of every 64: labels of a page, or pages of a run of 64.
fn offsets(graph: &Graph, size: usize) -> Order {
    by_score(graph.len() / size, |unit| -((unit as u64 % PAGE_LABELS) as f64))
}

/// As evenly spread as can be, whatever the share: offsets within 64 in the order of their reversed bits.
fn periodic(graph: &Graph, size: usize) -> Order {
    by_score(graph.len() / size, |unit| -f64::from((unit as u8 % 64).reverse_bits() >> 2))
}

/// Greedy search: keep next what most paths among the missing run through. Paths of up to `reach` steps are counted on both
/// sides; the product is the number that keeping the label cuts. Counted anew after every hundredth part.
fn paths(graph: &Graph, size: usize, reach: usize) -> Order {
    let count = graph.len();
    let units = count / size;
    let mut missing = vec![1.0f64; count];
    let mut taken = vec![false; units];
    let mut order = Order::new();
    let step = (units / 100).max(1);
    while order.len() < units {
        let (mut up, mut down) = (missing.clone(), missing.clone());
        for _ in 0..reach {
            let sum = |edges: &[u32], from: &[f64]| edges.iter().map(|other| from[*other as usize]).sum::<f64>();
            up = (0..count).map(|at| missing[at] * (1.0 + sum(graph.parents.of(at), &up))).collect();
            down = (0..count).map(|at| missing[at] * (1.0 + sum(graph.children.of(at), &down))).collect();
        }
        let best = by_score(units, |unit| {
            if taken[unit] {
                -1.0
            } else {
                members(unit as u32, size).map(|label| up[label] * down[label]).sum()
            }
        });
        for unit in best.into_iter().take(step.min(units - order.len())) {
            taken[unit as usize] = true;
            members(unit, size).for_each(|label| missing[label] = 0.0);
            order.push(unit);
        }
    }
    order
}

/// Greedy search from the other end: drop next what has the fewest missing neighbours, weighing those that come before by
/// what they themselves need. Gives the largest sets of labels that are cheap to recompute.
fn sparse(graph: &Graph, size: usize) -> Order {
    let units = graph.len() / size;
    let mut weight = vec![0.0f64; units];
    let mut dropped = vec![false; units];
    let mut heap: BinaryHeap<(core::cmp::Reverse<u64>, u64, u32)> = BinaryHeap::new();
    let mut random = Random(13);
    (0..units).for_each(|unit| heap.push((core::cmp::Reverse(0), random.next(), unit as u32)));
    let mut order = Order::new();
    while let Some((core::cmp::Reverse(seen), tie, unit)) = heap.pop() {
        let at = unit as usize;
        if dropped[at] {
            continue;
        }
        let now = (weight[at] * 1024.0) as u64;
        if now > seen {
            heap.push((core::cmp::Reverse(now), tie, unit));
            continue;
        }
        dropped[at] = true;
        order.push(unit);
        let own = 1.0 + weight[at];
        for label in members(unit, size) {
            for child in graph.children.of(label) {
                weight[*child as usize / size] += own.min(64.0);
            }
            for parent in graph.parents.of(label) {
                weight[*parent as usize / size] += 1.0;
            }
        }
    }
    order.reverse();
    order
}

/// The labels that the first `share` of an order keeps.
fn kept(graph: &Graph, size: usize, order: &[u32], share: f64) -> Vec<bool> {
    let mut kept = vec![false; graph.len()];
    let units = (share * (graph.len() / size) as f64).round() as usize;
    for unit in order.iter().take(units) {
        kept[members(*unit, size)].fill(true);
    }
    kept
}

/// The best that any strategy did at one share.
#[derive(Clone)]
struct Best {
    /// Recomputed for one label, and for an audit, as shares of all labels.
    label: f64,
    audit: f64,
    strategy: String,
}

/// A strategy and the order in which it keeps units of so many labels.
type Strategy = (&'static str, fn(&Graph, usize) -> Order);

const PLAIN: [Strategy; 5] =
    [("random", random), ("out-degree", out_degree), ("prefix", prefix), ("offsets", offsets), ("periodic", periodic)];
const GREEDY: [Strategy; 4] = [
    ("greedy, sparse", sparse),
    ("greedy, paths of 1", |graph, size| paths(graph, size, 1)),
    ("greedy, paths of 3", |graph, size| paths(graph, size, 3)),
    ("greedy, paths of 8", |graph, size| paths(graph, size, 8)),
];
/// What is kept or dropped together: single labels, neighbours that proofs and parents treat as one, pages.
const UNITS: [(&str, usize); 3] = [("label", 1), ("pair", 2), ("page", PAGE_LABELS as usize)];

/// Try `strategies` in all units; print a row for each and return the best for each share.
fn attack(graph: &Graph, strategies: &[Strategy], extra: f64) -> Vec<Best> {
    let mut best = vec![Best { label: 1.0, audit: f64::INFINITY, strategy: String::new() }; SHARES.len()];
    for (unit, size) in UNITS {
        for (name, order) in strategies {
            let order = order(graph, size);
            print!("{:<27}", format!("{name}, by {unit}"));
            for (share, best) in SHARES.iter().zip(&mut best) {
                let (label, audit) = measure(graph, &kept(graph, size, &order, (share + extra).min(1.0)));
                print!(" {audit:>6.4}");
                if audit < best.audit {
                    *best = Best { label, audit, strategy: format!("{name}, by {unit}") };
                }
            }
            println!();
        }
    }
    best
}

/// Blocks of blake2b that a label takes.
fn blocks(repeats: usize) -> f64 {
    (40 + repeats * ROUND_PARENTS * LABEL_BYTES).div_ceil(128) as f64
}

/// What recomputing a whole replica once a period costs, against keeping it on disk meanwhile.
fn full_ratio(mib_per_second: f64, period_hours: f64) -> f64 {
    let core_hours = 1e12 / (mib_per_second * 1_048_576.0) / 3_600.0;
    core_hours * CORE_HOUR / (TERABYTE_MONTH * period_hours / MONTH_HOURS)
}

/// The share up to which keeping less always costs `least` times what it saves, interpolated between [`SHARES`].
fn rho_star(best: &[Best], full: f64, least: f64) -> Option<f64> {
    let ratio: Vec<f64> = SHARES.iter().zip(best).map(|(share, best)| best.audit * full / (1.0 - share)).collect();
    let first_below = ratio.iter().position(|ratio| *ratio < least)?;
    let above = first_below.checked_sub(1)?;
    let part = (ratio[above] - least) / (ratio[above] - ratio[first_below]);
    Some(SHARES[above] + part * (SHARES[first_below] - SHARES[above]))
}

fn header(title: &str) {
    print!("\n{title:<27}");
    SHARES.iter().for_each(|share| print!(" {share:>6.2}"));
    println!();
}

fn main() {
    let argument = |at: usize| std::env::args().nth(at);
    let speed: f64 = argument(1).and_then(|text| text.parse().ok()).unwrap_or(56.0);
    let log: u32 = argument(2).and_then(|text| text.parse().ok()).unwrap_or(17);
    println!("2^{log} labels, {REPEATS} rounds of {ROUND_PARENTS} parents, {AUDIT_OPENINGS} openings an audit.");
    println!("An attacker hashes {speed} MiB/s a core at 2 repeats, $ {CORE_HOUR} a core-hour; a disk is $ {TERABYTE_MONTH} a TB and month.");
    println!("Cost of an audit: labels recomputed, as a share of all, mean of {AUDITS} audits.");
    header("share kept");
    let graph = Graph::new(1 << log, PARENTS);
    let all: Vec<Strategy> = PLAIN.into_iter().chain(GREEDY).collect();
    let best = attack(&graph, &all, 0.0);

    let period = PERIODS[2];
    let full = full_ratio(speed, period);
    println!("\nThe best for each share. Ratio: cost of cheating to disk saved, in money, at {REPEATS} repeats and {period} h.");
    println!("Recomputing everything each period: {full:.2}.\n");
    println!("share   label   audit   {}  strategy", ADVANTAGES.map(|a| format!("A = {a:<4}")).join("  "));
    for (share, best) in SHARES.iter().zip(&best) {
        let ratios = ADVANTAGES.map(|a| format!("{:>8.3}", best.audit * full / (1.0 - share) / a)).join("  ");
        println!("{share:>5.2}  {:>6.4}  {:>6.4}  {ratios}  {}", best.label, best.audit, best.strategy);
    }

    println!(
        "\n{:.0} % miscoded: these labels cost neither disk nor work. Eight checks at onboarding let that pass with",
        MISCODED * 100.0
    );
    println!(
        "{:.0} %; one check in {AUDITS_PER_SEAL_CHECK} audits finds it after {:.0} periods on average, {:.0} days.",
        (1.0 - MISCODED).powi(SEAL_CHECKS as i32) * 100.0,
        AUDITS_PER_SEAL_CHECK as f64 / MISCODED,
        AUDITS_PER_SEAL_CHECK as f64 / MISCODED * period / 24.0
    );
    header("share kept");
    let miscoded = attack(&graph, &GREEDY, MISCODED);
    print!("{:<27}", "ratio at A = 1");
    SHARES.iter().zip(&miscoded).for_each(|(share, best)| print!(" {:>6.3}", best.audit * full / (1.0 - share)));
    println!("\n\nOne repeat: the first round only, half the hashing");
    header("share kept");
    let single = attack(&Graph::new(1 << log, ROUND_PARENTS), &GREEDY, 0.0);

    println!("\nThe share up to which cheating costs at least {LEAST_RATIO} times (and 1 time) what it saves, by repeats and period:");
    println!("\nrepeats  MiB/s   period   {}", ADVANTAGES.map(|a| format!("A = {a:<10}")).join("  "));
    // Four repeats hash both rounds twice: the graph of two, and twice the work.
    for (repeats, best) in [(1, &single), (2, &best), (4, &best)] {
        let speed = speed * blocks(2) / blocks(repeats);
        for period in PERIODS {
            let shares = ADVANTAGES.map(|a| {
                let full = full_ratio(speed, period) / a;
                let text = |least| rho_star(best, full, least).map_or("none".into(), |rho| format!("{rho:.2}"));
                format!("{:<14}", format!("{} ({})", text(LEAST_RATIO), text(1.0)))
            });
            println!("{repeats:>7}  {speed:>5.1}  {period:>5} h   {}", shares.join("  "));
        }
    }
}
