//! The pallets' weights were measured from the sources as they are.

use station_tests::root;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// `scripts/weights --check` in a checkout of the repository.
fn check(root: &Path) -> Output {
    Command::new(root.join("scripts/weights")).arg("--check").output().expect("bash runs it")
}

/// Copy a folder's files, without what builds have left there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type().expect("known").is_dir() {
            true if entry.file_name() == "target" => (),
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).expect("copied")),
        }
    }
}

#[test]
fn weights_were_measured_from_the_sources_as_they_are() {
    let output = check(&root());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_change_of_what_is_measured_is_noticed_and_one_of_comments_is_not() {
    let checkout = tempfile::tempdir().expect("a folder");
    for folder in ["scripts", "pallets", "primitives", "runtime/src"] {
        copy(&root().join(folder), &checkout.path().join(folder));
    }
    fs::copy(root().join("Cargo.toml"), checkout.path().join("Cargo.toml")).expect("copied");
    let call = checkout.path().join("pallets/deals/src/lib.rs");
    let source = fs::read_to_string(&call).expect("readable");

    fs::write(&call, format!("{source}\n// A remark.\n")).expect("writable");
    assert!(check(checkout.path()).status.success());

    fs::write(&call, format!("{source}\nconst MORE: u8 = 1;\n")).expect("writable");
    let output = check(checkout.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("pallets/deals/src/weights.rs") && said.contains("scripts/weights"), "{said}");
}
