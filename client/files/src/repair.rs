//! Bring back shards that have no replica left.
//!
//! The chain opens an order for every lost replica and draws a candidate for it, which makes the replica from the shard's
//! other ones. When there is no other one, somebody has to bring the data: here it is computed from the rest of its stripe,
//! checked against the shard's root, and sent to the candidates, who check it again. That takes no key and no money, only
//! the link (or another that has its deals and parity): nothing is decrypted.

use crate::{
    distribute::{Job, Upload},
    error::FilesError,
    fetch::{laid_out, shard_ids, shard_infos, Fetcher},
    get::content_id,
    home::{create_private_dir, free_space, Home, Lock},
    loss::Loss,
    parity::Stripes,
    progress::Progress,
    put::{blocking, SPARE},
    recovery::rank,
    stage::{write_rows, Stage},
};
use futures::{future::join_all, stream, StreamExt, TryStreamExt};
use station_client_crypto::Link;
use station_client_rpc::{client::Client, types::Account};
use station_client_transfer::Peer;
use station_porep::{data, SizeClass};
use station_primitives::{
    api::{OrderInfo, ShardInfo},
    AccountId, ReplicaId, ShardId, ShardState,
};
use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    io::{ErrorKind, Write},
    path::PathBuf,
    sync::{atomic::AtomicU64, Arc},
    time::{Duration, Instant},
};

/// Pieces of a shard that are fetched ahead while it is written.
const AHEAD: usize = 4;
/// Between two looks at the chain.
const POLL: Duration = Duration::from_secs(3);
/// How long the node may be away.
const NODE_PATIENCE: Duration = Duration::from_secs(60);
/// Nothing at all may happen for so long, on top of the time that the chain grants a candidate.
const STALL: Duration = Duration::from_secs(60);

/// How the shards of a link are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The worst shard's state.
    pub state: ShardState,
    /// All shards, those of data first, then those of parity.
    pub shards: Vec<ShardInfo>,
    /// What cannot be brought back any more; none if everything can.
    pub loss: Option<Loss>,
}

impl Health {
    /// The shards that had all their replicas once and do not have them now.
    pub fn open(&self) -> impl Iterator<Item = &ShardInfo> {
        self.shards.iter().filter(|shard| is_open(shard))
    }

    /// Whether a shard has no live replica from which the network could make others by itself.
    pub fn needs_help(&self) -> bool {
        self.open().any(|shard| shard.live == 0)
    }

    /// What is not as it should be, as an error: content that is lost, or a repair that is not over.
    ///
    /// # Errors
    /// [`FilesError::Lost`], [`FilesError::RepairOpen`].
    pub fn check(&self, why: Option<&str>) -> Result<(), FilesError> {
        if let Some(loss) = &self.loss {
            return Err(FilesError::Lost(Box::new(loss.clone())));
        }
        match self.open().count() {
            0 => Ok(()),
            open => Err(FilesError::RepairOpen {
                open,
                shards: self.shards.len(),
                why: why.map_or(String::new(), |why| format!(": {why}")),
            }),
        }
    }
}

/// By its replicas, not by its state alone: a miss counts against a replica some blocks before the shard's state says so.
fn is_open(shard: &ShardInfo) -> bool {
    match shard.state {
        ShardState::Pending => false,
        ShardState::Healthy => shard.live < shard.target,
        ShardState::Degraded | ShardState::BelowMinimum | ShardState::Lost => true,
    }
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq)]
pub struct Repaired {
    /// How the shards are now.
    pub health: Health,
    /// Shards that were computed from others.
    pub rebuilt: Vec<ShardId>,
    /// Replicas whose new holders were given the data.
    pub fed: Vec<ReplicaId>,
    /// What stood in the way last, if something did.
    pub why: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Look at the shards of a link.
///
/// # Errors
/// [`FilesError::DealGone`], [`FilesError::Chain`], or a link that does not fit its deals.
pub async fn look(client: &Arc<Client>, link: &Link) -> Result<Health, FilesError> {
    link.check_network(&client.genesis().0)?;
    let shards = shard_infos(client, shard_ids(client, link).await?).await?;
    let classes = shards.iter().map(class_of).collect::<Result<Vec<_>, _>>()?;
    let (data, stripes) = laid_out(link, classes)?;
    let loss = Loss::of(&shards, stripes.as_ref(), &data);
    Ok(Health {
        state: shards.iter().map(|shard| shard.state).max_by_key(|state| rank(*state)).unwrap_or(ShardState::Pending),
        loss: (!loss.shards.is_empty()).then_some(loss),
        shards,
    })
}

fn class_of(shard: &ShardInfo) -> Result<SizeClass, FilesError> {
    SizeClass::from_bytes(shard.size)
        .ok_or_else(|| FilesError::Content(format!("shard {} has {} bytes: no size class", shard.id, shard.size)))
}

/// Give the data of every shard that has no live replica to those who are to make new ones. With `wait`, until all shards
/// are healthy, or nothing happens any more; otherwise what can be done now. Run again, it goes on where it was. Ask
/// [`Health::check`] of what it returns whether all is well.
///
/// # Errors
/// [`FilesError`]; what is lost or still open is no error here.
pub async fn repair(
    client: &Arc<Client>,
    link: &Link,
    home: &Home,
    wait: bool,
    progress: &dyn Progress,
) -> Result<Repaired, FilesError> {
    let begun = Instant::now();
    let first = look(client, link).await?;
    let dir = home.repair_dir(&content_id(link));
    create_private_dir(&dir)?;
    let lock = Lock::take(&dir.join("lock"), "the repair of this link")?;
    let mut repair = Repair {
        client,
        link,
        stage: Arc::new(Stage::new(dir.clone())),
        peer: Peer::start(&client.genesis().0).map_err(|error| FilesError::Peer(error.to_string()))?,
        fetcher: None,
        progress,
        staged: HashSet::new(),
        fed: HashSet::new(),
        rebuilt: BTreeSet::new(),
        why: None,
    };
    let health = repair.until_over(first, wait).await?;
    if !health.needs_help() {
        repair.stage.clear()?;
        // Another repair may have taken the lock in between: then the folder stays.
        let _ = std::fs::remove_file(dir.join("lock"));
        let _ = std::fs::remove_dir(&dir);
    }
    drop(lock);
    let mut fed: Vec<ReplicaId> = repair.fed.into_iter().map(|(replica, _)| replica).collect();
    fed.sort_unstable();
    fed.dedup();
    Ok(Repaired {
        health,
        rebuilt: repair.rebuilt.into_iter().collect(),
        fed,
        why: repair.why,
        seconds: (begun.elapsed().as_secs_f64() * 1_000.0).round() / 1_000.0,
    })
}

struct Repair<'a> {
    client: &'a Arc<Client>,
    link: &'a Link,
    stage: Arc<Stage>,
    peer: Peer,
    fetcher: Option<Fetcher>,
    progress: &'a dyn Progress,
    /// Shards whose data is on this disk, checked.
    staged: HashSet<usize>,
    fed: HashSet<(ReplicaId, AccountId)>,
    rebuilt: BTreeSet<ShardId>,
    why: Option<String>,
}

impl Repair<'_> {
    async fn until_over(&mut self, mut health: Health, wait: bool) -> Result<Health, FilesError> {
        let patience = self.patience(&health);
        let mut changed = Instant::now();
        let mut state = None;
        loop {
            for index in 0..health.shards.len() {
                let shard = &health.shards[index];
                if is_open(shard) && shard.live == 0 && !self.is_hopeless(&health, index) {
                    self.feed(index, shard).await?;
                }
            }
            let mut open = (0..health.shards.len()).filter(|index| is_open(&health.shards[*index]));
            // What is lost is told at once: the network does the rest by itself.
            let settled =
                |index| self.is_hopeless(&health, index) || health.loss.is_some() && health.shards[index].live > 0;
            let over = open.all(settled);
            if over || !wait {
                return Ok(health);
            }
            let now: Vec<_> = health
                .shards
                .iter()
                .map(|shard| {
                    (shard.live, shard.orders.clone(), shard.replicas.iter().map(|r| r.state).collect::<Vec<_>>())
                })
                .collect();
            let now = Some((now, self.fed.len(), self.staged.len()));
            if state != now {
                (state, changed) = (now, Instant::now());
            } else if changed.elapsed() > patience {
                self.why.get_or_insert_with(|| "nobody was found who makes the missing replicas".into());
                return Ok(health);
            }
            tokio::time::sleep(POLL).await;
            health = self.look_again().await?;
        }
    }

    /// The node may be away for a while.
    async fn look_again(&self) -> Result<Health, FilesError> {
        let begun = Instant::now();
        loop {
            match look(self.client, self.link).await {
                Err(FilesError::Chain(error)) if error.is_transient() && begun.elapsed() < NODE_PATIENCE => {
                    tokio::time::sleep(POLL).await;
                }
                looked => return looked,
            }
        }
    }

    fn patience(&self, health: &Health) -> Duration {
        let timing = self.client.timing();
        let largest = health.shards.iter().map(|shard| shard.size).max().unwrap_or(0);
        let window = u64::from(timing.commit_window(largest)).saturating_mul(timing.slot_ms);
        // A repair has twice the time of a first commitment.
        STALL.saturating_add(Duration::from_millis(window.saturating_mul(2)))
    }

    /// Whether nothing can bring the shard back.
    fn is_hopeless(&self, health: &Health, index: usize) -> bool {
        let Some(loss) = &health.loss else { return false };
        let stripes = self.link.parity.and_then(|parity| Stripes::of(parity, health.shards.len()));
        match stripes {
            None => loss.gone.contains(&index),
            Some(stripes) => {
                let stripe = stripes.stripe_of(index);
                health.shards[index].state == ShardState::Lost
                    && loss.gone.iter().any(|gone| stripes.stripe_of(*gone) == stripe)
            }
        }
    }

    /// Give the shard to the candidates of its orders who lack it.
    async fn feed(&mut self, index: usize, shard: &ShardInfo) -> Result<(), FilesError> {
        let mut hungry = Vec::new();
        for OrderInfo { replica, provider, .. } in &shard.orders {
            let Some(provider) = provider else { continue };
            let key = (*replica, provider.clone());
            if self.fed.contains(&key) {
                continue;
            }
            // An earlier run may have got so far.
            if self.has_it_all(*replica, provider).await {
                self.fed.insert(key);
            } else {
                hungry.push(key);
            }
        }
        if hungry.is_empty() {
            return Ok(());
        }
        match self.prepare(index, shard).await {
            Ok(()) => {}
            // Others of its stripe may come back, or be repaired first.
            Err(error @ (FilesError::Lost(_) | FilesError::Unreadable { .. })) => {
                self.why = Some(error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        let job = Job { id: shard.id, class: class_of(shard)?, staged: index };
        let uploads = hungry.into_iter().map(|(replica, provider)| {
            let upload = Upload {
                client: Arc::clone(self.client),
                peer: self.peer.clone(),
                stage: Arc::clone(&self.stage),
                sent: Arc::new(AtomicU64::new(0)),
                job,
                replica,
            };
            async move {
                let result = upload.run(&provider).await;
                (replica, provider, result)
            }
        });
        for (replica, provider, result) in join_all(uploads).await {
            let account = Account(provider.clone());
            match result {
                Ok(()) => {
                    self.progress.note(&format!("replica {replica}: its data was given to {account}"));
                    self.fed.insert((replica, provider));
                }
                Err(error) => self.why = Some(format!("replica {replica}: {error}")),
            }
        }
        Ok(())
    }

    async fn has_it_all(&self, replica: ReplicaId, provider: &AccountId) -> bool {
        let Ok(Some(info)) = self.client.provider(provider).await else { return false };
        self.peer.upload_status(&info.multiaddr, replica).await.is_ok_and(|state| state.missing().is_empty())
    }

    /// Have the shard's data on this disk.
    async fn prepare(&mut self, index: usize, shard: &ShardInfo) -> Result<(), FilesError> {
        if self.staged.contains(&index) {
            return Ok(());
        }
        let class = class_of(shard)?;
        let (stage, root) = (Arc::clone(&self.stage), shard.comm_d);
        let there = blocking(move || is_there(&stage, index, class, root)).await?;
        if !there {
            let (needed, free) = (class.bytes().saturating_add(SPARE), free_space(self.stage.dir()));
            if needed > free {
                return Err(FilesError::DiskFull { path: self.stage.dir().to_owned(), needed, free });
            }
            if self.fetcher.is_none() {
                self.fetcher = Some(Fetcher::open(self.client, self.link).await?);
            }
            let fetcher = self.fetcher.as_ref().ok_or_else(|| FilesError::Internal("no reader".into()))?;
            self.progress.note(&format!("shard {}: computing it from the others of its stripe", shard.id));
            write_shard(fetcher, index, class, self.stage.shard(index)).await?;
            let (stage, root) = (Arc::clone(&self.stage), shard.comm_d);
            if !blocking(move || is_there(&stage, index, class, root)).await? {
                return Err(FilesError::Content(format!(
                    "shard {}, computed from its stripe, is not what its deal commits to: its parity was not made from it",
                    shard.id
                )));
            }
            self.rebuilt.insert(shard.id);
        }
        self.staged.insert(index);
        Ok(())
    }
}

/// Whether the shard is on this disk as its root says; then its rows are, too.
fn is_there(
    stage: &Stage,
    index: usize,
    class: SizeClass,
    root: station_primitives::Commitment,
) -> Result<bool, FilesError> {
    let path = stage.shard(index);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(source) => return Err(FilesError::Disk { path, source }),
    };
    if file.metadata().map_err(FilesError::disk(&path))?.len() != class.bytes() {
        return Ok(false);
    }
    let (found, rows) = data::commit(&file, class).map_err(FilesError::disk(&path))?;
    if found != root {
        return Ok(false);
    }
    write_rows(&stage.rows(index), &rows)?;
    Ok(true)
}

async fn write_shard(fetcher: &Fetcher, index: usize, class: SizeClass, path: PathBuf) -> Result<(), FilesError> {
    let mut file = File::create(&path).map_err(FilesError::disk(&path))?;
    let pieces = stream::iter(0..class.pieces()).map(|piece| fetcher.fetch(index, piece)).buffered(AHEAD);
    let mut pieces = std::pin::pin!(pieces);
    while let Some(bytes) = pieces.try_next().await? {
        let at = path.clone();
        file = blocking(move || {
            file.write_all(&bytes).map_err(FilesError::disk(&at))?;
            Ok(file)
        })
        .await?;
    }
    Ok(())
}
