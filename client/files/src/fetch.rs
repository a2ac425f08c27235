//! Pieces of shards, from whichever replica is fastest.
//!
//! Every piece is checked against the shard's `comm_d`, which comes from the chain: a provider can be slow, away or lie, it
//! cannot make a reader take wrong bytes. Who lied is not asked again.

use crate::{
    error::FilesError,
    layout::{pieces, PieceAt},
    loss::Loss,
    parity::{self, Blocks, Stripes},
};
use futures::{
    stream::{self, FuturesUnordered},
    Stream, StreamExt, TryStreamExt,
};
use station_client_crypto::Link;
use station_client_rpc::client::Client;
use station_client_transfer::client::{Options, Peer};
use station_porep::{piece, SizeClass};
use station_primitives::{api::ShardInfo, AccountId, Commitment, DealId, ReplicaState, ShardId};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

const LOG: &str = "station::files";
/// Pieces that are fetched ahead: 16 MiB, enough for three providers with several on the line each.
const AHEAD: usize = 16;
/// Pieces kept after use: header, manifest and small files are often in one.
const KEPT: usize = 4;
/// Queries of the chain under way at once.
const QUERIES: usize = 16;
/// How often all holders of a shard are tried before a piece counts as unreadable.
const ROUNDS: u32 = 4;
/// The pause before the second of these rounds; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// A holder that failed is tried after those that did not, for so long.
const PENALTY: Duration = Duration::from_secs(20);
/// A holder is left for another when a piece takes so many times what it takes the other: both had the same line of ours.
const TOO_SLOW: f64 = 4.0;
/// And not before this time: short waits are chance.
const LEAST_WAIT: Duration = Duration::from_secs(2);
/// When another holder was not asked yet: a piece comes in this time over 1 Mbit/s.
const UNTRIED_WAIT: Duration = Duration::from_secs(8);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Pieces that are rebuilt at once: each takes a piece of every other shard of its stripe.
const REBUILDS: usize = 2;

/// A shard of the content.
#[derive(Clone, Debug)]
struct Shard {
    id: ShardId,
    class: SizeClass,
    comm_d: Commitment,
    holders: Vec<Holder>,
}

/// Somebody who has it, or is about to.
#[derive(Clone, Debug)]
struct Holder {
    account: AccountId,
    address: Vec<u8>,
    /// Whether the replica is proven; the others are asked last.
    active: bool,
}

/// What is known about a provider from this read.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// Requests under way.
    under_way: u32,
    /// Milliseconds a piece took lately; zero before the first, so that everybody is tried.
    pace: f64,
    failed: Option<Instant>,
}

impl Standing {
    /// Whether a piece would long have come from it that somebody else has been asked for since `elapsed`.
    fn would_be_done(&self, elapsed: Duration) -> bool {
        if self.failed.is_some() {
            return false;
        }
        // Nothing is known of it: after a while it is worth a try.
        if self.pace == 0.0 {
            return self.under_way == 0 && elapsed >= UNTRIED_WAIT;
        }
        let waits = f64::from(self.under_way + 1) * self.pace;
        elapsed >= LEAST_WAIT && elapsed.as_secs_f64() * 1_000.0 > TOO_SLOW * waits
    }
}

/// A shard and a piece of it, and the piece's bytes.
type Kept = ((usize, u32), Arc<Vec<u8>>);

#[derive(Default)]
struct Book {
    standing: HashMap<AccountId, Standing>,
    /// Who gave a piece that does not belong to its shard.
    liars: HashSet<AccountId>,
    /// Who gave a good one.
    sources: BTreeSet<AccountId>,
    /// Of which shards pieces were computed from others.
    rebuilt: BTreeSet<ShardId>,
    kept: VecDeque<Kept>,
}

/// Reads the flat space of a link's deals.
pub(crate) struct Fetcher {
    client: Arc<Client>,
    peer: Peer,
    /// Those of data, then those of parity.
    shards: Vec<tokio::sync::RwLock<Shard>>,
    /// Those of data: the flat space.
    classes: Vec<SizeClass>,
    /// Which shards stand by each other, if there is parity.
    stripes: Option<Stripes>,
    rebuilds: Semaphore,
    book: Mutex<Book>,
}

/// A piece and where it begins in the flat space.
pub(crate) type Chunk = (u64, Arc<Vec<u8>>);

impl Fetcher {
    /// Learn from the chain where the shards of a link are.
    pub async fn open(client: &Arc<Client>, link: &Link) -> Result<Self, FilesError> {
        let ids = shard_ids(client, link).await?;
        let addresses = Addresses::default();
        let shards: Vec<Shard> =
            stream::iter(ids).map(|id| load(client, id, &addresses)).buffered(QUERIES).try_collect().await?;
        // A reader tries another replica rather than wait long for one.
        let options = Options { patience: Duration::from_secs(10), attempts: 2, ..Options::default() };
        let peer =
            Peer::start_with(&client.genesis().0, options).map_err(|error| FilesError::Peer(error.to_string()))?;
        let (classes, stripes) = laid_out(link, shards.iter().map(|shard| shard.class).collect())?;
        Ok(Self {
            client: Arc::clone(client),
            peer,
            classes,
            stripes,
            rebuilds: Semaphore::new(REBUILDS),
            shards: shards.into_iter().map(tokio::sync::RwLock::new).collect(),
            book: Mutex::default(),
        })
    }

    /// The shards of data, in the order of the flat space.
    pub fn classes(&self) -> &[SizeClass] {
        &self.classes
    }

    /// Bytes of the flat space.
    pub fn room(&self) -> u64 {
        self.classes.iter().map(|class| class.bytes()).sum()
    }

    /// Who served something.
    pub fn sources(&self) -> Vec<AccountId> {
        self.book().sources.iter().cloned().collect()
    }

    /// Who served something else than what belongs to the shard. None of it was used.
    pub fn liars(&self) -> Vec<AccountId> {
        self.book().liars.iter().cloned().collect()
    }

    /// The pieces that cover `from .. to`, in order, fetched ahead.
    pub fn chunks(&self, from: u64, to: u64) -> impl Stream<Item = Result<Chunk, FilesError>> + '_ {
        stream::iter(pieces(&self.classes, from, to))
            .map(move |at| async move { self.piece(at).await.map(|bytes| (at.offset, bytes)) })
            .buffered(AHEAD)
    }

    /// The bytes `from .. from + len`, for what is small.
    pub async fn read(&self, from: u64, len: u64) -> Result<Vec<u8>, FilesError> {
        let to = from.saturating_add(len);
        let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or(0));
        let mut chunks = std::pin::pin!(self.chunks(from, to));
        while let Some((offset, chunk)) = chunks.try_next().await? {
            let index = |at: u64| usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX).min(chunk.len());
            bytes.extend_from_slice(&chunk[index(from)..index(to)]);
        }
        if u64::try_from(bytes.len()) == Ok(len) {
            Ok(bytes)
        } else {
            Err(FilesError::Content("it lies outside of its shards".into()))
        }
    }

    async fn piece(&self, at: PieceAt) -> Result<Arc<Vec<u8>>, FilesError> {
        let key = (at.shard, at.piece);
        if let Some((_, bytes)) = self.book().kept.iter().find(|(kept, _)| *kept == key) {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(self.fetch(at.shard, at.piece).await?);
        let mut book = self.book();
        book.kept.push_back((key, Arc::clone(&bytes)));
        if book.kept.len() > KEPT {
            book.kept.pop_front();
        }
        Ok(bytes)
    }

    /// A piece of a shard: from whoever has the shard, or else computed from the other shards of its stripe.
    pub async fn fetch(&self, shard: usize, piece: u32) -> Result<Vec<u8>, FilesError> {
        let mut why = String::new();
        let mut pause = PAUSE;
        for round in 0..ROUNDS {
            if round > 0 {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
                self.reload(shard).await?;
            }
            // When all who have it just failed, the rest of its stripe is quicker than another row of time-outs.
            let ask = round > 0 || self.stripes.is_none() || !self.just_failed(shard).await;
            if ask {
                match self.fetch_once(shard, piece).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => why = error,
                }
            }
            if let Some(stripes) = &self.stripes {
                match self.rebuilt(stripes, shard, piece).await {
                    Ok(bytes) => return Ok(bytes),
                    Err(error) => why = format!("{why}; {error}"),
                }
            }
        }
        Err(self.unreadable(shard, why).await)
    }

    /// Ask everybody who has the shard once, the likeliest first.
    async fn fetch_once(&self, shard: usize, piece: u32) -> Result<Vec<u8>, String> {
        let mut why = String::from("no replica is there");
        let shard = self.shards[shard].read().await.clone();
        let mut tried = HashSet::new();
        while let Some(holder) = self.next_holder(&shard, &tried) {
            tried.insert(holder.account.clone());
            match self.fetch_from(&shard, piece, &holder).await {
                Ok(bytes) => return Ok(bytes),
                Err(error) => {
                    tracing::debug!(target: LOG, shard = %shard.id, piece, %error, "trying another replica");
                    why = error;
                }
            }
        }
        Err(why)
    }

    /// Whether nobody has the shard who did not fail a moment ago.
    async fn just_failed(&self, shard: usize) -> bool {
        let shard = self.shards[shard].read().await;
        let book = self.book();
        shard.holders.iter().all(|holder| {
            let failed = book.standing.get(&holder.account).and_then(|standing| standing.failed);
            failed.is_some_and(|at| at.elapsed() < PENALTY) || book.liars.contains(&holder.account)
        })
    }

    /// Compute a piece from those of the other shards of its stripe. All of these are checked against their roots; so what
    /// comes out is what went in when the content was put.
    async fn rebuilt(&self, stripes: &Stripes, shard: usize, piece: u32) -> Result<Vec<u8>, String> {
        let _turn = self.rebuilds.acquire().await.map_err(|error| error.to_string())?;
        let stripe = stripes.stripe_of(shard);
        let members = stripes.members(stripe);
        let (data, parity) = (stripes.data_in(stripe), stripes.parity_in_each());
        let wanted = members.iter().position(|member| *member == shard).ok_or("it is in no stripe")?;
        let mut have: Blocks = Vec::with_capacity(data);
        let mut others = Vec::with_capacity(members.len());
        for (number, member) in members.into_iter().enumerate().filter(|(number, _)| *number != wanted) {
            if piece < self.shards[member].read().await.class.pieces() {
                others.push((self.just_failed(member).await, number, member));
            } else {
                // It ended before: zeros follow it.
                have.push((number, Arc::default()));
            }
        }
        others.sort_unstable();
        let mut others = others.into_iter();
        let ask = |(_, number, member): (bool, usize, usize)| async move {
            self.fetch_once(member, piece).await.map(|bytes| (number, Arc::new(bytes)))
        };
        let missing = data.saturating_sub(have.len());
        let mut asked: FuturesUnordered<_> = others.by_ref().take(missing).map(&ask).collect();
        let mut why = String::new();
        while let Some(answer) = asked.next().await {
            match answer {
                Ok(block) => have.push(block),
                Err(error) => {
                    why = error;
                    asked.extend(others.next().map(&ask));
                }
            }
        }
        if have.len() < data {
            return Err(format!(
                "{data} other shards of its stripe are needed to compute it, {} can be read: {why}",
                have.len()
            ));
        }
        let (id, len) = {
            let shard = self.shards[shard].read().await;
            (shard.id, shard.class.piece_bytes())
        };
        let bytes = tokio::task::spawn_blocking(move || parity::rebuild(data, parity, wanted, &have, len))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        self.book().rebuilt.insert(id);
        Ok(bytes)
    }

    /// The shards of which pieces had to be computed from others.
    pub fn rebuilt_shards(&self) -> Vec<ShardId> {
        self.book().rebuilt.iter().copied().collect()
    }

    /// Why a piece cannot be had: its shard is lost for good, as the chain says, or its holders are away.
    async fn unreadable(&self, shard: usize, why: String) -> FilesError {
        let id = self.shards[shard].read().await.id;
        match self.losses().await {
            Ok(loss) if loss.gone.contains(&shard) => FilesError::Lost(Box::new(loss)),
            Ok(_) => FilesError::Unreadable { shard: id, why },
            Err(error) => error,
        }
    }

    /// What cannot be brought back any more, whoever comes back.
    pub async fn losses(&self) -> Result<Loss, FilesError> {
        let mut ids = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            ids.push(shard.read().await.id);
        }
        let infos = shard_infos(&self.client, ids).await?;
        Ok(Loss::of(&infos, self.stripes.as_ref(), &self.classes))
    }

    async fn fetch_from(&self, shard: &Shard, index: u32, holder: &Holder) -> Result<Vec<u8>, String> {
        let begun = Instant::now();
        self.standing(&holder.account, |standing| standing.under_way += 1);
        let answer = tokio::select! {
            answer = self.peer.fetch_piece(&holder.address, shard.id, index) => Some(answer),
            () = self.outrun(shard, holder, begun) => None,
        };
        let outrun = answer.is_none();
        let answer = answer.map_or_else(
            || Err("it takes longer than another holder would".to_owned()),
            |answer| answer.map_err(|error| error.to_string()),
        );
        let (class, comm_d) = (shard.class, shard.comm_d);
        let checked = match answer {
            Err(error) => Err((error, false)),
            // A MiB takes milliseconds to hash: not on the thread that moves bytes.
            Ok(got) => tokio::task::spawn_blocking(move || {
                match piece::verify(&comm_d, class, index, &got.data, &got.siblings) {
                    Ok(()) => Ok(got.data),
                    Err(error) => Err((error.to_string(), true)),
                }
            })
            .await
            .unwrap_or_else(|error| Err((error.to_string(), false))),
        };
        let took = begun.elapsed().as_secs_f64() * 1_000.0;
        self.standing(&holder.account, |standing| {
            standing.under_way = standing.under_way.saturating_sub(1);
            match &checked {
                Ok(_) => {
                    standing.failed = None;
                    standing.pace = if standing.pace == 0.0 { took } else { standing.pace * 0.8 + took * 0.2 };
                }
                // Slow is no failure: it may be the reader's own line.
                Err(_) if outrun => standing.pace = standing.pace.max(took),
                Err(_) => standing.failed = Some(Instant::now()),
            }
        });
        let mut book = self.book();
        match checked {
            Ok(bytes) => {
                book.sources.insert(holder.account.clone());
                Ok(bytes)
            }
            Err((why, lied)) => {
                if lied {
                    tracing::warn!(target: LOG, provider = ?holder.account, shard = %shard.id, "a provider served wrong bytes");
                    book.liars.insert(holder.account.clone());
                }
                Err(why)
            }
        }
    }

    /// Completes when another holder of the shard would have been done long ago, as far as is known of it. Once all are
    /// known to be slow, as over a slow line of the reader's own, it never does: asking twice would make it slower still.
    async fn outrun(&self, shard: &Shard, holder: &Holder, begun: Instant) {
        loop {
            tokio::time::sleep(LOOK).await;
            let elapsed = begun.elapsed();
            let book = self.book();
            let faster = |other: &Holder| {
                let standing = book.standing.get(&other.account).copied().unwrap_or_default();
                other.active && !book.liars.contains(&other.account) && standing.would_be_done(elapsed)
            };
            if shard.holders.iter().any(|other| other.account != holder.account && faster(other)) {
                return;
            }
        }
    }

    /// The holder from whom the piece is likely to come first.
    fn next_holder(&self, shard: &Shard, tried: &HashSet<AccountId>) -> Option<Holder> {
        let book = self.book();
        let cost = |holder: &&Holder| {
            let standing = book.standing.get(&holder.account).copied().unwrap_or_default();
            let recent = standing.failed.is_some_and(|at| at.elapsed() < PENALTY);
            let load = f64::from(standing.under_way + 1) * standing.pace.max(1.0);
            f64::from(u8::from(recent)) * 1e12 + f64::from(u8::from(!holder.active)) * 1e9 + load
        };
        shard
            .holders
            .iter()
            .filter(|holder| !tried.contains(&holder.account) && !book.liars.contains(&holder.account))
            .min_by(|a, b| cost(a).total_cmp(&cost(b)))
            .cloned()
    }

    /// Replicas move: ask the chain again.
    async fn reload(&self, index: usize) -> Result<(), FilesError> {
        let id = self.shards[index].read().await.id;
        let fresh = load(&self.client, id, &Addresses::default()).await?;
        *self.shards[index].write().await = fresh;
        Ok(())
    }

    fn standing(&self, account: &AccountId, change: impl FnOnce(&mut Standing)) {
        change(self.book().standing.entry(account.clone()).or_default());
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shards of a link in its order: those of data, then those of parity.
pub(crate) async fn shard_ids(client: &Client, link: &Link) -> Result<Vec<ShardId>, FilesError> {
    let mut ids = Vec::new();
    for deal in link.deals.iter().copied().map(DealId) {
        let info = client.deal(deal).await?.ok_or(FilesError::DealGone(deal))?;
        ids.extend((0..info.shards).map(|index| ShardId { deal, index }));
    }
    Ok(ids)
}

/// What the chain says of these shards, in their order.
pub(crate) async fn shard_infos(client: &Client, ids: Vec<ShardId>) -> Result<Vec<ShardInfo>, FilesError> {
    stream::iter(ids)
        .map(|id| async move { client.shard(id).await?.ok_or(FilesError::DealGone(id.deal)) })
        .buffered(QUERIES)
        .try_collect()
        .await
}

/// The flat space that these shards of a link make, and their stripes.
pub(crate) fn laid_out(
    link: &Link,
    mut classes: Vec<SizeClass>,
) -> Result<(Vec<SizeClass>, Option<Stripes>), FilesError> {
    let Some(parity) = link.parity else { return Ok((classes, None)) };
    let odd = || FilesError::Content(format!("{} shards are not what content with parity {parity} has", classes.len()));
    let stripes = Stripes::of(parity, classes.len()).ok_or_else(odd)?;
    let behind = classes.split_off(stripes.data());
    if behind != stripes.parity_classes(&classes) {
        return Err(FilesError::Content("its shards of parity do not fit those of data".into()));
    }
    Ok((classes, Some(stripes)))
}

/// Addresses already asked for: many shards have the same few holders.
#[derive(Default)]
struct Addresses(Mutex<HashMap<AccountId, Vec<u8>>>);

impl Addresses {
    async fn of(&self, client: &Client, account: &AccountId) -> Result<Option<Vec<u8>>, FilesError> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(account).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let address = client.provider(account).await?.map(|provider| provider.multiaddr);
        if let Some(address) = &address {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(account.clone(), address.clone());
        }
        Ok(address)
    }
}

async fn load(client: &Client, id: ShardId, addresses: &Addresses) -> Result<Shard, FilesError> {
    let info = client.shard(id).await?.ok_or(FilesError::DealGone(id.deal))?;
    let class = SizeClass::from_bytes(info.size)
        .ok_or_else(|| FilesError::Content(format!("shard {id} has {} bytes, which is no size class", info.size)))?;
    let mut holders = Vec::new();
    for replica in &info.replicas {
        let Some(account) = &replica.provider else { continue };
        if let Some(address) = addresses.of(client, account).await? {
            let active = replica.state == ReplicaState::Active;
            holders.push(Holder { account: account.clone(), address, active });
        }
    }
    Ok(Shard { id, class, comm_d: info.comm_d, holders })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_left_for_one_that_is_known_to_be_faster_and_not_when_all_are_slow() {
        let standing = |pace: f64, under_way| Standing { pace, under_way, failed: None };
        let seconds = Duration::from_secs;
        // A piece in 50 ms elsewhere: two seconds are enough to see it; sooner is chance.
        assert!(standing(50.0, 1).would_be_done(seconds(2)));
        assert!(!standing(50.0, 1).would_be_done(Duration::from_millis(1_900)));
        // Busy with many pieces, it would take as long.
        assert!(!standing(50.0, 20).would_be_done(seconds(2)));
        // All take eight seconds, as over a slow line of the reader's own.
        assert!(!standing(8_000.0, 0).would_be_done(seconds(16)));
        // Nobody else was asked yet.
        assert!(standing(0.0, 0).would_be_done(UNTRIED_WAIT));
        assert!(!standing(0.0, 0).would_be_done(seconds(5)));
        assert!(!standing(0.0, 1).would_be_done(seconds(60)));
        // Who failed is no reason to leave anybody.
        let failed = Standing { failed: Some(Instant::now()), ..standing(50.0, 0) };
        assert!(!failed.would_be_done(seconds(60)));
    }
}
