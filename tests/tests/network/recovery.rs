//! Recovery of people: the words, or enough shares of them, bring everything back, and what is wrong says so.

use serde_json::Value;
use station_tests::{files, rpc, Net, Outcome, User};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};
use tempfile::tempdir;

/// What a person of these tests is given, in TKT: enough for a few deals of a day.
const GIFT: &str = "100";

/// Somebody with a wallet of their own, on one machine.
struct Machine {
    user: User,
    passphrase: PathBuf,
}

impl Machine {
    fn new(user: User) -> Self {
        let passphrase = user.home().join("passphrase");
        fs::write(&passphrase, "correct horse battery staple\n").unwrap();
        Self { user, passphrase }
    }

    /// A fresh machine on the network.
    fn on(net: &Net) -> Self {
        Self::new(User::without_key(net))
    }

    /// A fresh machine without a network.
    fn alone() -> Self {
        Self::new(User::at("ws://127.0.0.1:1", None))
    }

    fn run_with(&self, args: &[&str], envs: &[(&str, &str)]) -> Outcome {
        let mut command = self.user.command(args);
        command.arg("--json").env("STATION_PASSPHRASE_FILE", &self.passphrase).envs(envs.iter().copied());
        self.user.finish(command)
    }

    fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, &[])
    }

    fn ok(&self, args: &[&str]) -> Value {
        let outcome = self.run(args);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        outcome.value()
    }

    /// Exit code, stable code and message of a command that fails and prints no result.
    fn fails(&self, args: &[&str]) -> (i32, String, String) {
        let failure = self.run(args).failure();
        (failure.exit, failure.code, failure.message)
    }

    /// Make a wallet: its address and its words in a file.
    fn wallet(&self, words: &str) -> (String, PathBuf) {
        let new = self.ok(&["wallet", "new", "--words", words]);
        let file = self.user.home().join("words");
        fs::write(&file, new["phrase"].as_str().unwrap()).unwrap();
        (new["account"].as_str().unwrap().to_owned(), file)
    }

    fn put(&self, path: &Path) -> String {
        let put = self.ok(&["put", text(path), "--for", "1d"]);
        put["link"].as_str().unwrap().to_owned()
    }

    /// Links by name, as `ls` shows them.
    fn list(&self) -> Vec<(String, String)> {
        pairs(&self.ok(&["ls"]))
    }

    fn has_wallet(&self) -> bool {
        self.user.home().join("wallet.json").exists()
    }
}

/// Name and link of each entry, sorted.
fn pairs(list: &Value) -> Vec<(String, String)> {
    let field = |entry: &Value, name: &str| entry[name].as_str().unwrap().to_owned();
    let mut pairs: Vec<_> =
        list.as_array().unwrap().iter().map(|entry| (field(entry, "name"), field(entry, "link"))).collect();
    pairs.sort();
    pairs
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn give(net: &Net, to: &str) {
    User::with_key(net, "//Alice").ok(&["wallet", "transfer", to, GIFT]);
}

#[test]
fn a_wiped_machine_and_the_words_give_every_file_back_in_one_command() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let before = Machine::on(&net);
    let (address, words) = before.wallet("12");
    give(&net, &address);

    // A folder, two files of one name, one whose name is longer than a memo, and one that is removed again.
    let originals = work.path().join("originals");
    files::mixed_folder(&originals.join("photos of 2019 – ü"), 2 << 20, 12);
    let long = "ä".repeat(110);
    fs::create_dir_all(originals.join("other")).unwrap();
    fs::write(originals.join("diary"), files::noise(1, 70_000)).unwrap();
    fs::write(originals.join("other/diary"), files::noise(2, 90_000)).unwrap();
    fs::write(originals.join(&long), files::noise(3, 1_000)).unwrap();
    fs::write(originals.join("gone"), files::noise(4, 1_000)).unwrap();
    let links: Vec<String> = ["photos of 2019 – ü", "diary", "other/diary", long.as_str(), "gone"]
        .iter()
        .map(|name| before.put(&originals.join(name)))
        .collect();
    before.ok(&["rm", &links[4]]);
    let listed = before.list();
    assert_eq!(listed.len(), 4, "{listed:?}");

    // The machine is gone; the words are on paper. The first try dies half way, the second goes on.
    let after = Machine::on(&net);
    let back = work.path().join("back");
    let restore = ["wallet", "restore", "--words-file", text(&words), "--get", text(&back)];
    let died = after.run_with(&restore, &[("STATION_FAILPOINT", "get:read")]);
    assert_ne!(died.code, Some(0), "{died}");
    assert!(died.stdout.is_empty(), "{died}");
    let restored = after.ok(&restore);
    assert_eq!(restored["account"], address.as_str(), "{restored}");
    assert_eq!(restored["errors"].as_array().map(Vec::len), Some(0), "{restored}");
    let entries = restored["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 4, "{restored}");
    assert!(entries.iter().all(|entry| entry["fetched"] == true && entry["state"] == "healthy"), "{restored}");

    files::assert_same(&originals.join("photos of 2019 – ü"), &back.join("photos of 2019 – ü"));
    let same = |original: &str, copy: &Path| {
        assert!(fs::read(originals.join(original)).unwrap() == fs::read(copy).unwrap(), "{original} differs");
    };
    same("diary", &back.join("diary"));
    let place = |link: &str| {
        let entry = entries.iter().find(|entry| entry["link"] == link).unwrap_or_else(|| panic!("{link}: {restored}"));
        PathBuf::from(entry["path"].as_str().unwrap())
    };
    assert_ne!(place(&links[2]), back.join("diary"), "two files of one name have a place each");
    same("other/diary", &place(&links[2]));
    assert_eq!(place(&links[3]), back.join(&long), "a cut name is whole again");
    same(&long, &place(&links[3]));
    let total: u64 = entries.iter().map(|entry| entry["bytes"].as_u64().unwrap()).sum();
    assert_eq!(restored["bytes"], total);

    // The list is the old one; the wallet pays again; links are the same.
    let links_of = |list: Vec<(String, String)>| list.into_iter().map(|(_, link)| link).collect::<Vec<_>>();
    let (mut old, mut new) = (links_of(listed), links_of(after.list()));
    old.sort();
    new.sort();
    assert_eq!(new, old);
    after.ok(&["extend", &links[1], "--for", "1d"]);

    // Nobody who reads the chain learns a name from it.
    let deals = rpc::call(net.rpc(), "storage_deals", serde_json::json!([address, null, 100]));
    let items = deals["items"].as_array().unwrap();
    assert_eq!(items.len(), 5, "{deals}");
    for deal in items {
        let memo = deal["memo"].as_str().unwrap();
        assert_eq!(memo.len(), 2 + 2 * 256, "every memo has the same length: {deal}");
        assert!(!memo.contains("6469617279"), "the name in the clear: {deal}");
    }
}

#[test]
fn two_machines_with_the_same_words_never_lose_an_entry_to_each_other() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let (one, two) = (Machine::on(&net), Machine::on(&net));
    let (address, words) = one.wallet("24");
    give(&net, &address);
    let restored = two.ok(&["wallet", "restore", "--words-file", text(&words)]);
    assert_eq!(restored["entries"].as_array().map(Vec::len), Some(0), "known, and no files yet: {restored}");

    let paths: Vec<PathBuf> = (0u64..6)
        .map(|number| {
            let path = work.path().join(format!("file {number}"));
            fs::write(&path, files::noise(number, 60_000)).unwrap();
            path
        })
        .collect();
    let put_all = |who: &Machine, paths: &[PathBuf]| paths.iter().map(|path| who.put(path)).collect::<Vec<String>>();
    let mut links = thread::scope(|scope| {
        let first = scope.spawn(|| put_all(&one, &paths[..3]));
        let second = scope.spawn(|| put_all(&two, &paths[3..]));
        [first.join().unwrap(), second.join().unwrap()].concat()
    });
    assert_eq!(links.len(), 6);
    links.sort();
    for machine in [&one, &two] {
        let mut listed: Vec<String> = machine.list().into_iter().map(|(_, link)| link).collect();
        listed.sort();
        assert_eq!(listed, links);
    }
    // What one removes, the other no longer shows, although its own index had it; and what is left is whole.
    let removed = two.list()[0].1.clone();
    one.ok(&["rm", &removed]);
    assert_eq!(two.list().len(), 5);
    assert!(two.list().iter().all(|(_, link)| *link != removed));
    // A damaged cache is no loss.
    let index = two.user.home().join("index").join(&address);
    let list = two.list();
    fs::write(&index, b"damaged").unwrap();
    assert_eq!(two.list(), list);
}

#[test]
fn what_is_wrong_says_so_and_never_shows_an_empty_list() {
    let net = Net::up();
    let machine = Machine::on(&net);
    let file = machine.user.home().join("words");
    let restore = |words: &str| {
        fs::write(&file, words).unwrap();
        let failed = machine.fails(&["wallet", "restore", "--words-file", text(&file)]);
        assert!(!machine.has_wallet(), "something was written for {words}");
        failed
    };
    let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
    for (words, says) in [
        (phrase.replace("bottom drive", "drive bottom"), "checksum"),
        (phrase.replace("lake", "laek"), "word 4"),
        (phrase.replace(" walk", ""), "this one has 11"),
    ] {
        let (exit, code, message) = restore(&words);
        assert_eq!((exit, code.as_str()), (3, "wrong_key"), "{message}");
        assert!(message.contains(says), "{message}");
        assert!(!message.contains("laek"), "a word of the phrase in a message: {message}");
    }

    // Right words that nobody has ever used here.
    let stranger = Machine::on(&net);
    let (address, words) = stranger.wallet("12");
    let (exit, code, message) = restore(&fs::read_to_string(&words).unwrap());
    assert_eq!((exit, code.as_str()), (3, "not_found"), "{message}");
    assert!(message.contains(&address), "{message}");
    let (exit, code, _) = stranger.fails(&["ls"]);
    assert_eq!((exit, code.as_str()), (3, "not_found"));

    // The same account with a first TKT: known, without files, and that is what the list says.
    give(&net, &address);
    assert_eq!(stranger.ok(&["ls"]).as_array().map(Vec::len), Some(0));
    let restored = machine.ok(&["wallet", "restore", "--words-file", text(&words)]);
    assert_eq!(restored["account"], address.as_str());
    // Another account's words do not replace the wallet; the same ones find it there.
    fs::write(&file, phrase).unwrap();
    assert_eq!(machine.fails(&["wallet", "restore", "--offline", "--words-file", text(&file)]).0, 7);
    machine.ok(&["wallet", "restore", "--words-file", text(&words)]);

    // A wrong passphrase.
    let wrong = machine.user.home().join("wrong");
    fs::write(&wrong, "something else\n").unwrap();
    for args in [&["ls"][..], &["wallet", "shares", "--threshold", "2", "--shares", "3"]] {
        let failure = machine.run_with(args, &[("STATION_PASSPHRASE_FILE", text(&wrong))]).failure();
        assert_eq!((failure.exit, failure.code.as_str()), (3, "wrong_key"), "{failure:?}");
    }
}

#[test]
fn enough_shares_restore_the_wallet_and_too_few_or_mixed_ones_say_so() {
    let owner = Machine::alone();
    let (address, _) = owner.wallet("24");
    let split = || -> Vec<String> {
        let split = owner.ok(&["wallet", "shares", "--threshold", "2", "--shares", "3"]);
        assert_eq!(split["account"], address.as_str());
        split["shares"].as_array().unwrap().iter().map(|share| share.as_str().unwrap().to_owned()).collect()
    };
    let (shares, others) = (split(), split());
    assert_eq!(shares.len(), 3);

    let restore = |shares: &[&str]| {
        let machine = Machine::alone();
        let mut args = vec!["wallet", "restore", "--offline"];
        args.extend(shares.iter().flat_map(|share| ["--share", *share]));
        let outcome = machine.run(&args);
        assert_eq!(machine.has_wallet(), outcome.code == Some(0), "{outcome}");
        outcome
    };
    for (a, b) in [(0, 1), (2, 0), (1, 2)] {
        let outcome = restore(&[&shares[a], &shares[b]]);
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert_eq!(outcome.value()["account"], address.as_str());
    }
    let fails = |shares: &[&str], exit: i32, says: &str| {
        let failure = restore(shares).failure();
        assert_eq!(failure.exit, exit, "{failure:?}");
        assert!(failure.message.contains(says), "{failure:?}");
    };
    fails(&[&shares[0]], 3, "2 are needed");
    fails(&[&shares[0], &shares[0]], 3, "1 different");
    fails(&[&shares[0], &others[1]], 3, "different sets");
    let mut mistyped = shares[0].clone();
    let last = mistyped.pop().unwrap();
    mistyped.push(if last == '2' { '3' } else { '2' });
    fails(&[&mistyped, &shares[1]], 3, "share 1");
    fails(&["nonsense", &shares[1]], 2, "share 1");
    for (threshold, count) in [("1", "3"), ("4", "3"), ("2", "33")] {
        assert_eq!(owner.fails(&["wallet", "shares", "--threshold", threshold, "--shares", count]).0, 2);
    }
    // One file with a share a line does as well.
    let file = owner.user.home().join("shares");
    fs::write(&file, format!("{}\n\n{}\n", shares[2], shares[1])).unwrap();
    let machine = Machine::alone();
    let restored = machine.ok(&["wallet", "restore", "--offline", "--shares-file", text(&file)]);
    assert_eq!(restored["account"], address.as_str());
}
