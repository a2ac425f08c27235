//! A short, seeded run of `scripts/chaos`: every promise under random faults. The long one is run by hand; its figures are in
//! `docs/reliability.md`.

use station_tests::chaos::{self, Kind, Plan};

#[test]
fn every_promise_is_kept_under_two_minutes_of_random_faults() {
    let plan = Plan::new(2, 20_261_121, 1, 5);
    let report = chaos::run(&plan).unwrap_or_else(|report| {
        panic!("{}\n{}\nreplay it: {}", report.violations.join("\n"), report.json(), report.command)
    });
    eprintln!("{}", report.tables());
    // A run without load or faults would have kept every promise, too. How much two people do in two minutes beside two other
    // networks is the machine's affair.
    let figures = report.json();
    let (puts, gets) = (figures["puts"].as_u64(), figures["gets"].as_u64());
    assert!(puts >= Some(4) && gets >= Some(1) && report.violations.is_empty(), "{figures}");
    let faults: u64 = report.faults.values().sum();
    assert!(faults >= 4 && report.faults.keys().any(|kind| matches!(kind, Kind::Kill | Kind::Gone)), "{figures}");
}
