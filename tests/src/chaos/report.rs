//! The figures of a run.

use super::{
    inject::Counts,
    ledger::Money,
    load::Load,
    watch::{Event, Histories},
    Arena, Kind,
};
use serde_json::{json, Value};
use std::{collections::BTreeMap, fmt::Write};

/// What a run did, saw, and found broken.
#[derive(Clone, Debug)]
pub struct Report {
    /// Every broken promise; none is what is hoped for.
    pub violations: Vec<String>,
    /// The command that does the same again.
    pub command: String,
    /// Faults by kind.
    pub faults: BTreeMap<Kind, u64>,
    figures: Value,
}

/// How a replica came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// A new provider made it.
    Replaced,
    /// Its holder answered late.
    Recovered,
    /// Its holder reported rot and sealed it anew.
    Resealed,
}

impl Way {
    const ALL: [Self; 3] = [Self::Replaced, Self::Resealed, Self::Recovered];

    const fn name(self) -> &'static str {
        match self {
            Self::Replaced => "made anew by another provider",
            Self::Recovered => "answered late by its holder",
            Self::Resealed => "reported and sealed anew by its holder",
        }
    }
}

/// The repairs in a shard's history: how, and the blocks from the first sign of the fault until the replica is live again.
fn repairs(events: &[Event]) -> Vec<(Way, u64)> {
    /// The first sign of a fault, and whether an order was opened or the holder reported.
    #[derive(Clone, Copy)]
    struct Open {
        since: u64,
        reported: bool,
        ordered: bool,
    }
    let mut open: BTreeMap<&str, Open> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        let (replica, since) = (event.replica.as_str(), event.block);
        match event.event.as_str() {
            sign @ ("missed" | "slashed" | "reported" | "repair_opened") => {
                let fault = open.entry(replica).or_insert(Open { since, reported: false, ordered: false });
                fault.reported |= sign == "reported";
                fault.ordered |= matches!(sign, "slashed" | "repair_opened");
            }
            "repair_cancelled" => {
                if let Some(fault) = open.get_mut(replica) {
                    fault.ordered = false;
                }
            }
            "recovered" | "activated" => {
                if let Some(fault) = open.remove(replica) {
                    let way = match (event.event.as_str(), fault.reported) {
                        ("activated", _) if fault.ordered => Way::Replaced,
                        (_, true) => Way::Resealed,
                        _ => Way::Recovered,
                    };
                    found.push((way, event.block.saturating_sub(fault.since)));
                }
            }
            _ => {}
        }
    }
    found
}

fn median(sorted: &[u64]) -> Option<u64> {
    sorted.get(sorted.len().checked_sub(1)? / 2).copied()
}

impl Report {
    pub(super) fn of(arena: &Arena, counts: Counts, loads: &[Load], histories: &Histories, money: Money) -> Self {
        let mut by_way: BTreeMap<Way, Vec<u64>> = BTreeMap::new();
        for (way, blocks) in histories.iter().flat_map(|(_, events)| repairs(events)) {
            by_way.entry(way).or_default().push(blocks);
        }
        let mut all = Vec::new();
        let row = |name: &str, mut blocks: Vec<u64>| {
            blocks.sort_unstable();
            json!({ "how": name, "count": blocks.len(), "median_blocks": median(&blocks), "worst_blocks": blocks.last() })
        };
        let mut rows = Vec::new();
        for way in Way::ALL {
            let blocks = by_way.remove(&way).unwrap_or_default();
            all.extend_from_slice(&blocks);
            rows.push(row(way.name(), blocks));
        }
        rows.push(row("all", all));
        let mut events: BTreeMap<&str, u64> = BTreeMap::new();
        for event in histories.iter().flat_map(|(_, events)| events) {
            *events.entry(&event.event).or_default() += 1;
        }
        let sum = |of: &dyn Fn(&Load) -> u64| loads.iter().map(of).sum::<u64>();
        let plan = arena.plan;
        let faults: BTreeMap<&str, u64> = counts.faults.iter().map(|(kind, count)| (kind.name(), *count)).collect();
        let plancks = |amount: u128| amount.to_string();
        let violations = super::lock(&arena.violations).clone();
        let figures = json!({
            "command": plan.command(),
            "seed": plan.seed,
            "validators": plan.validators,
            "providers": plan.providers,
            "slot_ms": plan.slot_ms,
            "namespaces": plan.namespaces,
            "seconds": arena.started.elapsed().as_secs(),
            "blocks": money.block,
            "faults": faults,
            "faults_total": counts.faults.values().sum::<u64>(),
            "faults_on_validators": counts.on_validators,
            "faults_idle": counts.idle,
            "puts": sum(&|load| load.done[0]),
            "gets": sum(&|load| load.done[1]),
            "removals": sum(&|load| load.done[2]),
            "bytes_put": sum(&|load| load.bytes[0]),
            "bytes_read": sum(&|load| load.bytes[1]),
            "tries_again": sum(&|load| load.again),
            "repairs": rows,
            "events": events,
            "money": {
                "genesis": plancks(money.genesis), "issuance": plancks(money.issuance),
                "accounts": plancks(money.accounts), "burnt": plancks(money.burnt), "fees": plancks(money.fees),
            },
            "violations": violations,
        });
        Self { violations, command: plan.command(), faults: counts.faults, figures }
    }

    /// All figures.
    pub const fn json(&self) -> &Value {
        &self.figures
    }

    /// As tables of Markdown, for `docs/reliability.md`.
    pub fn tables(&self) -> String {
        let figures = &self.figures;
        let mut text = format!("`{}`: {} s, {} blocks.\n\n", self.command, figures["seconds"], figures["blocks"]);
        text.push_str("| Fault | Times |\n|---|---|\n");
        let mut line = |what: &str, value: &Value| {
            let _ = writeln!(text, "| {what} | {} |", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        };
        for (kind, count) in &self.faults {
            line(kind.name(), &json!(count));
        }
        line("all", &figures["faults_total"]);
        line("of them on validators", &figures["faults_on_validators"]);
        text.push_str("\n| Load | |\n|---|---|\n");
        let mut line = |what: &str, value: &Value| {
            let _ = writeln!(text, "| {what} | {value} |");
        };
        line("files put", &figures["puts"]);
        line("files read back and compared", &figures["gets"]);
        line("files removed", &figures["removals"]);
        line("bytes put", &figures["bytes_put"]);
        line("bytes read back", &figures["bytes_read"]);
        line("commands run again after a fault", &figures["tries_again"]);
        text.push_str("\n| Replica live again | Times | Median, blocks | Worst, blocks |\n|---|---|---|---|\n");
        for row in figures["repairs"].as_array().into_iter().flatten() {
            let number = |name: &str| row[name].as_u64().map_or_else(|| "–".to_owned(), |number| number.to_string());
            let how = row["how"].as_str().unwrap_or_default();
            let _ = writeln!(
                text,
                "| {how} | {} | {} | {} |",
                number("count"),
                number("median_blocks"),
                number("worst_blocks")
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(block: u64, event: &str, replica: &str) -> Event {
        Event { block, event: event.into(), replica: replica.into(), reason: "none".into() }
    }

    #[test]
    fn repairs_are_read_from_a_history() {
        let history = [
            event(1, "assigned", "7/0/0"),
            event(5, "activated", "7/0/0"),
            event(70, "missed", "7/0/1"),
            event(75, "recovered", "7/0/1"),
            event(80, "missed", "7/0/0"),
            event(95, "slashed", "7/0/0"),
            event(95, "repair_opened", "7/0/0"),
            event(99, "reported", "7/0/1"),
            event(110, "committed", "7/0/0"),
            event(117, "activated", "7/0/0"),
            event(130, "recovered", "7/0/1"),
            event(140, "missed", "7/0/2"),
        ];
        let expected = [(Way::Recovered, 5), (Way::Replaced, 37), (Way::Resealed, 31)];
        assert_eq!(repairs(&history), expected, "and what is still open is none");
    }

    #[test]
    fn medians_are_of_the_lower_middle() {
        assert_eq!([median(&[]), median(&[3]), median(&[1, 2]), median(&[1, 5, 9])], [None, Some(3), Some(1), Some(5)]);
    }
}
