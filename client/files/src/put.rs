//! Put: from a path to a link.

use crate::{
    distribute::{distribute, Job, Times},
    draft::Draft,
    error::{FilesError, Kind},
    home::{create_private_dir, free_space, Lock},
    index::{Index, IndexEntry},
    journal::{Journal, Terms},
    parity::{self, ParityChoice},
    pricing,
    progress::{Phase, Progress},
    rewrite::Rest,
    stage::Stage,
    submission,
    tree::Source,
    Context,
};
use codec::Encode;
use serde::Serialize;
use station_client_crypto::{ContentKey, Link, Parity};
use station_client_transfer::Peer;
use station_porep::SizeClass;
use station_primitives::{api::DealInfo, AccountId, Balance, BlockNumber, Commitment, DealId, Price, ShardId};
use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    sync::{
        atomic::{AtomicU64, Ordering},
        Arc,
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Free space that is left to others, for journals and the like.
pub(crate) const SPARE: u64 = 1 << 20;

/// What to put it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutOptions {
    /// Replicas of each shard.
    pub replicas: u8,
    /// The term.
    pub blocks: BlockNumber,
    /// The most to pay, in plancks per GiB·day and replica; the market's price if not given.
    pub max_price: Option<Price>,
    /// The client's own choice of providers; drawn if empty.
    pub chosen: Vec<AccountId>,
    /// Whether others may be drawn when the own choice is exhausted.
    pub fallback: bool,
    /// The largest shard; by the amount of content if not given.
    pub shard_size: Option<SizeClass>,
    /// Shards of parity.
    pub parity: ParityChoice,
    /// Wait until all replicas are active; otherwise until their providers have the data.
    pub wait: bool,
}

/// How long each phase took. Phases overlap: each counts from the end of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// Reading, encrypting, committing.
    pub encrypt: f64,
    /// Submission, assignment, sending.
    pub upload: f64,
    /// From then until all commitments are on-chain.
    pub seal: f64,
    /// From then until all replicas are active.
    pub prove: f64,
}

/// What was put.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// All that is needed to read it.
    pub link: Link,
    /// Its deals.
    pub deals: Vec<DealId>,
    /// Bytes of the content.
    pub bytes: u64,
    /// Its shards, those of parity too.
    pub shards: usize,
    /// The parity behind them, if there is some.
    pub parity: Option<Parity>,
    /// Replicas of each.
    pub replicas: u8,
    /// What the deals hold in escrow, in plancks.
    pub cost: Balance,
    /// How long it took.
    pub seconds: Seconds,
}

/// The state of a put that has succeeded. Until [`Journaled::finish`] the same put, run again, returns the same link: so
/// nobody pays twice whose command was killed before the link was printed.
#[derive(Debug)]
#[must_use = "what a put keeps on disk is removed by `finish`"]
pub struct Journaled {
    stage: Arc<Stage>,
    _lock: Lock,
}

impl Journaled {
    /// The link has reached its user: remove the journal and the staged shards.
    ///
    /// # Errors
    /// [`FilesError::Disk`].
    pub fn finish(self) -> Result<(), FilesError> {
        forget(&self.stage)
    }
}

/// Store a file or a folder.
///
/// # Errors
/// [`FilesError`]. After most of them the same call goes on where this one was.
pub async fn put(
    context: &Context,
    path: &Path,
    options: &PutOptions,
    progress: &dyn Progress,
) -> Result<(Stored, Journaled), FilesError> {
    pricing::check_replicas(options.replicas, &options.chosen)?;
    let path = path.to_owned();
    let source = Arc::new(blocking(move || Source::walk(&path)).await?);
    for skipped in &source.skipped {
        progress.note(&format!("{} is no file and no folder: left out", skipped.display()));
    }
    let put = Put {
        context,
        progress,
        title: source.root.display().to_string(),
        fingerprint: source.fingerprint(&options.encoded()),
        wait: options.wait,
        origin: Origin::Source(Arc::clone(&source), options.clone()),
    };
    put.run(source.root.as_os_str().as_bytes()).await
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| FilesError::Internal(format!("a thread of work panicked: {error}")))?
}

/// What is put.
pub(crate) enum Origin {
    /// A file or folder of this machine.
    Source(Arc<Source>, PutOptions),
    /// What is left of a link's content without some of its entries.
    Rest(Rest),
}

/// A put under way.
pub(crate) struct Put<'a> {
    pub context: &'a Context,
    pub progress: &'a dyn Progress,
    /// What it is, in the user's words.
    pub title: String,
    /// Whether it is the same that was interrupted.
    pub fingerprint: [u8; 32],
    pub wait: bool,
    pub origin: Origin,
}

impl Put<'_> {
    /// Do it, with the state folder of `key` to itself.
    pub async fn run(self, key: &[u8]) -> Result<(Stored, Journaled), FilesError> {
        let begun = Instant::now();
        let name = self.context.account.local_key().file_name("put", key);
        let dir = self.context.home.put_dir(&name);
        create_private_dir(&dir)?;
        let lock = Lock::take(&dir.join("lock"), &self.title)?;
        let stage = Arc::new(Stage::new(dir));
        let journal = match self.resumable(&stage).await? {
            Some(journal) => journal,
            None => self.begin(&stage).await?,
        };
        let (journal, link, first) = match submission::submit(self.context, &stage, journal).await {
            Err(FilesError::DealGone(deal)) => {
                self.progress
                    .note(&format!("{}: deal {deal} of the interrupted put has ended; starting over", self.title));
                forget(&stage)?;
                submission::submit(self.context, &stage, self.begin(&stage).await?).await?
            }
            // What the chain refuses for itself it refuses again: what is kept for going on would only be in the way.
            Err(refused @ FilesError::Refused(_)) if refused.kind() == Kind::Usage => {
                let journal = Journal::load(stage.dir(), self.context.account.local_key())?;
                if journal.is_none_or(|journal| journal.deals.iter().all(|step| step.deal.is_none())) {
                    forget(&stage)?;
                }
                return Err(refused);
            }
            submitted => submitted?,
        };
        self.remember(&journal, &link, &first)?;
        fail::fail_point!("put:indexed");

        let genesis = self.context.client.genesis().0;
        let peer = Peer::start(&genesis).map_err(|error| FilesError::Peer(error.to_string()))?;
        let jobs = jobs(&journal, &link.deals);
        let before = begun.elapsed().saturating_sub(Duration::from_millis(journal.encrypt_ms));
        let (client, replicas) = (&self.context.client, journal.terms.replicas);
        let times = distribute(client, &peer, Arc::clone(&stage), &jobs, replicas, self.wait, self.progress).await?;
        fail::fail_point!("put:active");

        let stored = Stored {
            deals: link.deals.iter().copied().map(DealId).collect(),
            bytes: journal.bytes,
            shards: journal.shards.len(),
            parity: journal.parity,
            replicas: journal.terms.replicas,
            cost: journal.cost,
            seconds: seconds(journal.encrypt_ms, before, times),
            link,
        };
        Ok((stored, Journaled { stage, _lock: lock }))
    }

    /// The journal of an interrupted put of the same, unchanged content, if its shards are still there.
    async fn resumable(&self, stage: &Arc<Stage>) -> Result<Option<Journal>, FilesError> {
        let loaded = match Journal::load(stage.dir(), self.context.account.local_key()) {
            Ok(loaded) => loaded,
            Err(FilesError::LocalRecord { path, why }) => {
                self.progress.note(&format!("{}: {why}; starting over", path.display()));
                None
            }
            Err(error) => return Err(error),
        };
        let Some(journal) = loaded else {
            stage.clear()?;
            return Ok(None);
        };
        let reason = if journal.genesis != self.context.client.genesis().0 {
            Some("the interrupted put was on another network")
        } else if journal.fingerprint != self.fingerprint {
            Some("it, or the options, changed since the interrupted put")
        } else {
            let (stage, shards) = (Arc::clone(stage), journal.shards.clone());
            let intact = blocking(move || stage.verify(&shards)).await?;
            (!intact).then_some("the encrypted shards of the interrupted put are damaged")
        };
        match reason {
            None => {
                self.progress.note(&format!("{}: going on with the interrupted put", self.title));
                Ok(Some(journal))
            }
            Some(reason) => {
                self.progress.note(&format!("{}: {reason}; starting over", self.title));
                self.abandon(&journal).await?;
                forget(stage)?;
                Ok(None)
            }
        }
    }

    /// Give an interrupted put up: end its deals, so that nobody pays for what is never uploaded.
    async fn abandon(&self, journal: &Journal) -> Result<(), FilesError> {
        if journal.genesis != self.context.client.genesis().0 {
            return Ok(());
        }
        let mut ended = Vec::new();
        for (step, shards) in journal.deals.iter().zip(journal.deal_shards()) {
            let deal = match step.deal {
                Some(deal) => Some(DealId(deal)),
                None if step.nonce.is_some() => submission::find(self.context, shards).await?,
                None => None,
            };
            let Some(deal) = deal else { continue };
            ended.push(deal.0);
            match crate::remove::cancel(self.context, deal).await {
                Ok(_) => self.progress.note(&format!("deal {deal} of the interrupted put was cancelled")),
                Err(error) => {
                    self.progress.note(&format!("deal {deal} of the interrupted put was not cancelled: {error}"));
                }
            }
        }
        let link = Link::new(&journal.genesis, ended, journal.key.clone());
        Index::new(&self.context.home, &self.context.account).remove(&link.to_string())?;
        Ok(())
    }

    /// Check that it can be paid for, encrypt, and write the journal.
    async fn begin(&self, stage: &Arc<Stage>) -> Result<Journal, FilesError> {
        let client = &self.context.client;
        let key = ContentKey::random();
        let (plan, opened) = match &self.origin {
            Origin::Source(source, options) => {
                let draft = Draft::new(source, options.shard_size, options.parity)?;
                let (name, folder, bytes) = (source.name.clone(), source.is_folder(), source.bytes());
                (Plan { draft, options: options.clone(), name, folder, bytes }, None)
            }
            Origin::Rest(rest) => {
                let opened = rest.open(self.context).await?;
                (opened.plan()?, Some(opened))
            }
        };
        let terms = self.terms(&plan.options).await?;
        let account = AccountId::new(self.context.account.id());
        let per_deal = usize::try_from(station_primitives::MAX_SHARDS).expect("256 fits; qed");
        let all = plan.draft.shards();
        pricing::check(client, &account, all.chunks(per_deal).map(<[_]>::to_vec), &terms).await?;
        let (needed, free) = (plan.draft.room().saturating_add(SPARE), free_space(stage.dir()));
        if needed > free {
            return Err(FilesError::DiskFull { path: stage.dir().to_owned(), needed, free });
        }

        let begun = Instant::now();
        self.progress.begin(Phase::Encrypt, plan.bytes);
        let (parity, draft, to) = (plan.draft.parity, plan.draft, (**stage).clone());
        let mut shards = match (&self.origin, opened) {
            (Origin::Rest(_), Some(opened)) => opened.copy(draft, to, &key, self.progress).await?,
            (Origin::Rest(_), None) => return Err(FilesError::Internal("the rest of the content is not open".into())),
            (Origin::Source(source, _), _) => self.encrypt(source, draft, to, key.clone()).await?,
        };
        if let Some(parity) = parity {
            let (to, data) = ((**stage).clone(), shards.clone());
            shards.extend(blocking(move || parity::stage(&to, &data, parity)).await?);
        }
        self.progress.end(Phase::Encrypt);
        fail::fail_point!("put:encrypted");
        let mut journal = Journal::new(self.fingerprint, client.genesis().0, key, shards, terms);
        journal.parity = parity;
        journal.name = plan.name;
        journal.folder = plan.folder;
        journal.added = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        journal.bytes = plan.bytes;
        journal.encrypt_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        journal.save(stage.dir(), self.context.account.local_key())?;
        fail::fail_point!("put:journal");
        Ok(journal)
    }

    async fn terms(&self, options: &PutOptions) -> Result<Terms, FilesError> {
        let client = &self.context.client;
        let max_price = match options.max_price {
            Some(price) => price,
            None => pricing::market_price(client, options.replicas, &options.chosen).await?,
        };
        Ok(Terms {
            replicas: options.replicas,
            periods: client.timing().periods(options.blocks).max(1),
            max_price,
            chosen: options.chosen.clone(),
            fallback: options.fallback,
        })
    }

    async fn encrypt(
        &self,
        source: &Arc<Source>,
        draft: Draft,
        stage: Stage,
        key: ContentKey,
    ) -> Result<Vec<(Commitment, SizeClass)>, FilesError> {
        let source = Arc::clone(source);
        let done = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&done);
        let mut work = Box::pin(blocking(move || draft.encrypt(&source, stage, &key, &counter)));
        loop {
            tokio::select! {
                result = &mut work => return result,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    self.progress.set(Phase::Encrypt, done.load(Ordering::Relaxed));
                }
            }
        }
    }

    fn remember(&self, journal: &Journal, link: &Link, first: &DealInfo) -> Result<(), FilesError> {
        Index::new(&self.context.home, &self.context.account).add(IndexEntry {
            link: link.to_string(),
            name: String::from_utf8_lossy(&journal.name).into_owned(),
            bytes: journal.bytes,
            added: first.submitted,
            deals: link.deals.clone(),
            folder: journal.folder,
            time: journal.added,
            expires: Some(first.expires),
            recorded: !first.memo.is_empty(),
        })
    }
}

/// What is to be written, before it is.
pub(crate) struct Plan {
    pub draft: Draft,
    pub options: PutOptions,
    pub name: Vec<u8>,
    /// Whether it is a folder, not a single file.
    pub folder: bool,
    pub bytes: u64,
}

impl PutOptions {
    /// What makes another put of it: everything but whether to wait.
    fn encoded(&self) -> Vec<u8> {
        let class = self.shard_size.map(|class| class.log());
        (self.replicas, self.blocks, self.max_price, &self.chosen, self.fallback, class, self.parity).encode()
    }
}

/// Remove everything that only an interrupted put needs, the journal first.
pub(crate) fn forget(stage: &Stage) -> Result<(), FilesError> {
    let journal = stage.dir().join("journal");
    match fs::remove_file(&journal) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(FilesError::Disk { path: journal, source: error })
        }
        _ => stage.clear(),
    }
}

fn jobs(journal: &Journal, deals: &[u64]) -> Vec<Job> {
    let mut jobs = Vec::with_capacity(journal.shards.len());
    for (shards, deal) in journal.deal_shards().zip(deals) {
        for (index, (_, class)) in (0u32..).zip(shards) {
            let staged = jobs.len();
            jobs.push(Job { id: ShardId { deal: DealId(*deal), index }, class: *class, staged });
        }
    }
    jobs
}

fn seconds(encrypt_ms: u64, before: Duration, times: Times) -> Seconds {
    let round = |duration: Duration| (duration.as_secs_f64() * 1_000.0).round() / 1_000.0;
    Seconds {
        encrypt: round(Duration::from_millis(encrypt_ms)),
        upload: round(before.saturating_add(times.uploaded)),
        seal: round(times.sealed.saturating_sub(times.uploaded)),
        prove: round(times.proven.saturating_sub(times.sealed)),
    }
}
