//! `scripts/chaos`: a network under load and random faults. Prints the figures as one JSON object on stdout, and as tables on
//! stderr; a failure prints the command that replays it and exits with 1.

use station_tests::chaos::{self, Kind, Plan};
use std::{fs, process::ExitCode};

const USAGE: &str = "\
usage: scripts/chaos --minutes N --seed S [--validators 4] [--providers 6] [--slot MS] [--net loopback|namespaces]
                     [--only KIND,KIND…] [--tables FILE]

Starts a network, keeps putting, reading and removing files on it, injects faults for N minutes, and checks every promise:
no byte lost, no shard below two live replicas while one provider fails, every deal right at the end, all money there.
With root and iproute2 the nodes get namespaces and disks of their own, and links and disks fail, too.
The same seed draws the same faults. --only injects these alone: kill, restart, corrupt, partition, full-disk, rate, delay, gone,
two, split. --tables writes the figures as Markdown.";

fn parse(args: &[String]) -> Result<(Plan, Option<String>), String> {
    let mut plan = Plan::new(0, 0, 4, 6);
    let (mut seed, mut tables) = (None, None);
    let mut rest = args.iter();
    while let Some(option) = rest.next() {
        let value = rest.next().ok_or_else(|| format!("{option} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{option} {value}: not a number"));
        let small = || number().and_then(|n| u32::try_from(n).map_err(|_| format!("{option} {value}: too many")));
        match option.as_str() {
            "--minutes" => plan.minutes = number()?,
            "--seed" => seed = Some(number()?),
            "--validators" => plan.validators = small()?,
            "--providers" => plan.providers = small()?,
            "--slot" => plan.slot_ms = number()?,
            "--net" => {
                plan.namespaces = match value.as_str() {
                    "loopback" => false,
                    "namespaces" => true,
                    _ => return Err(format!("--net {value}: loopback or namespaces")),
                }
            }
            "--only" => {
                let kind = |word: &str| Kind::of(word).ok_or_else(|| format!("--only {word}: no such fault"));
                plan.only = value.split(',').map(kind).collect::<Result<_, _>>()?;
            }
            "--tables" => tables = Some(value.clone()),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    plan.seed = seed.ok_or("--seed is missing")?;
    if plan.minutes == 0 {
        return Err("--minutes is missing".into());
    }
    // Three replicas, and one provider that fails.
    if plan.validators == 0 || plan.providers < 4 {
        return Err("at least one validator and four providers".into());
    }
    Ok((plan, tables))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let (plan, tables) = match parse(&args) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let (report, failed) = match chaos::run(&plan) {
        Ok(report) => (report, false),
        Err(report) => (report, true),
    };
    println!("{}", report.json());
    eprintln!("\n{}", report.tables());
    if let Some(Err(error)) = tables.map(|file| fs::write(&file, report.tables()).map_err(|e| format!("{file}: {e}"))) {
        eprintln!("{error}");
    }
    if failed {
        for violation in &report.violations {
            eprintln!("BROKEN: {violation}");
        }
        eprintln!("replay it: {}", report.command);
        return ExitCode::FAILURE;
    }
    eprintln!("every promise was kept");
    ExitCode::SUCCESS
}
