//! Bad input: each kind with its exit code and a clear error, and nothing changed by it.

use serde_json::json;
use station_tests::{files, rpc, Failure, Net, User};
use std::{
    fs,
    time::{Duration, Instant},
};
use tempfile::tempdir;

/// The address of //Bob.
const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";

/// All cases are tried before any is reported.
#[derive(Default)]
struct Cases(Vec<String>);

impl Cases {
    fn expect(&mut self, case: &str, failure: &Failure, exit: i32, code: &str) {
        if (failure.exit, failure.code.as_str()) != (exit, code) {
            self.0.push(format!("{case}: expected {code} (exit {exit}), got {failure:?}"));
        }
        if failure.message.len() < 8 || failure.stderr.contains("panicked") {
            self.0.push(format!("{case}: not an error a person can use: {failure:?}"));
        }
        self.helps(case, failure);
    }

    /// Every error says what to do next.
    fn helps(&mut self, case: &str, failure: &Failure) {
        if failure.hint.as_ref().is_none_or(|hint| hint.len() < 8) {
            self.0.push(format!("{case}: it does not say what to do next: {failure:?}"));
        }
    }

    /// What the error has to say, in message or hint.
    fn says(&mut self, case: &str, failure: &Failure, text: &str) {
        let hint = failure.hint.as_deref().unwrap_or_default();
        if !failure.message.contains(text) && !hint.contains(text) {
            self.0.push(format!("{case}: nothing about '{text}': {failure:?}"));
        }
    }
}

impl Drop for Cases {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.0.is_empty(), "\n{}", self.0.join("\n"));
        }
    }
}

#[test]
fn bad_input_has_its_own_exit_code_and_changes_nothing() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let path = work.path().join("file");
    fs::write(&path, files::noise(5, 100_000)).unwrap();
    let file = path.to_str().unwrap();
    let out = work.path().join("out");
    let out = out.to_str().unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&path);
    let balance = alice.ok(&["wallet", "balance"]);
    let deals = rpc::call(net.rpc(), "storage_summary", json!([]))["deals"].clone();
    let mut cases = Cases::default();

    for replicas in ["0", "1", "99", "-1", "many"] {
        let case = format!("{replicas} replicas");
        cases.expect(&case, &alice.fails(&["put", file, "--replicas", replicas]), 2, "usage");
    }
    for term in ["0d", "-3d", "soon"] {
        let failure = alice.fails(&["put", file, "--for", term]);
        cases.expect(&format!("a term of {term}"), &failure, 2, "usage");
        cases.says(&format!("a term of {term}"), &failure, "is no term");
    }
    // Longer than a deal may be: said before anything is encrypted, and nothing is left to go on with.
    let another = work.path().join("another");
    fs::write(&another, files::noise(6, 50_000)).unwrap();
    let another = another.to_str().unwrap();
    let long = alice.fails(&["put", another, "--for", "50y"]);
    cases.expect("a term of 50 years", &long, 2, "usage");
    cases.says("a term of 50 years", &long, "days at the most");
    let too_dear = alice.fails(&["put", another, "--max-price", "99999999999999999999"]);
    cases.expect("a price beyond any market", &too_dear, 2, "usage");
    cases.says("a price beyond any market", &too_dear, "TKT at the most");
    cases.expect(
        "more replicas than providers",
        &alice.fails(&["put", file, "--replicas", "6"]),
        5,
        "too_few_providers",
    );
    let cheap = alice.fails(&["put", file, "--max-price", "0.000000000001"]);
    cases.expect("a price too low", &cheap, 4, "funds");
    let missing = work.path().join("missing");
    let gone = alice.fails(&["put", missing.to_str().unwrap()]);
    if ![2, 3, 7].contains(&gone.exit) || !gone.message.contains("missing") {
        cases.0.push(format!("a file that is not there: {gone:?}"));
    }

    for amount in ["-1", "0", "none"] {
        let failure = alice.fails(&["wallet", "transfer", BOB, amount]);
        cases.expect(&format!("{amount} TKT sent"), &failure, 2, "usage");
    }
    let rich = alice.fails(&["wallet", "transfer", BOB, "99999999999"]);
    cases.expect("more sent than there is", &rich, 4, "funds");
    // Bob's key as other chains write it: nobody expects tickets there.
    let elsewhere = alice.fails(&["wallet", "transfer", "14E5nqKAp3oAJcmzgZhUD2RcptBeUBScxKHgJKU4HPNcKVf3", "1"]);
    cases.expect("an address of another chain", &elsewhere, 2, "usage");
    cases.says("an address of another chain", &elsewhere, "another chain");

    let poor = User::with_key(&net, "//Nobody");
    cases.expect("an empty wallet", &poor.fails(&["put", file]), 4, "funds");
    let keyless = User::without_key(&net);
    let failure = keyless.fails(&["put", file]);
    cases.helps("no wallet at all", &failure);
    if ![2, 3, 4].contains(&failure.exit) {
        cases.0.push(format!("no wallet at all: {failure:?}"));
    }

    cases.expect("no link at all", &alice.fails(&["get", "https://example.org/", "-o", out]), 2, "usage");
    // A letter of the middle and one of the end: whatever part of the link it is, it is noticed.
    for at in [link.len() / 2, link.len() - 1] {
        let other = if link.as_bytes()[at] == b'k' { "m" } else { "k" };
        let changed = format!("{}{other}{}", &link[..at], &link[at + 1..]);
        let failure = alice.fails(&["get", &changed, "-o", out]);
        if ![2, 3].contains(&failure.exit) {
            cases.0.push(format!("a changed link ({at}): {failure:?}"));
        }
    }
    let truncated = alice.fails(&["status", &link[..link.len() - 5]]);
    if ![2, 3].contains(&truncated.exit) {
        cases.0.push(format!("a truncated link: {truncated:?}"));
    }
    let nowhere = alice.fails(&["get", &link, "-o", "/proc/no such folder/out"]);
    cases.expect("a place that cannot be written", &nowhere, 7, "disk");

    // Port 1 is nobody's.
    let offline = User::at("ws://127.0.0.1:1", Some("//Alice"));
    cases.expect("no node", &offline.fails(&["put", file]), 6, "network");
    cases.expect("no node to read from", &offline.fails(&["get", &link, "-o", out]), 6, "network");
    // Somebody listens there and never says a word.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = User::at(&format!("ws://{}", silent.local_addr().unwrap()), Some("//Alice"));
    let begun = Instant::now();
    let failure = mute.fails(&["status", &link]);
    cases.expect("a node that says nothing", &failure, 6, "network");
    cases.says("a node that says nothing", &failure, "--rpc");
    if begun.elapsed() > Duration::from_secs(30) {
        cases.0.push(format!("a node that says nothing was waited for {:?}", begun.elapsed()));
    }
    for url in ["http://127.0.0.1:9944", "garbage", "ws://", "ws://127.0.0.1:99999"] {
        let failure = User::at(url, Some("//Alice")).fails(&["status", &link]);
        cases.expect(&format!("the address '{url}'"), &failure, 2, "usage");
        cases.says(&format!("the address '{url}'"), &failure, "ws://127.0.0.1:9944");
    }

    assert!(!fs::exists(out).unwrap(), "a failed get left something behind");
    assert_eq!(alice.ok(&["wallet", "balance"]), balance, "something was paid for");
    assert_eq!(rpc::call(net.rpc(), "storage_summary", json!([]))["deals"], deals, "a deal was made");
}

#[test]
fn clap_errors_exit_2_and_help_exits_0() {
    // Needs no network.
    let user = User::at("ws://127.0.0.1:1", None);
    for args in [&["put"][..], &["get", "station:x"], &["no-such-command"], &["localnet", "up"]] {
        let outcome = user.finish(user.command(args));
        assert_eq!(outcome.code, Some(2), "{outcome}");
    }
    for args in [&["--help"][..], &["put", "--help"], &["get", "--help"], &["localnet", "--help"], &["node", "--help"]]
    {
        let outcome = user.finish(user.command(args));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert!(outcome.stdout.contains("Usage"), "{outcome}");
    }
}

#[test]
fn a_key_file_opens_with_its_passphrase_alone() {
    let user = User::at("ws://127.0.0.1:1", None);
    let (right, wrong) = (user.home().join("right"), user.home().join("wrong"));
    fs::write(&right, "correct horse battery staple\n").unwrap();
    fs::write(&wrong, "something else\n").unwrap();
    let run = |args: &[&str], passphrase: &std::path::Path| {
        let mut command = user.command(args);
        command.arg("--json").env("STATION_PASSPHRASE_FILE", passphrase);
        user.finish(command)
    };
    let new = run(&["wallet", "new"], &right);
    assert_eq!(new.code, Some(0), "{new}");
    // The key opens before any node is asked: so the wrong passphrase is the error, not the missing node.
    let failure =
        run(&["wallet", "transfer", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "1"], &wrong).failure();
    assert_eq!((failure.exit, failure.code.as_str()), (3, "wrong_key"), "{failure:?}");
    let failure =
        run(&["wallet", "transfer", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "1"], &right).failure();
    assert_eq!(failure.exit, 6, "{failure:?}");
    // A second wallet never replaces the first.
    assert_ne!(run(&["wallet", "new"], &right).code, Some(0));

    // A wallet whose address was changed, and one that is no wallet any more: the disk's fault, not the passphrase's.
    let place = user.home().join("wallet.json");
    let text = fs::read_to_string(&place).unwrap();
    let address = new.value()["account"].as_str().unwrap().to_owned();
    for damaged in [text.replace(&address, BOB), text[..text.len() / 2].to_owned(), String::new()] {
        fs::write(&place, damaged).unwrap();
        for args in [&["wallet", "balance"][..], &["wallet", "transfer", BOB, "1"]] {
            let failure = run(args, &right).failure();
            assert_eq!((failure.exit, failure.code.as_str()), (7, "disk"), "{failure:?}");
            assert!(failure.hint.is_some_and(|hint| hint.contains("wallet restore")));
        }
    }
}
