//! Nobody but the holder of the link learns what is in a file, or what it is called.

use station_tests::{
    files::{noise, Windows},
    Net, User,
};
use std::fs;
use tempfile::tempdir;

#[test]
fn no_window_of_a_file_or_of_its_name_lies_in_any_store_log_or_database() {
    let net = Net::up();
    let work = tempdir().unwrap();
    let folder = work.path().join("Steuerunterlagen der Familie Rossi");
    let name = "Kontoauszug Oktober, streng vertraulich.pdf";
    let text = "Lieber Onkel, die Kombination des Tresors lautet 7-21-99-4, verrate sie niemandem.";
    let content = noise(11, 48_000);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(name), &content).unwrap();
    fs::write(folder.join("Brief an den Onkel.txt"), text).unwrap();
    let alice = User::with_key(&net, "//Alice");
    let link = alice.put(&folder);
    User::without_key(&net).get(&link, &work.path().join("copy"));

    let capability = link.strip_prefix("station:").unwrap();
    let secrets: [&[u8]; 6] = [
        &content,
        text.as_bytes(),
        name.as_bytes(),
        b"Brief an den Onkel.txt",
        b"Steuerunterlagen der Familie Rossi",
        capability.as_bytes(),
    ];
    let windows = Windows::of(&secrets);
    // Stopped first, so that what was in memory is on the disk.
    net.down();
    let (hits, searched) = windows.search(net.dir());
    assert!(hits.is_empty(), "found in {hits:?}");
    assert!(searched > 1 << 20, "only {searched} bytes were there to search: is this the right folder?");
    // The search would have found it.
    let planted = net.dir().join("planted");
    fs::write(&planted, &content[1_000..1_016]).unwrap();
    assert_eq!(windows.search(net.dir()).0, vec![(planted, 0)]);
}
