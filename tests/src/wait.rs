//! Waiting for an event, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks: short against a slot of a local network, long against the cost of a look.
const INTERVAL: Duration = Duration::from_millis(250);

/// Look until there is something, and return it.
///
/// # Panics
/// After `seconds`, naming `what` was waited for and the last thing seen in its place.
pub fn until<T, S: std::fmt::Display>(what: &str, seconds: u64, mut look: impl FnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => {
                panic!("waited {seconds} s for {what}; last seen: {seen}")
            }
            Err(_) => thread::sleep(INTERVAL),
        }
    }
}

/// Look until `true`.
///
/// # Panics
/// After `seconds`.
pub fn until_true(what: &str, seconds: u64, mut look: impl FnMut() -> bool) {
    until(what, seconds, || if look() { Ok(()) } else { Err("not yet") });
}
