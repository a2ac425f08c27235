//! Seal: turn received data into the provider's own replica.
//!
//! Sealing runs on threads of its own with low priority, at most as many as cores, so that it takes what block authoring,
//! audits and transfers leave over. Up to four shards of one size share a thread. While more of that size are just coming in,
//! a batch that is not full waits a little for them: four in lockstep take little more time than one.

use super::Context;
use crate::plan::{next_batch, Seal, LANES};
use parking_lot::Mutex;
use station_client_shard_store::Error as StoreError;
use station_porep::{ReplicaKey, SizeClass};
use station_primitives::ReplicaId;
use std::{
    collections::{HashMap, HashSet},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

/// A batch that is not full waits for the others at most as long as sealing would take at this pace, in bytes a second: a
/// bit less than one chain's on a slow core. Waiting longer would cost more than it saves.
const PACE: u64 = 16 << 20;
/// And never longer than this.
const LINGER: Duration = Duration::from_secs(8);
/// How soon a batch that waits is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// After a failure, a replica is tried again this much later: a full disk does not empty itself in a block's time.
const BACK_OFF: Duration = Duration::from_secs(30);
/// The niceness of sealing threads; 0 is ordinary, 19 the lowest.
const NICENESS: libc::c_int = 15;

/// The sealing threads and what they are to do.
pub struct Sealer {
    threads: usize,
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What the last plan wants sealed, and for which key.
    wanted: HashMap<ReplicaId, ReplicaKey>,
    running: HashSet<ReplicaId>,
    threads: usize,
    failed: HashMap<ReplicaId, (ReplicaKey, Instant)>,
    /// Since when a batch waits for company.
    lingering: Option<Instant>,
}

impl Sealer {
    /// With at most so many threads.
    pub fn new(threads: usize) -> Arc<Self> {
        Arc::new(Self { threads: threads.max(1), stop: AtomicBool::new(false), state: Mutex::default() })
    }

    /// Stop soon; what is half sealed starts over when the node is started again.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Take the latest plan, and start what there are threads for. Returns how many replicas wait for a thread, and whether
    /// to be asked again soon without a new block. `coming` are the sizes of replicas that are still being received.
    pub fn offer(
        self: &Arc<Self>,
        context: &Context,
        plan: &[Seal],
        coming: &HashSet<SizeClass>,
    ) -> (usize, Option<Duration>) {
        let mut state = self.state.lock();
        // What runs stays wanted as long as its key was not replaced: the plan does not name what is being sealed.
        let running: HashMap<_, _> =
            state.running.iter().filter_map(|id| state.wanted.get(id).map(|key| (*id, *key))).collect();
        state.wanted = running;
        state.wanted.extend(plan.iter().map(|seal| (seal.replica, seal.key)));
        let still: HashSet<ReplicaId> = plan.iter().map(|seal| seal.replica).collect();
        state.failed.retain(|replica, (_, until)| still.contains(replica) && *until > Instant::now());
        let mut again = None;
        loop {
            let waiting = state.waiting(plan);
            let batch = next_batch(&waiting);
            if batch.is_empty() {
                state.lingering = None;
            }
            if batch.is_empty() || state.threads >= self.threads || self.stop.load(Ordering::Relaxed) {
                return (waiting.len(), again);
            }
            if let Some(pause) = state.linger(&batch, coming) {
                again = Some(pause);
                return (waiting.len(), again);
            }
            state.threads += 1;
            state.running.extend(batch.iter().map(|seal| seal.replica));
            let started = self.start(context.clone(), batch.clone());
            if let Err(error) = started {
                tracing::error!(target: crate::LOG, %error, "no thread to seal on");
                state.finished(&batch);
                return (waiting.len(), Some(BACK_OFF));
            }
        }
    }

    /// The duty behind a replica being sealed went away, or its ticket changed: `duties` are the keys wanted now.
    pub fn retain(&self, duties: &HashMap<ReplicaId, ReplicaKey>) {
        let mut state = self.state.lock();
        state.wanted.retain(|replica, key| duties.get(replica) == Some(key));
    }

    fn start(self: &Arc<Self>, context: Context, batch: Vec<Seal>) -> std::io::Result<()> {
        let sealer = Arc::clone(self);
        std::thread::Builder::new()
            .name("station-seal".into())
            .spawn(move || {
                lower_priority();
                sealer.run(&context, &batch);
                sealer.state.lock().finished(&batch);
                context.wake.notify_one();
            })
            .map(drop)
    }

    fn run(&self, context: &Context, batch: &[Seal]) {
        let bytes: u64 = batch.iter().map(|seal| seal.class.bytes()).sum();
        let started = Instant::now();
        fail::fail_point!("seal:start");
        let jobs: Vec<_> = batch.iter().map(|seal| (seal.replica, seal.key)).collect();
        let cancelled = || self.cancelled(batch);
        let counted = |_: u64| ();
        tracing::debug!(target: crate::LOG, replicas = batch.len(), bytes, "sealing");
        match context.store.seal(&jobs, &counted, &cancelled) {
            Ok(sealed) => {
                context.metrics.sealed.inc_by(bytes);
                tracing::info!(
                    target: crate::LOG, replicas = sealed.len(), bytes, seconds = started.elapsed().as_secs_f32(), "sealed"
                );
                fail::fail_point!("seal:done");
            }
            Err(StoreError::Cancelled) => {
                tracing::info!(target: crate::LOG, replicas = batch.len(), "sealing was called off");
            }
            Err(error) => {
                tracing::error!(target: crate::LOG, replicas = batch.len(), %error, "sealing failed; it is tried again");
                if let StoreError::Rotted(replica) = &error {
                    // Only if it is sealed, for another key; plain data that rotted is received anew by the store itself.
                    context.condemn(*replica, &error);
                }
                let mut state = self.state.lock();
                let until = Instant::now() + BACK_OFF;
                // In a batch one bad apple fails all: apart from each other, the others succeed.
                state.failed.extend(
                    batch
                        .iter()
                        .take(if batch.len() > 1 { 1 } else { LANES })
                        .map(|seal| (seal.replica, (seal.key, until))),
                );
            }
        }
    }

    /// Nobody waits for any of the batch any more, or the node stops.
    fn cancelled(&self, batch: &[Seal]) -> bool {
        if self.stop.load(Ordering::Relaxed) {
            return true;
        }
        let state = self.state.lock();
        batch.iter().all(|seal| state.wanted.get(&seal.replica) != Some(&seal.key))
    }
}

impl State {
    fn waiting(&self, plan: &[Seal]) -> Vec<Seal> {
        let idle = |seal: &&Seal| {
            let failed = self.failed.get(&seal.replica).is_some_and(|(key, _)| *key == seal.key);
            !self.running.contains(&seal.replica) && !failed
        };
        plan.iter().filter(idle).copied().collect()
    }

    /// How long the batch is to wait still for others of its size.
    fn linger(&mut self, batch: &[Seal], coming: &HashSet<SizeClass>) -> Option<Duration> {
        let class = batch.first()?.class;
        let most = Duration::from_millis(class.bytes().saturating_mul(1_000) / PACE).min(LINGER);
        let since = *self.lingering.get_or_insert_with(Instant::now);
        let left = most.saturating_sub(since.elapsed());
        if batch.len() >= LANES || !coming.contains(&class) || left.is_zero() {
            self.lingering = None;
            return None;
        }
        Some(left.min(LOOK_AGAIN))
    }

    fn finished(&mut self, batch: &[Seal]) {
        self.threads = self.threads.saturating_sub(1);
        for seal in batch {
            self.running.remove(&seal.replica);
        }
    }
}

/// Put this thread behind all that is not sealing.
pub(super) fn lower_priority() {
    #[cfg(target_os = "linux")]
    {
        // On Linux, `who` = 0 is the calling thread.
        // SAFETY: `setpriority` takes plain numbers and touches no memory of ours.
        let refused = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } != 0;
        if refused {
            tracing::debug!(target: crate::LOG, "the sealing thread keeps its priority");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(replica: &str, log: u8) -> Seal {
        Seal {
            replica: replica.parse().expect("an id"),
            key: ReplicaKey([0; 32]),
            class: SizeClass::from_log(log).expect("a class"),
            deadline: 9,
        }
    }

    #[test]
    fn a_batch_waits_only_while_others_of_its_size_come_in() {
        let mut state = State::default();
        let batch = vec![seal("1/0/0", 26)];
        let coming = |log| HashSet::from([SizeClass::from_log(log).expect("a class")]);
        assert_eq!(state.linger(&batch, &HashSet::new()), None, "nothing comes");
        assert_eq!(state.linger(&batch, &coming(20)), None, "another size comes");
        assert!(state.linger(&batch, &coming(26)).is_some());
        let full: Vec<_> = ["1/0/0", "4/0/0", "5/0/0", "6/0/0"].iter().map(|id| seal(id, 26)).collect();
        assert_eq!(state.linger(&full, &coming(26)), None, "a full batch");
        state.lingering = Instant::now().checked_sub(LINGER);
        assert_eq!(state.linger(&batch, &coming(26)), None, "long enough");
    }

    #[test]
    fn what_runs_or_failed_lately_is_not_started() {
        let mut state = State::default();
        let plan = [seal("1/0/0", 20), seal("2/0/0", 20), seal("3/0/0", 20)];
        state.running.insert(plan[0].replica);
        state.failed.insert(plan[1].replica, (plan[1].key, Instant::now() + BACK_OFF));
        assert_eq!(state.waiting(&plan), vec![plan[2]]);
        state.failed.insert(plan[1].replica, (ReplicaKey([1; 32]), Instant::now() + BACK_OFF));
        assert_eq!(state.waiting(&plan), vec![plan[1], plan[2]], "for another key it may succeed");
    }
}
