//! Bring staged shards to the providers that the chain drew, and see them become active.
//!
//! One loop follows the chain: a block in, what it changed, which uploads that calls for. Uploads run beside it, a shard at
//! a time rather than all at once, so that providers can seal the first while the next arrive. A provider that is slow or
//! away fails nothing: the chain draws another when its time is over, and the loop sees that.

use crate::{
    error::FilesError,
    progress::{Phase, Progress},
    stage::Stage,
};
use futures::{stream, FutureExt, StreamExt, TryStreamExt};
use station_client_rpc::client::{BestBlock, Client, ClientError};
use station_client_transfer::{client::Error as TransferError, Peer};
use station_porep::{io::ReadAt, piece, SizeClass};
use station_primitives::{
    api::{ReplicaInfo, ShardInfo},
    AccountId, HistoryEvent, ReplicaId, ReplicaState, ShardId,
};
use std::{
    collections::{HashMap, HashSet},
    fs::File,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant},
};
use tokio::{sync::Semaphore, task::JoinSet};

const LOG: &str = "station::files";
/// Replicas that are uploaded at once: four shards of three replicas, as many as a provider seals in lockstep.
const UPLOADS: usize = 12;
/// Pieces on their way in each of them: one being sent, one being read.
const PIECES: usize = 2;
/// Queries of the chain under way at once.
const QUERIES: usize = 16;
/// Without news of a block the chain is asked all the same.
const POLL: Duration = Duration::from_secs(6);
/// How long the node may be away.
const NODE_PATIENCE: Duration = Duration::from_secs(60);
/// The pause before a failed upload is tried again at the same provider.
const UPLOAD_PAUSE: Duration = Duration::from_secs(5);
/// Nothing at all may happen for so long, on top of the time that the chain grants three providers one after the other.
const STALL: Duration = Duration::from_secs(300);

/// A staged shard with its place on the chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub id: ShardId,
    pub class: SizeClass,
    /// Its place among the staged shards.
    pub staged: usize,
}

/// When each phase was over, counted from the start of distribution.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub uploaded: Duration,
    pub sealed: Duration,
    pub proven: Duration,
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Failed,
    Waiting,
    Uploaded,
    Sealed,
    Active,
}

struct Distribution<'a> {
    client: &'a Arc<Client>,
    peer: &'a Peer,
    stage: Arc<Stage>,
    jobs: &'a [Job],
    replicas: u8,
    progress: &'a dyn Progress,
    /// How far each replica is.
    steps: HashMap<ReplicaId, Step>,
    /// Live replicas of each shard, for the message when a slot fails.
    live: HashMap<ShardId, u8>,
    uploads: JoinSet<(ReplicaId, AccountId, Result<(), TransferError>)>,
    /// Uploads under way or done; a new provider of the same slot is another one.
    started: HashSet<(ReplicaId, AccountId)>,
    /// Uploads that failed, and when to try them again.
    again: Vec<(Instant, ReplicaId, AccountId)>,
    uploaded: HashSet<(ReplicaId, AccountId)>,
    warned: HashSet<AccountId>,
    permits: Arc<Semaphore>,
    sent: Arc<AtomicU64>,
}

/// Upload every shard to every provider drawn for it; with `wait`, also until all replicas are active.
pub(crate) async fn distribute(
    client: &Arc<Client>,
    peer: &Peer,
    stage: Arc<Stage>,
    jobs: &[Job],
    replicas: u8,
    wait: bool,
    progress: &dyn Progress,
) -> Result<Times, FilesError> {
    let run = Distribution {
        client,
        peer,
        stage,
        jobs,
        replicas,
        progress,
        steps: HashMap::new(),
        live: HashMap::new(),
        uploads: JoinSet::new(),
        started: HashSet::new(),
        again: Vec::new(),
        uploaded: HashSet::new(),
        warned: HashSet::new(),
        permits: Arc::new(Semaphore::new(UPLOADS)),
        sent: Arc::new(AtomicU64::new(0)),
    };
    run.until_done(wait).await
}

impl Distribution<'_> {
    async fn until_done(mut self, wait: bool) -> Result<Times, FilesError> {
        let begun = Instant::now();
        let total = self.total();
        let mut times = Times::default();
        for phase in [Phase::Upload, Phase::Seal, Phase::Prove] {
            if wait || phase == Phase::Upload {
                self.progress.begin(phase, total);
            }
        }
        let patience = self.patience();
        let mut last_change = (Instant::now(), self.state());
        let mut blocks = None;
        let mut node_away: Option<Instant> = None;
        loop {
            let looked = self.look().await;
            match looked {
                Ok(()) => node_away = None,
                Err(FilesError::Chain(error)) if error.is_transient() => {
                    if node_away.get_or_insert_with(Instant::now).elapsed() > NODE_PATIENCE {
                        return Err(error.into());
                    }
                    tracing::debug!(target: LOG, %error, "the node is away");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
                Err(error) => return Err(error),
            }
            self.report(total);
            if times.uploaded.is_zero() && self.all_reached(Step::Uploaded) {
                times.uploaded = begun.elapsed();
                self.progress.end(Phase::Upload);
                fail::fail_point!("put:uploaded");
            }
            if times.sealed.is_zero() && self.all_reached(Step::Sealed) {
                times.sealed = begun.elapsed();
                self.progress.end(Phase::Seal);
                fail::fail_point!("put:sealed");
            }
            if self.all_reached(Step::Active) {
                times.proven = begun.elapsed();
                self.progress.end(Phase::Prove);
                return Ok(times);
            }
            if !wait && !times.uploaded.is_zero() {
                return Ok(times);
            }
            self.check_failed_slots()?;

            let state = self.state();
            if state != last_change.1 {
                last_change = (Instant::now(), state);
            } else if last_change.0.elapsed() > patience {
                return Err(FilesError::Stalled("the providers drawn do not receive, seal or prove the shards".into()));
            }
            self.until_news(&mut blocks, total).await;
        }
    }

    /// Bytes of all replicas.
    fn total(&self) -> u64 {
        let shards: u64 = self.jobs.iter().map(|job| job.class.bytes()).sum();
        shards.saturating_mul(u64::from(self.replicas))
    }

    fn patience(&self) -> Duration {
        let timing = self.client.timing();
        let largest = self.jobs.iter().map(|job| job.class.bytes()).max().unwrap_or(0);
        let window = u64::from(timing.commit_window(largest)).saturating_mul(timing.slot_ms);
        STALL.saturating_add(Duration::from_millis(window.saturating_mul(3)))
    }

    /// Changes whenever something moved.
    fn state(&self) -> (u64, usize, usize) {
        let far = self.steps.values().map(|step| *step as usize).sum();
        (self.sent.load(Ordering::Relaxed), far, self.started.len())
    }

    fn all_reached(&self, step: Step) -> bool {
        let wanted = self.jobs.len() * usize::from(self.replicas);
        self.steps.values().filter(|reached| **reached >= step).count() >= wanted
    }

    fn report(&self, total: u64) {
        let reached = |step: Step| -> u64 {
            let done = |job: &Job| {
                let slots = self.steps.iter().filter(|(id, at)| id.shard == job.id && **at >= step).count();
                job.class.bytes().saturating_mul(u64::try_from(slots).unwrap_or(0))
            };
            self.jobs.iter().map(done).sum()
        };
        self.progress.set(Phase::Upload, self.sent.load(Ordering::Relaxed).max(reached(Step::Uploaded)).min(total));
        self.progress.set(Phase::Seal, reached(Step::Sealed));
        self.progress.set(Phase::Prove, reached(Step::Active));
    }

    /// A shard without hope of its target ends the wait once nothing else can come of it.
    fn check_failed_slots(&self) -> Result<(), FilesError> {
        let settled = self.steps.values().all(|step| matches!(step, Step::Failed | Step::Active));
        let failed = self.steps.iter().find(|(_, step)| **step == Step::Failed).map(|(id, _)| id.shard);
        match failed {
            Some(shard) if settled && !self.steps.is_empty() => Err(FilesError::SlotFailed {
                shard,
                live: self.live.get(&shard).copied().unwrap_or(0),
                target: self.replicas,
            }),
            _ => Ok(()),
        }
    }

    /// Ask the chain about every shard that is not done, and start the uploads that are due.
    async fn look(&mut self) -> Result<(), FilesError> {
        let open: Vec<Job> = self.jobs.iter().filter(|job| !self.is_active(job)).copied().collect();
        let client = self.client;
        let mut shards = stream::iter(open)
            .map(|job| async move { client.shard(job.id).await.map(|shard| (job, shard)) })
            .buffered(QUERIES);
        while let Some((job, shard)) = shards.try_next().await? {
            let shard = shard.ok_or(FilesError::DealGone(job.id.deal))?;
            self.take_in(job, &shard);
        }
        self.again.sort_by_key(|(at, ..)| *at);
        while self.again.first().is_some_and(|(at, ..)| *at <= Instant::now()) {
            let (_, replica, provider) = self.again.remove(0);
            self.started.remove(&(replica, provider));
        }
        Ok(())
    }

    fn is_active(&self, job: &Job) -> bool {
        let active = |(id, step): (&ReplicaId, &Step)| id.shard == job.id && *step == Step::Active;
        self.steps.iter().filter(|entry| active((entry.0, entry.1))).count() >= usize::from(self.replicas)
    }

    fn take_in(&mut self, job: Job, shard: &ShardInfo) {
        self.live.insert(job.id, shard.live);
        for replica in &shard.replicas {
            let step = match replica.state {
                // A replica that misses after it was active has been stored all the same.
                ReplicaState::Active | ReplicaState::Faulty => Step::Active,
                ReplicaState::Committed => Step::Sealed,
                ReplicaState::Assigned => self.assigned(job, replica),
                ReplicaState::Replaced if has_failed(shard, replica.id) => Step::Failed,
                ReplicaState::Replaced => Step::Waiting,
            };
            self.steps.insert(replica.id, step);
        }
    }

    fn assigned(&mut self, job: Job, replica: &ReplicaInfo) -> Step {
        let Some(provider) = replica.provider.clone() else { return Step::Waiting };
        let key = (replica.id, provider.clone());
        if self.uploaded.contains(&key) {
            return Step::Uploaded;
        }
        if self.started.insert(key) {
            let upload = Upload {
                client: Arc::clone(self.client),
                peer: self.peer.clone(),
                stage: Arc::clone(&self.stage),
                sent: Arc::clone(&self.sent),
                job,
                replica: replica.id,
            };
            let permits = Arc::clone(&self.permits);
            self.uploads.spawn(async move {
                let permit = permits.acquire_owned().await;
                let result = upload.run(&provider).await;
                drop(permit);
                (upload.replica, provider, result)
            });
        }
        Step::Waiting
    }

    /// Wait for a block, the end of an upload, or some seconds.
    async fn until_news(&mut self, blocks: &mut Option<BlockStream>, total: u64) {
        if blocks.is_none() {
            match self.client.best_blocks().await {
                Ok(stream) => *blocks = Some(stream.boxed()),
                Err(error) => tracing::debug!(target: LOG, %error, "no subscription to blocks"),
            }
        }
        let timeout = tokio::time::sleep(POLL);
        tokio::pin!(timeout);
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        loop {
            let next_block = async {
                match blocks.as_mut() {
                    Some(blocks) => blocks.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                block = next_block => {
                    if !matches!(block, Some(Ok(_))) {
                        *blocks = None;
                        tokio::time::sleep(Duration::from_millis(500)).await;
                    }
                    return;
                }
                Some(ended) = self.uploads.join_next(), if !self.uploads.is_empty() => {
                    self.upload_ended(ended);
                    // All that ended at once are one piece of news.
                    while let Some(Some(ended)) = self.uploads.join_next().now_or_never() {
                        self.upload_ended(ended);
                    }
                    if self.uploads.is_empty() {
                        return;
                    }
                }
                _ = tick.tick() => self.report(total),
                () = &mut timeout => return,
            }
        }
    }

    fn upload_ended(
        &mut self,
        ended: Result<(ReplicaId, AccountId, Result<(), TransferError>), tokio::task::JoinError>,
    ) {
        let (replica, provider, result) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(target: LOG, %error, "an upload panicked");
                return;
            }
        };
        match result {
            Ok(()) => {
                fail::fail_point!("put:replica_uploaded");
                self.uploaded.insert((replica, provider));
                self.steps.entry(replica).and_modify(|step| *step = (*step).max(Step::Uploaded));
            }
            Err(error) => {
                tracing::debug!(target: LOG, %replica, %error, "upload failed");
                if self.warned.insert(provider.clone()) {
                    self.progress.note(&format!(
                        "replica {replica}: {error}; trying again until the chain draws another provider"
                    ));
                }
                self.again.push((Instant::now() + UPLOAD_PAUSE, replica, provider));
            }
        }
    }
}

type BlockStream = stream::BoxStream<'static, Result<BestBlock, ClientError>>;

/// Whether the last thing that happened to the slot is that nobody was found for it.
fn has_failed(shard: &ShardInfo, replica: ReplicaId) -> bool {
    let last = shard.history.iter().rev().find(|entry| entry.replica == replica);
    last.is_some_and(|entry| entry.event == HistoryEvent::Failed)
}

/// One replica on its way to one provider.
pub(crate) struct Upload {
    pub client: Arc<Client>,
    pub peer: Peer,
    pub stage: Arc<Stage>,
    /// Bytes that were sent or were there.
    pub sent: Arc<AtomicU64>,
    pub job: Job,
    pub replica: ReplicaId,
}

impl Upload {
    /// Send what the provider does not have yet. It has checked and written everything when this returns.
    pub async fn run(&self, provider: &AccountId) -> Result<(), TransferError> {
        let info = self.client.provider(provider).await.ok().flatten();
        let address = info.map(|info| info.multiaddr).unwrap_or_default();
        let pieces = self.job.class.pieces();
        let missing: Vec<u32> = if pieces == 1 {
            vec![0]
        } else {
            // Pieces that the provider does not have; what it has beyond the shard's end is nonsense and ignored.
            let status = self.peer.upload_status(&address, self.replica).await?;
            (0..pieces).filter(|piece| !status.has(*piece)).collect()
        };
        let piece_bytes = self.job.class.bytes() / u64::from(pieces);
        let there = u64::from(pieces).saturating_sub(u64::try_from(missing.len()).unwrap_or(0));
        self.sent.fetch_add(there.saturating_mul(piece_bytes), Ordering::Relaxed);
        let to = &address;
        let complete = stream::iter(missing.iter().copied())
            .map(move |piece| async move {
                let complete = self.send(to, piece).await?;
                self.sent.fetch_add(piece_bytes, Ordering::Relaxed);
                fail::fail_point!("put:piece_sent");
                Ok::<bool, TransferError>(complete)
            })
            .buffer_unordered(PIECES)
            .try_fold(missing.is_empty(), |any, complete| async move { Ok(any || complete) })
            .await?;
        if complete {
            return Ok(());
        }
        // Acknowledged one by one and yet not complete: the provider lost some. The next attempt finds out which.
        match self.peer.upload_status(&address, self.replica).await?.missing().len() {
            0 => Ok(()),
            lost => Err(TransferError::Nonsense {
                address: String::from_utf8_lossy(&address).into_owned(),
                reason: format!("{lost} pieces that it took are missing"),
            }),
        }
    }

    async fn send(&self, address: &[u8], piece: u32) -> Result<bool, TransferError> {
        let (stage, job) = (Arc::clone(&self.stage), self.job);
        let read = tokio::task::spawn_blocking(move || -> std::io::Result<_> {
            let mut data = vec![0; job.class.piece_bytes()];
            let len = u64::try_from(data.len()).unwrap_or(u64::MAX);
            File::open(stage.shard(job.staged))?.read_at(u64::from(piece) * len, &mut data)?;
            let siblings = piece::prove(&File::open(stage.rows(job.staged))?, job.class, piece)?;
            Ok((data, siblings))
        });
        let local =
            |error: &dyn std::fmt::Display| TransferError::Start(format!("a staged shard cannot be read: {error}"));
        let (data, siblings) = read.await.map_err(|error| local(&error))?.map_err(|error| local(&error))?;
        self.peer.upload_piece(address, self.replica, piece, data, siblings).await
    }
}
