//! Failure injection: abort the process at a named point, as a power cut would.
//!
//! A point is `fail::fail_point!("flow:step")`; it costs a look into an empty table. `STATION_FAILPOINT=flow:step` makes it
//! abort: no destructor runs, nothing is flushed. Points are named by the flow and by what has just been done:
//!
//! | point | the process dies |
//! |---|---|
//! | `accept_upload:expected` | after a replica was entered into the store, before its first piece |
//! | `accept_upload:piece` | after a piece was stored, before the peer hears of it |
//! | `accept_upload:complete` | after the last piece was stored, before sealing is asked for |
//! | `seal:start` | before sealing starts |
//! | `seal:done` | after the sealed replicas are in place, before anything is submitted |
//! | `commit:signed`, `commit:submitted` | before, after the pool takes the commitment |
//! | `prove_seal:proven`, `prove_seal:submitted` | before, after the pool takes the answer to the seal check |
//! | `answer:proven`, `answer:submitted` | before, after the pool takes the answers to audits |
//! | `repair:start` | before anything of a repair is fetched |
//! | `repair:salvaged` | after what was good of a damaged replica was kept |
//! | `repair:piece` | after a fetched piece was stored |
//! | `repair:dropped` | after a source that serves something else was noted |
//! | `repair:complete` | after the last piece was stored, before sealing is asked for |
//! | `repair:name-signed`, `repair:named` | before, after the pool takes the names of sources that do not serve |
//! | `repair:committed` | after the pool takes the commitment of a repair |
//! | `scrub:found` | after a fault was noted, before anything follows from it |
//! | `scrub:report-signed`, `scrub:reported` | before, after the pool takes the report of a fault |
//! | `serve:read` | after a piece was read for a peer, before it is sent |
//! | `retire:decided`, `retire:done` | before, after a replica is removed |
//! | `heartbeat:signed`, `heartbeat:submitted` | before, after the pool takes a heartbeat |
//! | `register:signed`, `register:submitted` | before, after the pool takes the registration |
//!
//! What a modified program would do, rather than where it dies, is chosen by another variable: see [`misbehave`](crate::misbehave).
//!
//! The store's own points begin with `store:`, those of `put` and `get` with `put:` and `get:`.

/// The variable that names the point.
pub const VARIABLE: &str = "STATION_FAILPOINT";

/// Make the point named by [`VARIABLE`] abort the process, and take the misbehaviour that is asked for. Call it once, first
/// thing in `main`; without the variables it does nothing.
pub fn install_failpoint_from_env() {
    crate::misbehave::install_from_env();
    let Some(point) = std::env::var(VARIABLE).ok().filter(|point| !point.is_empty()) else { return };
    let name = point.clone();
    let abort = move || {
        // Straight to standard error: the log may be asynchronous, and this is its last line.
        eprintln!("failpoint {name}: aborting");
        std::process::abort();
    };
    if let Err(error) = fail::cfg_callback(point.clone(), abort) {
        tracing::error!(target: crate::LOG, point, error, "the failpoint cannot be installed");
    }
}
