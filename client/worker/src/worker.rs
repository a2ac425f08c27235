//! The loop that turns blocks into flows.
//!
//! ```text
//! best block ─┐
//! wake-up ────┼─► read duties and store ─► plan ─► audits ─► seal checks ─► commitments ─► heartbeat
//! (upload or  │   (blocking thread)                 └► registration      └► expect     └► sealing threads
//!  seal done) │                                       └► repair: fetch from other holders
//! final block ┴─► retire what is no duty any more
//! ```
//! One thing at a time, the most urgent first; only sealing, repair, scrubbing and serving run beside it. A round that takes longer than a
//! block skips blocks, never queues them.

use crate::{
    address,
    chain::{At, Block, Chain, NodeChain},
    config::Config,
    flows::{
        self, register::Registrar, repair::Repairer, scrub::Scrubber, seal::Sealer, serve::TransferBackend, Context,
        FlowError,
    },
    mark::{Mark, MarkError},
    metrics::{microtickets, Metrics},
    plan::{orphans, plan, Held, Identity, Local, Plan, Sent, SentLog},
    signer::{KeyError, Signer},
};
use frame_system_rpc_runtime_api::AccountNonceApi;
use futures::StreamExt;
use sc_client_api::BlockchainEvents;
use sc_network::service::traits::NetworkService;
use sc_transaction_pool_api::TransactionPool;
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_keystore::KeystorePtr;
use station_client_shard_store::{LocalState, Store, Usage};
use station_client_transfer::{
    client::{NetworkWire, Peer},
    server::Backend,
};
use station_porep::{ReplicaKey, SizeClass};
use station_primitives::{
    api::{Duty, ProviderInfo, StationApi, Summary, Task},
    AccountId, BlockNumber, Hash, Nonce, ReplicaId, Timing,
};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use substrate_prometheus_endpoint::{PrometheusError, Registry};
use tokio::sync::{watch, Notify};

/// Audits answered in one round; what is left over is planned again at once, with what fell due meanwhile.
const AUDITS_A_ROUND: usize = 256;
/// Replicas entered into the store in one round: each takes its disk space and syncs.
const EXPECTS_A_ROUND: usize = 64;
/// Seal checks and commitments handed in in one round.
const SUBMISSIONS_A_ROUND: usize = 128;
/// What is due is handed in a slot's share after the block that makes it due: time for that block to reach everybody.
const SETTLE_SHARE: u64 = 5;
/// Faults of fewer replicas than this are reported at once, whatever share of all they are.
const FEW_FAULTS: usize = 4;
/// Final blocks between two looks for what is to be retired.
const RETIRE_EVERY: u32 = 4;

/// What a worker is made of.
pub struct Params<C, P> {
    /// The node's client.
    pub client: Arc<C>,
    /// Its pool.
    pub pool: Arc<P>,
    /// Its keystore, with a key of type [`station_primitives::PROVIDER_KEY`] or without: then one is made.
    pub keystore: KeystorePtr,
    /// The open store.
    pub store: Arc<Store>,
    /// The store's folder.
    pub store_dir: std::path::PathBuf,
    /// Where the node listens.
    pub network: Arc<dyn NetworkService>,
    /// The operator's settings.
    pub config: Config,
    /// Where metrics go.
    pub registry: Option<Registry>,
}

/// A worker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The store belongs elsewhere, or its mark cannot be written.
    #[error(transparent)]
    Mark(#[from] MarkError),
    /// Metrics.
    #[error("metrics: {0}")]
    Metrics(#[from] PrometheusError),
}

/// A provider's worker.
pub struct Worker<C> {
    client: Arc<C>,
    context: Context,
    network: Arc<dyn NetworkService>,
    mark: Arc<Mark>,
    sealer: Arc<Sealer>,
    repairer: Arc<Repairer>,
}

/// All that one round looks at, of one block.
struct Snapshot {
    best: At,
    timing: Timing,
    summary: Summary,
    entry: Option<ProviderInfo>,
    duties: Vec<Duty>,
    held: HashMap<ReplicaId, Held>,
    usage: Usage,
}

/// What the loop remembers between rounds. Losing it costs a few extrinsics handed in twice.
#[derive(Default)]
struct Memory {
    sent: SentLog,
    registrar: Registrar,
    lost: HashSet<ReplicaId>,
    orphans: Vec<ReplicaId>,
    retired_at: u32,
    /// The block since which most replicas have not been whole.
    wreck_since: Option<BlockNumber>,
}

impl<C> Worker<C>
where
    C: ProvideRuntimeApi<Block> + HeaderBackend<Block> + BlockchainEvents<Block> + Send + Sync + 'static,
    C::Api: StationApi<Block> + AccountNonceApi<Block, AccountId, Nonce>,
{
    /// Put a worker together. Nothing runs before [`Worker::run`].
    ///
    /// # Errors
    /// If there is no key and none can be made, or if the store belongs to another network.
    pub fn new<P: TransactionPool<Block = Block, Hash = Hash> + 'static>(
        params: Params<C, P>,
    ) -> Result<Self, WorkerError> {
        let Params { client, pool, keystore, store, store_dir, network, config, registry } = params;
        let chain = NodeChain::new(client.clone(), pool);
        let genesis = chain.genesis();
        let signer = Signer::open(keystore, genesis)?;
        let mark = Arc::new(Mark::open(Path::new(&store_dir), genesis)?);
        let metrics = Metrics::new(registry.as_ref())?;
        let sealer = Sealer::new(config.seal_threads());
        // Over the node's own connections: no second port, and the same identity that others know.
        let wire = NetworkWire::new(network.clone(), &genesis.0);
        let repairer = Repairer::new(Arc::new(Peer::over(wire, flows::repair::options())));
        let context = Context {
            chain: Arc::new(chain),
            store,
            identity: Identity { genesis, account: signer.account() },
            signer,
            config: Arc::new(config),
            metrics,
            wake: Arc::new(Notify::new()),
        };
        Ok(Self { client, context, network, mark, sealer, repairer })
    }

    /// The provider's account.
    pub fn account(&self) -> AccountId {
        self.context.account().clone()
    }

    /// What answers peers; give it to [`station_client_transfer::server::Server::run`].
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::new(TransferBackend { context: self.context.clone(), mark: self.mark.clone() })
    }

    /// Work until the node stops.
    pub async fn run(self) {
        let Self { client, context, network, mark, sealer, repairer } = self;
        let _stop_working = StopOnDrop(sealer.clone(), repairer.clone());
        let _scrubber = match Scrubber::start(context.clone()) {
            Ok(scrubber) => Some(scrubber),
            Err(error) => {
                tracing::error!(target: crate::LOG, %error, "no thread to scrub on: rot is found by audits only");
                None
            }
        };
        let parts = Parts { context: &context, network: &*network, mark: &mark, sealer: &sealer, repairer: &repairer };
        tracing::info!(
            target: crate::LOG, account = %context.account(), capacity = context.config.capacity,
            seal_threads = context.config.seal_threads(), "provider's worker started"
        );
        let (blocks, mut changed) = watch::channel(false);
        let events = follow(client, blocks);
        let rounds = async {
            let mut memory = Memory::default();
            loop {
                let live = *changed.borrow_and_update();
                let again = match round(&parts, &mut memory, live).await {
                    Ok(again) => again,
                    Err(error) => {
                        tracing::warn!(target: crate::LOG, %error, "a round failed; the next block starts another");
                        None
                    }
                };
                let pause = async {
                    match again {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    changed = changed.changed() => if changed.is_err() { return },
                    () = context.wake.notified() => {}
                    () = pause => {}
                }
            }
        };
        futures::future::select(pin!(events), pin!(rounds)).await;
    }
}

/// Turn the client's events into "something changed"; many before a reader comes are one. `true` once a new best block
/// was announced: the client is silent about blocks while it catches up, so from then on the best block is the network's.
async fn follow<C>(client: Arc<C>, changed: watch::Sender<bool>)
where
    C: BlockchainEvents<Block>,
{
    let mut imported = client.import_notification_stream().fuse();
    let mut finalized = client.finality_notification_stream().fuse();
    let mut live = false;
    loop {
        futures::select! {
            block = imported.next() => match block {
                Some(block) if !block.is_new_best => continue,
                Some(_) => live = true,
                None => return,
            },
            block = finalized.next() => if block.is_none() { return },
        }
        changed.send_replace(live);
    }
}

/// One round. Returns after which pause to come again without a new block. Without `live`, the node is still catching up:
/// what it knows to be due is settled already; nothing is handed in, and
/// nothing fetched.
async fn round(parts: &Parts<'_>, memory: &mut Memory, live: bool) -> Result<Option<Duration>, FlowError> {
    let Parts { context, network, mark, sealer, repairer } = *parts;
    let Snapshot { best, timing, summary, entry, duties, held, usage } = context.blocking(snapshot).await??;
    let mut plan = plan(&context.identity, &duties, &held, summary.tick);
    hold_back(memory, &mut plan, duties.len(), best.number, &timing);
    report(context, memory, entry.as_ref(), &held, &usage, &plan);
    context.metrics.orders.set(summary.orders);
    memory.sent.retain(&due(&plan));

    let beat = entry.as_ref().is_some_and(|entry| flows::heartbeat::is_due(entry, &timing, best.number));
    let mut more = live && prove(context, &mut memory.sent, best, &timing, &plan, beat).await;
    more |= expect(context, mark, best, &plan).await?;

    let keys: HashMap<ReplicaId, ReplicaKey> =
        duties.iter().map(|duty| (duty.replica, context.identity.key(duty))).collect();
    sealer.retain(&keys);
    let (waiting, again) = sealer.offer(context, &plan.seal, &coming(&duties, &held));
    context.metrics.seal_queue.set(u64::try_from(waiting).unwrap_or(u64::MAX));
    if live {
        let making = repairer.offer(context, &plan.repair);
        context.metrics.repairs.set(u64::try_from(making).unwrap_or(u64::MAX));
    }

    memory.orphans = orphans(&duties, &held);
    retire(context, mark, memory).await?;

    if live {
        let address = address::declared(network, context.config.address.as_deref());
        warn("registration", memory.registrar.run(context, mark, best, entry.as_ref(), address).await);
    }
    Ok(if more { Some(Duration::ZERO) } else { again })
}

/// Read chain and store. Blocks.
fn snapshot(context: &Context) -> Result<Snapshot, FlowError> {
    let chain = &context.chain;
    let best = chain.best();
    // The store first: what is finished between the two readings is seen as unfinished, which only costs a round.
    let held = context.store.list().into_iter().map(|entry| {
        let local = match entry.state {
            LocalState::Receiving { .. } => Local::Receiving,
            LocalState::Received => Local::Received,
            LocalState::Sealing { key } => Local::Sealing(key),
            LocalState::Sealed { key, comm_r } => Local::Sealed(key, crate::misbehave::root(comm_r)),
            LocalState::Damaged { .. } => Local::Damaged,
        };
        (entry.replica, Held { comm_d: entry.comm_d, local })
    });
    let held = held.collect();
    let entry = chain.provider(best.hash, context.account())?;
    let duties = match &entry {
        Some(_) => chain.duties(best.hash, context.account())?,
        None => Vec::new(),
    };
    Ok(Snapshot {
        best,
        timing: chain.timing(best.hash)?,
        summary: chain.summary(best.hash)?,
        entry,
        duties,
        held,
        usage: context.store.usage()?,
    })
}

/// Everything that a plan may hand in.
fn due(plan: &Plan) -> HashSet<Sent> {
    let audits = plan.audits.iter().map(|audit| Sent::Audit(audit.replica, audit.seed));
    let checks = plan.prove_seal.iter().map(|job| Sent::ProveSeal(job.replica, job.seed));
    let commits = plan.commit.iter().map(|job| Sent::Commit(job.replica, job.ticket));
    let faults = plan.faults.iter().map(|fault| Sent::Report(fault.replica, fault.due));
    audits.chain(checks).chain(commits).chain(faults).chain([Sent::Heartbeat]).collect()
}

/// When most of the replicas are gone at once, it is more likely a disk that is not mounted or a wrong folder than rot:
/// reports, which cost collateral, wait for the length of a grace window. The data is fetched again meanwhile.
fn hold_back(memory: &mut Memory, plan: &mut Plan, duties: usize, now: BlockNumber, timing: &Timing) {
    if plan.faults.len() < FEW_FAULTS || plan.faults.len() * 2 < duties {
        memory.wreck_since = None;
        return;
    }
    let since = *memory.wreck_since.get_or_insert_with(|| {
        tracing::error!(
            target: crate::LOG, gone = plan.faults.len(), duties,
            "most replicas are not on this disk: is it mounted, is --store right? They are fetched again, and reported soon"
        );
        now
    });
    if now.saturating_sub(since) < timing.grace {
        plan.faults.clear();
    }
}

/// Hand in what is due. Returns whether something due was left for another round.
async fn prove(context: &Context, log: &mut SentLog, best: At, timing: &Timing, plan: &Plan, beat: bool) -> bool {
    let now = best.number;
    let audits: Vec<_> = plan
        .audits
        .iter()
        .map(|audit| (Sent::Audit(audit.replica, audit.seed), *audit))
        .filter(|(sent, _)| log.is_due(sent, now))
        .collect();
    let (audits, left) = audits.split_at(audits.len().min(AUDITS_A_ROUND));
    let checks = plan.prove_seal.iter().map(|job| (Sent::ProveSeal(job.replica, job.seed), job));
    let checks: Vec<_> = checks.filter(|(sent, _)| log.is_due(sent, now)).take(SUBMISSIONS_A_ROUND).collect();
    let commits = plan.commit.iter().map(|job| (Sent::Commit(job.replica, job.ticket), job));
    let commits: Vec<_> = commits.filter(|(sent, _)| log.is_due(sent, now)).take(SUBMISSIONS_A_ROUND).collect();
    let faults = plan.faults.iter().map(|job| (Sent::Report(job.replica, job.due), job));
    let faults: Vec<_> = faults.filter(|(sent, _)| log.is_due(sent, now)).take(SUBMISSIONS_A_ROUND).collect();
    let beat = beat && log.is_due(&Sent::Heartbeat, now);
    if audits.is_empty() && checks.is_empty() && commits.is_empty() && faults.is_empty() && !beat {
        return false;
    }
    // Other nodes, the next author among them, are to know the block that makes these due.
    tokio::time::sleep(Duration::from_millis(timing.slot_ms / SETTLE_SHARE)).await;
    let all = audits.iter().map(|(sent, _)| sent).chain(checks.iter().map(|(sent, _)| sent));
    let all = all.chain(faults.iter().map(|(sent, _)| sent));
    let earlier = log.earlier(all.chain(commits.iter().map(|(sent, _)| sent)).chain(beat.then_some(&Sent::Heartbeat)));
    if !earlier.is_empty() {
        tracing::debug!(target: crate::LOG, extrinsics = earlier.len(), "had no effect; made anew");
        context.chain.withdraw(earlier).await;
    }

    // Those that fail are noted too: they are tried again, though not in every round.
    audits.iter().for_each(|(sent, _)| log.note(*sent, now, None));
    let part: Vec<_> = audits.iter().map(|(_, audit)| *audit).collect();
    match flows::answer::answer(context, &part).await {
        Ok(answered) => {
            for (audit, name) in answered.sent {
                log.note(Sent::Audit(audit.replica, audit.seed), now, name);
            }
        }
        Err(error) => {
            tracing::warn!(target: crate::LOG, %error, "audits could not be handed in");
            audits.iter().for_each(|(sent, _)| log.forget(sent));
        }
    }
    for (sent, job) in &checks {
        let name = warn("seal check", flows::prove_seal::prove_seal(context, job).await);
        log.note(*sent, now, name.flatten());
    }
    for (sent, job) in &commits {
        let name = warn("commitment", flows::commit::commit(context, job).await);
        log.note(*sent, now, name.flatten());
    }
    for (sent, job) in &faults {
        let name = warn("report", flows::scrub::report(context, job).await);
        log.note(*sent, now, name.flatten());
    }
    if beat {
        let name = warn("heartbeat", flows::heartbeat::heartbeat(context, best).await);
        log.note(Sent::Heartbeat, now, name.flatten());
    }
    let full = [checks.len(), commits.len(), faults.len()].contains(&SUBMISSIONS_A_ROUND);
    !left.is_empty() || full
}

/// The sizes of assigned replicas whose data is still to come.
fn coming(duties: &[Duty], held: &HashMap<ReplicaId, Held>) -> HashSet<SizeClass> {
    let waiting = |duty: &&Duty| {
        matches!(duty.task, Task::Commit { .. } | Task::Repair { .. })
            && held.get(&duty.replica).is_none_or(|held| held.local == Local::Receiving)
    };
    duties.iter().filter(waiting).filter_map(|duty| SizeClass::from_bytes(duty.size)).collect()
}

/// Enter new assignments into the store. Returns whether some are left for another round.
async fn expect(context: &Context, mark: &Arc<Mark>, best: At, plan: &Plan) -> Result<bool, FlowError> {
    let jobs: Vec<_> = plan.expect.iter().take(EXPECTS_A_ROUND).copied().collect();
    let more = plan.expect.len() > jobs.len();
    if jobs.is_empty() {
        return Ok(false);
    }
    let mark = mark.clone();
    let entered = context
        .blocking(move |context| {
            let mut entered = 0usize;
            for job in &jobs {
                match flows::accept_upload::expect(context, &mark, best, job) {
                    Ok(()) => entered += 1,
                    Err(error) => {
                        tracing::error!(target: crate::LOG, replica = %job.replica, %error, "an assignment cannot be taken");
                    }
                }
            }
            entered
        })
        .await?;
    // With no progress (a full disk) another round at once would spin.
    Ok(more && entered > 0)
}

/// Every few final blocks, remove what is no duty any more.
async fn retire(context: &Context, mark: &Arc<Mark>, memory: &mut Memory) -> Result<(), FlowError> {
    let finalized = context.chain.finalized().number;
    let soon = finalized < memory.retired_at.saturating_add(RETIRE_EVERY) && finalized >= memory.retired_at;
    if memory.orphans.is_empty() || soon {
        return Ok(());
    }
    memory.retired_at = finalized;
    let (mark, orphans) = (mark.clone(), memory.orphans.clone());
    context.blocking(move |context| flows::retire::retire(context, &mark, &orphans)).await??;
    Ok(())
}

/// Metrics, and a line for what was lost since the last round.
fn report(
    context: &Context,
    memory: &mut Memory,
    entry: Option<&ProviderInfo>,
    held: &HashMap<ReplicaId, Held>,
    usage: &Usage,
    plan: &Plan,
) {
    let metrics = &context.metrics;
    let count = |wanted: fn(&Local) -> bool| {
        u64::try_from(held.values().filter(|held| wanted(&held.local)).count()).unwrap_or(u64::MAX)
    };
    let states: [(&str, u64); 6] = [
        ("receiving", count(|local| matches!(local, Local::Receiving))),
        ("received", count(|local| matches!(local, Local::Received))),
        ("sealing", count(|local| matches!(local, Local::Sealing(_)))),
        ("sealed", count(|local| matches!(local, Local::Sealed(..)))),
        ("damaged", count(|local| matches!(local, Local::Damaged))),
        ("lost", u64::try_from(plan.lost.len()).unwrap_or(u64::MAX)),
    ];
    for (state, value) in states {
        metrics.replicas.with_label_values(&[state]).set(value);
    }
    for (kind, value) in [("capacity", usage.capacity), ("used", usage.used), ("sealed", usage.sealed)] {
        metrics.bytes.with_label_values(&[kind]).set(value);
    }
    if let Some(entry) = entry {
        metrics.earned.set(microtickets(entry.earned));
        metrics.collateral.set(microtickets(entry.collateral));
    }
    let lost: HashSet<ReplicaId> = plan.lost.iter().copied().collect();
    for replica in lost.difference(&memory.lost) {
        tracing::error!(
            target: crate::LOG, %replica,
            "the chain counts on this replica and it is not whole in the store: it is made again from the other holders' data"
        );
    }
    memory.lost = lost;
}

/// A flow that fails is planned again; the operator sees why.
fn warn<T>(flow: &'static str, result: Result<T, FlowError>) -> Option<T> {
    use crate::chain::SubmitError;
    match result {
        Ok(value) => return Some(value),
        // Often done a moment ago and included meanwhile, or not due on a new best block.
        Err(FlowError::Submit(SubmitError::Refused(reason))) => {
            tracing::debug!(target: crate::LOG, flow, reason, "refused by the pool");
        }
        Err(error) => tracing::warn!(target: crate::LOG, flow, %error, "a flow failed; it is tried again"),
    }
    None
}

/// What a round works with.
struct Parts<'a> {
    context: &'a Context,
    network: &'a dyn NetworkService,
    mark: &'a Arc<Mark>,
    sealer: &'a Arc<Sealer>,
    repairer: &'a Arc<Repairer>,
}

/// Sealing and repair stop with the worker, so that a node that is told to stop does.
struct StopOnDrop(Arc<Sealer>, Arc<Repairer>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
        self.1.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Fault;

    #[test]
    fn a_disk_that_is_not_mounted_costs_no_collateral_at_once_and_single_faults_are_reported_at_once() {
        let timing = Timing { grace: 15, ..Timing::default() };
        let faults = |count: u64| {
            let replica = |deal| ReplicaId { shard: station_primitives::ShardId { deal, index: 0 }, slot: 0 };
            let fault = |deal| Fault { replica: replica(station_primitives::DealId(deal)), due: 9 };
            Plan { faults: (0..count).map(fault).collect(), ..Plan::default() }
        };
        let mut memory = Memory::default();
        let mut left = |count: u64, duties: usize, now: BlockNumber| {
            let mut plan = faults(count);
            hold_back(&mut memory, &mut plan, duties, now, &timing);
            plan.faults.len()
        };
        assert_eq!(left(3, 3, 100), 3, "few are few, even if they are all");
        assert_eq!(left(9, 100, 101), 9, "a part is a part");
        assert_eq!(left(50, 100, 102), 0, "half of a hundred");
        assert_eq!(left(60, 100, 116), 0);
        assert_eq!(left(60, 100, 117), 60, "still gone after the grace window");
        assert_eq!(left(0, 100, 118), 0);
        assert_eq!(left(60, 100, 119), 0, "another accident");
    }
}
