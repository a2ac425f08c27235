//! Repair: make a replica from what the shard's other holders have.
//!
//! ```text
//! Damaged ─ salvage (thread of its own, low priority) ─┐
//! expected ────────────────────────────────────────────┴─► fetch ─► Received ─► seal ─► commit, with the receipt
//!                                                            │
//!            holders, each with a window of 1 to WIDEST pieces, the one that will be done first is asked next
//! ```
//! For a repair order, and for a replica of this provider's own that rotted or went missing; only the order has a receipt.
//! Each piece is checked against `comm_d` by the store before it is written, so a source that serves something else is found
//! out with its first such piece: it is dropped, and named. Which pieces are there, and who served them, is in the store; a
//! worker that is killed goes on where that ends.

mod naming;
mod source;

use self::source::{Source, SILENT, WIDEST};
use super::{seal::lower_priority, Context, FlowError};
use crate::plan::Repair;
use async_trait::async_trait;
use futures::{future::BoxFuture, stream::FuturesUnordered, FutureExt, StreamExt};
use parking_lot::Mutex;
use station_client_shard_store::{Error as StoreError, LocalState};
use station_client_transfer::{
    client::{Error as TransferError, Options, Peer},
    protocol::Piece,
};
use station_primitives::{AccountId, BlockNumber, ReplicaId, ReplicaState, Seed};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};

/// Replicas made at once. More would share the same line, and each holds a plain copy on the disk.
const AT_ONCE: usize = 4;
/// Of these, replicas of this provider's own while ordered ones wait: an order has minutes, a grace window is longer, and a
/// provider whose disk died has very many of its own.
const OWN_AT_ONCE: usize = AT_ONCE / 2;
/// Pieces under way for one replica: 8 MiB, and the same again while they are read.
const PIECES: usize = 8;
/// Requests under way for all replicas. Those that hang are not counted for [`PIECES`], and hold no memory.
const IN_FLIGHT: usize = 64;
/// A piece that is under way for so long is asked of another source as well, when there is nothing else to ask for.
const HEDGE: Duration = seconds(5, 1);
/// Sources count as silent when they have served nothing for so long.
const QUIET: Duration = seconds(15, 1);
/// A replica without a new piece for so long gives its place to others that wait for one.
const STALLED: Duration = seconds(30, 2);
/// How long a replica that stalled or failed waits for its next turn.
const BACK_OFF: Duration = Duration::from_secs(10);
/// How often plans, deadlines and back-offs are looked at.
const TICK: Duration = Duration::from_millis(250);
/// How often the holders of a replica of one's own are looked up.
const LOOK_UP: Duration = Duration::from_secs(10);

/// So many seconds, and fewer in this crate's own tests, which really wait.
const fn seconds(real: u64, in_tests: u64) -> Duration {
    Duration::from_secs(if cfg!(test) { in_tests } else { real })
}

/// Gets a piece from another holder.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// A piece of the shard of `replica`, unchecked.
    async fn fetch(&self, address: &[u8], replica: ReplicaId, piece: u32) -> Result<Piece, TransferError>;
}

#[async_trait]
impl Fetch for Peer {
    async fn fetch(&self, address: &[u8], replica: ReplicaId, piece: u32) -> Result<Piece, TransferError> {
        self.repair_piece(address, replica, piece).await
    }
}

/// The limits of the peer that fetches: patience and retries are this flow's.
pub fn options() -> Options {
    Options {
        request_timeout: Duration::from_secs(100),
        patience: Duration::from_secs(3),
        attempts: 1,
        per_provider: WIDEST,
        in_flight: IN_FLIGHT,
        ..Options::default()
    }
}

/// The replicas that are being made.
pub struct Repairer {
    fetch: Arc<dyn Fetch>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: HashMap<ReplicaId, Arc<Job>>,
    /// Not to be tried again before.
    later: HashMap<ReplicaId, Instant>,
}

struct Job {
    order: Mutex<Repair>,
    stop: AtomicBool,
    /// Others wait for a place.
    crowded: AtomicBool,
}

impl Job {
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// How the making of a replica ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All pieces are there.
    Complete,
    /// It is not to be made any more.
    Stopped,
    /// Nobody serves at the moment, and others wait.
    Stalled,
}

impl Repairer {
    /// With this to fetch with.
    pub fn new(fetch: Arc<dyn Fetch>) -> Arc<Self> {
        Arc::new(Self { fetch, state: Mutex::default() })
    }

    /// Take the latest plan: start what there are places for, stop what is not in it. Returns how many are being made or wait.
    pub fn offer(self: &Arc<Self>, context: &Context, plan: &[Repair]) -> usize {
        let mut state = self.state.lock();
        let now = Instant::now();
        state.later.retain(|_, until| *until > now);
        let wanted: HashSet<ReplicaId> = plan.iter().map(|repair| repair.replica).collect();
        state.running.iter().filter(|(replica, _)| !wanted.contains(*replica)).for_each(|(_, job)| job.stop());
        let waits = |state: &State, repair: &Repair| {
            !state.running.contains_key(&repair.replica) && !state.later.contains_key(&repair.replica)
        };
        let ordered = plan.iter().any(|repair| repair.sources.is_some() && waits(&state, repair));
        let mut waiting = 0;
        for repair in plan {
            if let Some(job) = state.running.get(&repair.replica) {
                let mut order = job.order.lock();
                // Another ticket is another assignment: what is named and received is named and received under it.
                *order = repair.clone();
                continue;
            }
            let own = state.running.values().filter(|job| job.order.lock().sources.is_none()).count();
            let yields = ordered && repair.sources.is_none() && own >= OWN_AT_ONCE;
            if yields || !waits(&state, repair) || state.running.len() >= AT_ONCE {
                waiting += 1;
                continue;
            }
            let job = Arc::new(Job {
                order: Mutex::new(repair.clone()),
                stop: AtomicBool::new(false),
                crowded: AtomicBool::new(false),
            });
            state.running.insert(repair.replica, job.clone());
            tokio::spawn(self.clone().run(context.clone(), repair.replica, job));
        }
        state.running.values().for_each(|job| job.crowded.store(waiting > 0, Ordering::Relaxed));
        state.running.len() + waiting
    }

    /// Stop all; what is there stays there.
    pub fn stop(&self) {
        self.state.lock().running.values().for_each(|job| job.stop());
    }

    async fn run(self: Arc<Self>, context: Context, replica: ReplicaId, job: Arc<Job>) {
        let end = make(&context, self.fetch.clone(), &job).await;
        let mut state = self.state.lock();
        state.running.remove(&replica);
        match end {
            Ok(End::Complete | End::Stopped) => {}
            Ok(End::Stalled) => {
                tracing::debug!(target: crate::LOG, %replica, "nobody serves; others first");
                state.later.insert(replica, Instant::now() + BACK_OFF);
            }
            Err(error) => {
                tracing::warn!(target: crate::LOG, %replica, %error, "a repair failed; it is tried again");
                state.later.insert(replica, Instant::now() + BACK_OFF);
            }
        }
        drop(state);
        context.wake.notify_one();
    }
}

/// Make one replica's data complete.
async fn make(context: &Context, fetch: Arc<dyn Fetch>, job: &Arc<Job>) -> Result<End, FlowError> {
    let (replica, own) = {
        let order = job.order.lock();
        (order.replica, order.sources.is_none())
    };
    fail::fail_point!("repair:start");
    loop {
        match context.store.state(replica) {
            Some(LocalState::Damaged { .. }) => {
                salvage(context, replica, job).await?;
                fail::fail_point!("repair:salvaged");
            }
            Some(LocalState::Receiving { .. }) => break,
            Some(_) if own => return Ok(restored(context, replica)),
            Some(_) => return Ok(End::Complete),
            None => return Ok(End::Stopped),
        }
        if job.stopped() {
            return Ok(End::Stopped);
        }
    }
    let mut run = Run::begin(context, fetch, job.clone(), replica)?;
    let end = run.to_the_end().await?;
    if end == End::Complete {
        run.note_silent().await?;
        fail::fail_point!("repair:complete");
        tracing::info!(target: crate::LOG, %replica, sources = %run.summary(), "data complete, to be sealed");
        if own {
            return Ok(restored(context, replica));
        }
    }
    Ok(end)
}

fn restored(context: &Context, replica: ReplicaId) -> End {
    context.metrics.restored.inc();
    tracing::info!(target: crate::LOG, %replica, "a damaged replica's data is back, to be sealed again");
    End::Complete
}

/// Keep what still decodes of a damaged replica. On a thread of its own: it computes like sealing does.
async fn salvage(context: &Context, replica: ReplicaId, job: &Arc<Job>) -> Result<(), FlowError> {
    let (done, result) = futures::channel::oneshot::channel();
    let (store, job) = (context.store.clone(), job.clone());
    std::thread::Builder::new()
        .name("station-salvage".into())
        .spawn(move || {
            lower_priority();
            // Nobody waits any more if the node stops.
            let _ = done.send(store.salvage(replica, &|| job.stopped()));
        })
        .map_err(|error| FlowError::Panic(error.to_string()))?;
    match result.await {
        Ok(Ok(_) | Err(StoreError::Cancelled)) => Ok(()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(FlowError::Panic("salvaging".into())),
    }
}

/// A piece that came, or did not.
struct Arrived {
    account: AccountId,
    piece: u32,
    asked: Instant,
    result: Result<Piece, TransferError>,
}

/// A piece under way.
struct Asked {
    since: Instant,
    of: Vec<AccountId>,
}

/// The fetching of one replica.
struct Run<'a> {
    context: &'a Context,
    fetch: Arc<dyn Fetch>,
    job: Arc<Job>,
    replica: ReplicaId,
    sources: Vec<Source>,
    looked_up: Option<Instant>,
    queue: VecDeque<u32>,
    asked: HashMap<u32, Asked>,
    under_way: FuturesUnordered<BoxFuture<'static, Arrived>>,
    last_piece: Instant,
    looked_at: Instant,
    named: Option<(Seed, BlockNumber)>,
}

impl<'a> Run<'a> {
    fn begin(
        context: &'a Context,
        fetch: Arc<dyn Fetch>,
        job: Arc<Job>,
        replica: ReplicaId,
    ) -> Result<Self, FlowError> {
        let queue = context.store.missing(replica)?.missing().into();
        Ok(Self {
            context,
            fetch,
            job,
            replica,
            sources: Vec::new(),
            looked_up: None,
            queue,
            asked: HashMap::new(),
            under_way: FuturesUnordered::new(),
            last_piece: Instant::now(),
            looked_at: Instant::now(),
            named: None,
        })
    }

    async fn to_the_end(&mut self) -> Result<End, FlowError> {
        loop {
            if self.job.stopped() {
                return Ok(End::Stopped);
            }
            if self.job.crowded.load(Ordering::Relaxed) && self.last_piece.elapsed() >= STALLED {
                return Ok(End::Stalled);
            }
            self.refresh().await?;
            self.ask();
            self.name().await;
            tokio::select! {
                Some(arrived) = self.under_way.next(), if !self.under_way.is_empty() => {
                    if self.take(arrived).await? {
                        return Ok(End::Complete);
                    }
                }
                () = tokio::time::sleep(TICK) => match self.context.store.state(self.replica) {
                    Some(LocalState::Receiving { .. }) => {}
                    // A client brought the rest.
                    Some(_) => return Ok(End::Complete),
                    None => return Ok(End::Stopped),
                },
            }
        }
    }

    /// Who is to be asked now.
    async fn refresh(&mut self) -> Result<(), FlowError> {
        let ordered = self.job.order.lock().sources.clone();
        let holders = match ordered {
            Some(holders) => holders,
            None if self.looked_up.is_some_and(|at| at.elapsed() < LOOK_UP) => return Ok(()),
            None => {
                let replica = self.replica;
                let holders = self.context.blocking(move |context| others(context, replica)).await??;
                self.looked_up = Some(Instant::now());
                holders
            }
        };
        self.sources.retain(|source| holders.iter().any(|(account, _)| *account == source.account));
        for (account, address) in holders {
            match self.sources.iter_mut().find(|source| source.account == account) {
                Some(known) if known.address == address => {}
                // Another address is another chance.
                Some(known) => (known.address, known.failures, known.not_before) = (address, 0, None),
                None => self.sources.push(Source::new(account, address)),
            }
        }
        Ok(())
    }

    /// Ask for pieces as long as there is somebody to ask.
    fn ask(&mut self) {
        let now = Instant::now();
        while self.lively(now) < PIECES {
            let Some((source, piece)) = self.next(now) else { return };
            let source = &mut self.sources[source];
            source.under_way += 1;
            source.owes_since.get_or_insert(now);
            let (fetch, replica) = (self.fetch.clone(), self.replica);
            let (account, address) = (source.account.clone(), source.address.clone());
            let asked = self.asked.entry(piece).or_insert_with(|| Asked { since: now, of: Vec::new() });
            asked.of.push(account.clone());
            self.under_way.push(
                async move {
                    let result = fetch.fetch(&address, replica, piece).await;
                    Arrived { account, piece, asked: now, result }
                }
                .boxed(),
            );
        }
    }

    /// Pieces that may come any moment. A source that is late must not take the others' places.
    fn lively(&self, now: Instant) -> usize {
        let prompt = |source: &&Source| source.owes_since.is_none_or(|at| now.duration_since(at) < HEDGE);
        self.sources.iter().filter(prompt).map(|source| source.under_way).sum()
    }

    /// Whom to ask for what: of those that are free the one that will be done first, for the next piece, or for one that
    /// another has kept waiting.
    fn next(&mut self, now: Instant) -> Option<(usize, u32)> {
        let free = |source: &&(usize, &Source)| source.1.is_free(now);
        let all: Vec<_> = self.sources.iter().enumerate().collect();
        let best = |but: &[AccountId]| {
            let others = all.iter().filter(free).filter(|(_, source)| !but.contains(&source.account));
            others.min_by_key(|(_, source)| source.would_take()).map(|(at, _)| *at)
        };
        if self.queue.is_empty() {
            let late = self.asked.iter().filter(|(_, asked)| asked.of.len() < 2 && now - asked.since >= HEDGE);
            let (piece, asked) = late.min_by_key(|(_, asked)| asked.since)?;
            return Some((best(&asked.of)?, *piece));
        }
        let source = best(&[])?;
        Some((source, self.queue.pop_front()?))
    }

    /// Store what came. `true` when that was all.
    async fn take(&mut self, arrived: Arrived) -> Result<bool, FlowError> {
        let Arrived { account, piece, asked, result } = arrived;
        let now = Instant::now();
        let alone = self.no_longer_asked(piece, &account, now);
        let data = match result {
            Ok(data) => data,
            Err(error) => {
                self.failed(&account, &error, now).await?;
                self.ask_again(piece, alone);
                return Ok(false);
            }
        };
        let (replica, from, bytes) = (self.replica, account.clone(), data.data.len());
        let stored = self
            .context
            .blocking(move |context| {
                context.store.put_piece_from(replica, piece, &data.data, &data.siblings, Some(&from))
            })
            .await?;
        match stored {
            Ok(complete) => {
                fail::fail_point!("repair:piece", |_| Ok(complete));
                self.asked.remove(&piece);
                self.last_piece = now;
                self.context.metrics.repair_fetched.inc_by(u64::try_from(bytes).unwrap_or(0));
                if let Some(source) = self.source(&account) {
                    source.served(now - asked, now);
                }
                Ok(complete)
            }
            Err(StoreError::Mismatch { .. }) => {
                tracing::error!(target: crate::LOG, %replica, source = %account, piece, "an altered piece; dropped and named");
                self.drop_source(&account).await?;
                self.ask_again(piece, alone);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The source owes one piece less. `true` if nobody else was asked for it.
    fn no_longer_asked(&mut self, piece: u32, account: &AccountId, now: Instant) -> bool {
        if let Some(source) = self.source(account) {
            source.under_way = source.under_way.saturating_sub(1);
            source.owes_since = (source.under_way > 0).then_some(now);
        }
        match self.asked.get_mut(&piece) {
            Some(asked) => {
                asked.of.retain(|other| other != account);
                asked.of.is_empty()
            }
            // Somebody else was faster.
            None => false,
        }
    }

    fn source(&mut self, account: &AccountId) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.account == *account)
    }

    fn ask_again(&mut self, piece: u32, alone: bool) {
        if alone {
            self.asked.remove(&piece);
            self.queue.push_front(piece);
        }
    }

    async fn failed(&mut self, account: &AccountId, error: &TransferError, now: Instant) -> Result<(), FlowError> {
        let replica = self.replica;
        tracing::debug!(target: crate::LOG, %replica, source = %account, %error, "a source does not serve");
        match error {
            TransferError::Nonsense { .. } | TransferError::BadAddress(_) => self.drop_source(account).await,
            _ => {
                if let Some(source) = self.source(account) {
                    source.failed(now);
                }
                Ok(())
            }
        }
    }

    /// Never ask it again, and say so in the receipt.
    async fn drop_source(&mut self, account: &AccountId) -> Result<(), FlowError> {
        if let Some(source) = self.source(account) {
            source.dropped = true;
        }
        self.note_refusal(account.clone()).await?;
        fail::fail_point!("repair:dropped", |_| Ok(()));
        Ok(())
    }

    async fn note_refusal(&mut self, account: AccountId) -> Result<(), FlowError> {
        let replica = self.replica;
        Ok(self.context.blocking(move |context| context.store.refuse_source(replica, &account)).await??)
    }

    /// At the end: those that were asked and never served anything are named in the receipt.
    async fn note_silent(&mut self) -> Result<(), FlowError> {
        let earlier = self.context.store.sources(self.replica)?;
        let has_served = |account: &AccountId| earlier.iter().any(|s| s.account == *account && s.pieces > 0);
        let silent = self.sources.iter().filter(|source| source.served == 0 && source.failures >= SILENT);
        let silent: Vec<_> = silent.map(|source| source.account.clone()).filter(|it| !has_served(it)).collect();
        for account in silent {
            self.note_refusal(account).await?;
        }
        Ok(())
    }

    /// Who served how much since this run began.
    fn summary(&self) -> String {
        let parts = self.sources.iter().map(|source| format!("{}: {}", source.account, source.served));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// The other holders of a replica's shard, live ones first, with their addresses. Blocks.
fn others(context: &Context, replica: ReplicaId) -> Result<Vec<(AccountId, Vec<u8>)>, FlowError> {
    let best = context.chain.best();
    let Some(shard) = context.chain.shard(best.hash, replica.shard)? else { return Ok(Vec::new()) };
    let mut holders = Vec::new();
    for wanted in [ReplicaState::Active, ReplicaState::Faulty, ReplicaState::Committed] {
        for other in shard.replicas.iter().filter(|other| other.state == wanted && other.id != replica) {
            let Some(account) = other.provider.clone().filter(|account| account != context.account()) else { continue };
            if let Some(entry) = context.chain.provider(best.hash, &account)? {
                holders.push((account, entry.multiaddr));
            }
        }
    }
    Ok(holders)
}
