//! Scrub: read the sealed replicas over and over, at a bounded rate, and report what is not whole any more.
//!
//! The scrubber takes a fault out of service; what follows is the plan's: [`report`] tells the chain, which is cheaper than
//! being caught, [`super::repair`] fetches the data from the other holders, and it is sealed again for the same key, which
//! gives the root that was committed.

use super::{on_its_way, seal::lower_priority, Context, FlowError};
use crate::plan::Fault;
use station_client_shard_store::{Error as StoreError, Position};
use station_primitives::{DutyStatement, Hash, ReplicaState};
use station_runtime::Runtime;
use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

/// Bytes read in one step: what is read in an instant, so that the rate is even.
const STEP: u64 = 1 << 20;
/// A pass over the whole store takes no longer than this, whatever the rate.
const PASS: Duration = Duration::from_secs(28 * 24 * 3600);
/// The pause between two passes.
const BETWEEN: Duration = Duration::from_secs(10);
/// How often the files are looked for without being read: what is missing shows at once.
const LOOK: Duration = Duration::from_secs(60);
/// How often the position is written down.
const NOTE: Duration = Duration::from_secs(10);
/// How soon it is noticed that the node stops.
const BLINK: Duration = Duration::from_millis(200);
/// The wait after an error of the disk or the index.
const AFTER_ERROR: Duration = Duration::from_secs(30);

/// The scrubbing thread. Ended when this is dropped.
pub struct Scrubber {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Scrubber {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Waited for, a blink and a step: it writes to the index, which must not be while the process goes down.
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Scrubber {
    /// Begin where the last process was.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(context: Context) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("station-scrub".into()).spawn(move || {
            lower_priority();
            scrub(&context, &stopped);
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

/// Bytes a second: the operator's rate, or what ends the pass in time if that is more. `total` bytes are in the store.
fn rate(wished: u64, total: u64, position: &Position, now: u64) -> u64 {
    // The rows are read as well, a thirtieth on top.
    let left = total.saturating_add(total / 30).saturating_sub(position.checked);
    let time = PASS.as_secs().saturating_sub(now.saturating_sub(position.began)).max(3_600);
    wished.max(left.div_ceil(time)).max(1)
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Scrub until told to stop.
fn scrub(context: &Context, stop: &AtomicBool) {
    let mut position = context.store.scrub_position().unwrap_or_else(|error| {
        tracing::warn!(target: crate::LOG, %error, "the scrubber's place is lost; it begins anew");
        Position::default()
    });
    tracing::info!(target: crate::LOG, rate = context.config.scrub_rate, checked = position.checked, "scrubbing");
    let (mut looked, mut noted) = (None::<Instant>, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        if looked.is_none_or(|at| at.elapsed() >= LOOK) {
            looked = Some(Instant::now());
            look(context);
        }
        if position.began == 0 {
            position.began = seconds_since_1970();
        }
        let begun = Instant::now();
        let total = context.store.usage().map_or(0, |usage| usage.sealed);
        let rate = rate(context.config.scrub_rate, total, &position, seconds_since_1970());
        let pause = match step(context, &mut position) {
            Ok((_, true)) => BETWEEN,
            Ok((bytes, false)) => {
                let due = Duration::from_millis(bytes.saturating_mul(1_000) / rate);
                due.saturating_sub(begun.elapsed())
            }
            Err(error) => {
                tracing::warn!(target: crate::LOG, %error, "scrubbing failed; it goes on later");
                AFTER_ERROR
            }
        };
        if noted.elapsed() >= NOTE {
            noted = Instant::now();
            if let Err(error) = context.store.note_scrub(&position) {
                tracing::warn!(target: crate::LOG, %error, "the scrubber's place cannot be noted");
            }
        }
        let until = Instant::now() + pause;
        while !stop.load(Ordering::Relaxed) && Instant::now() < until {
            std::thread::sleep(BLINK.min(until.saturating_duration_since(Instant::now())));
        }
    }
    // Best effort: without it a few seconds are scrubbed again.
    let _ = context.store.note_scrub(&position);
}

/// One step. Returns the bytes read, and whether the pass is over.
pub(super) fn step(context: &Context, position: &mut Position) -> Result<(u64, bool), StoreError> {
    let done = context.store.scrub(position, STEP)?;
    context.metrics.scrubbed.inc_by(done.bytes);
    if let Some((replica, fault)) = &done.fault {
        context.condemn(*replica, fault);
        fail::fail_point!("scrub:found", |_| Ok((done.bytes, done.over)));
    }
    if done.over {
        context.metrics.scrub_passes.inc();
        tracing::debug!(target: crate::LOG, passes = position.passes, "a pass of the scrubber is over");
    }
    Ok((done.bytes, done.over))
}

/// Look for files that are missing or cut.
pub(super) fn look(context: &Context) {
    for (replica, fault) in context.store.look() {
        context.condemn(replica, &fault);
    }
}

/// Tell the chain that a replica is not whole. None if the chain knows already.
pub async fn report(context: &Context, job: &Fault) -> Result<Option<Hash>, FlowError> {
    let Fault { replica, due } = *job;
    let best = context.chain.best();
    let info = context.blocking(move |context| context.chain.replica(best.hash, replica)).await??;
    let unknown = info
        .is_some_and(|info| info.state == ReplicaState::Active && info.provider.as_ref() == Some(context.account()));
    if !unknown {
        return Ok(None);
    }
    let signature = context.signer.duty(&DutyStatement::ReportFault { replica, due })?;
    fail::fail_point!("scrub:report-signed");
    let provider = context.account().clone();
    let call = pallet_station_replication::Call::<Runtime>::report_fault { provider, replica, due, signature };
    let name = on_its_way(context.submit_duty(call.into()).await)?;
    fail::fail_point!("scrub:reported");
    context.metrics.faults_reported.inc();
    tracing::warn!(target: crate::LOG, %replica, due, "fault reported");
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_the_operator_s_unless_a_pass_would_take_longer_than_a_month() {
        let mut position = Position::default();
        position.began = 1_000;
        assert_eq!(rate(4 << 20, 1 << 40, &position, 1_000), 4 << 20);
        let hundred_tib = rate(4 << 20, 100 << 40, &position, 1_000);
        assert!(hundred_tib > 40 << 20, "{hundred_tib}");
        assert!(hundred_tib * PASS.as_secs() >= 100 << 40, "it ends in time");
        // A node that was away catches up.
        let mut half = position;
        half.checked = 50 << 40;
        assert!(rate(4 << 20, 100 << 40, &half, 1_000 + PASS.as_secs() * 3 / 4) > hundred_tib);
        // Even when nothing is wished, a small store is read once a month.
        assert!(rate(0, 1 << 40, &position, 1_000) > 0);
        assert_eq!(rate(0, 0, &position, 1_000), 1);
    }
}
