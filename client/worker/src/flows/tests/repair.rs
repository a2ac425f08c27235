//! Replicas made from other holders' data, which are honest, slow, busy, silent or worse.

use super::*;
use crate::flows::repair::{Fetch, Repairer};
use station_client_transfer::{client::Error as TransferError, protocol::Piece};
use station_porep::{piece, tree::Rows};
use std::time::Instant;

/// 32 pieces: two syncs of the store.
const LARGE: u64 = 32 << 20;
const PIECES: u32 = 32;

/// What a holder does with a request.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// A piece takes this long.
    Serves(Duration),
    /// All that it serves goes over one line, on which a piece takes this long.
    Line(Duration),
    /// One byte is another.
    Alters,
    /// Says that it is busy so often, and serves then.
    Busy(u32),
    /// Cannot be reached.
    Away,
    /// Never answers.
    Silent,
}

/// The other holders of one shard.
pub(super) struct Holders {
    class: SizeClass,
    data: Vec<u8>,
    rows: Rows,
    pub(super) comm_d: [u8; 32],
    manners: Mutex<HashMap<Vec<u8>, Manner>>,
    served: Mutex<HashMap<Vec<u8>, u32>>,
    /// Requests under way: now, and the most there were.
    at_once: Mutex<(usize, usize)>,
    /// After so many pieces nobody answers any more.
    until: Mutex<u32>,
    lines: Mutex<HashMap<Vec<u8>, Arc<tokio::sync::Mutex<()>>>>,
}

impl Holders {
    pub(super) fn of(data: Vec<u8>) -> Arc<Self> {
        let class = SizeClass::from_bytes(u64::try_from(data.len()).expect("small")).expect("a class");
        let (comm_d, rows) = data::commit(&data, class).expect("a root");
        Arc::new(Self {
            class,
            data,
            rows,
            comm_d,
            manners: Mutex::default(),
            served: Mutex::default(),
            at_once: Mutex::default(),
            until: Mutex::new(u32::MAX),
            lines: Mutex::default(),
        })
    }

    fn large() -> Arc<Self> {
        let mut state = 1u64;
        let next = |_| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state.to_be_bytes()[0]
        };
        Self::of((0..LARGE).map(next).collect())
    }

    fn set(&self, who: u8, manner: Manner) {
        self.manners.lock().insert(vec![who], manner);
    }

    pub(super) fn honest(&self, who: u8) {
        self.set(who, Manner::Serves(Duration::ZERO));
    }

    pub(super) fn altering(&self, who: u8) {
        self.set(who, Manner::Alters);
    }

    pub(super) fn away(&self, who: u8) {
        self.set(who, Manner::Away);
    }

    fn served_by(&self, who: u8) -> u32 {
        self.served.lock().get(&vec![who]).copied().unwrap_or_default()
    }

    pub(super) fn task(&self, deadline: u32) -> Task {
        let mut sources: Vec<_> = self.manners.lock().keys().map(|who| (account(who[0]), who.clone())).collect();
        sources.sort();
        Task::Repair { deadline, sources }
    }

    pub(super) fn duty(&self, replica: ReplicaId) -> Duty {
        let (comm_d, size) = (self.comm_d, self.class.bytes());
        Duty { replica, comm_d, size, ticket: TICKET, comm_r: None, task: self.task(1_000) }
    }
}

pub(super) fn account(who: u8) -> AccountId {
    AccountId::new([who; 32])
}

struct UnderWay<'a>(&'a Holders);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.at_once.lock().0 -= 1;
    }
}

#[async_trait]
impl Fetch for Holders {
    async fn fetch(&self, address: &[u8], _: ReplicaId, number: u32) -> Result<Piece, TransferError> {
        let _under_way = {
            let mut at_once = self.at_once.lock();
            *at_once = (at_once.0 + 1, at_once.1.max(at_once.0 + 1));
            UnderWay(self)
        };
        let manner = *self.manners.lock().get(address).expect("a holder");
        let bytes = self.class.piece_bytes();
        let mut data = self.data[usize::try_from(number).expect("small") * bytes..][..bytes].to_vec();
        let name = || String::from_utf8_lossy(address).into_owned();
        match manner {
            Manner::Serves(time) => tokio::time::sleep(time).await,
            Manner::Line(time) => {
                let line = self.lines.lock().entry(address.to_vec()).or_default().clone();
                let _line = line.lock().await;
                tokio::time::sleep(time).await;
            }
            Manner::Alters => data[7] ^= 1,
            Manner::Busy(0) => {}
            Manner::Busy(left) => {
                self.manners.lock().insert(address.to_vec(), Manner::Busy(left - 1));
                let refusal = Refusal::Busy { retry_after_ms: 1 };
                return Err(TransferError::Refused { address: name(), refusal });
            }
            Manner::Away => return Err(TransferError::Unreachable { address: name(), reason: "away".into() }),
            Manner::Silent => std::future::pending().await,
        }
        let over = {
            let mut left = self.until.lock();
            let over = *left == 0;
            *left = left.saturating_sub(1);
            over
        };
        if over {
            std::future::pending::<()>().await;
        }
        *self.served.lock().entry(address.to_vec()).or_default() += 1;
        Ok(Piece { data, siblings: piece::prove(&self.rows, self.class, number).expect("a path") })
    }
}

impl Bench {
    /// What a round does for repairs.
    fn offer(&self, repairer: &Arc<Repairer>, duties: &[Duty]) -> usize {
        let plan = self.plan(duties);
        for job in &plan.expect {
            accept_upload::expect(&self.context, &self.mark, at(5), job).expect("room");
        }
        repairer.offer(&self.context, &plan.repair)
    }

    /// Rounds until `done`.
    pub(super) async fn rounds(&self, repairer: &Arc<Repairer>, duties: &[Duty], done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(begun.elapsed() < Duration::from_secs(60), "in time");
            self.offer(repairer, duties);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn complete(&self, repairer: &Arc<Repairer>, duty: &Duty) {
        let received = |bench: &Self| bench.context.store.state(duty.replica) == Some(LocalState::Received);
        self.rounds(repairer, std::slice::from_ref(duty), received).await;
    }

    async fn complete_of(&self, repairer: &Arc<Repairer>, duties: &[Duty], replica: ReplicaId) {
        let received = |bench: &Self| bench.context.store.state(replica) == Some(LocalState::Received);
        self.rounds(repairer, duties, received).await;
    }

    /// Seal and commit, and return the receipt that was handed in.
    async fn receipt(&self, duty: &Duty) -> Receipt {
        let sealed = self.seal(duty.clone()).await;
        commit::commit(&self.context, &self.plan(std::slice::from_ref(duty)).commit[0]).await.expect("handed in");
        let handed_in = self.chain.handed_in.lock();
        let extrinsic = handed_in.last().expect("handed in");
        let Some(Replication::commit { replica, ticket, comm_r, receipt, signature, .. }) =
            extrinsic.function.is_sub_type()
        else {
            panic!("a commitment");
        };
        assert_eq!((*replica, Some(*comm_r)), (duty.replica, sealed.comm_r));
        let (replica, ticket, comm_r, receipt) = (*replica, *ticket, *comm_r, receipt.clone());
        let statement = DutyStatement::Commit { replica, ticket, comm_r, receipt: receipt.clone() };
        assert!(self.signed_by_the_provider(&statement, signature));
        receipt
    }
}

fn sum(receipt: &Receipt) -> u32 {
    receipt.served.iter().map(|(_, pieces)| pieces).sum()
}

fn pieces_of(receipt: &Receipt, who: u8) -> u32 {
    receipt.served.iter().find(|(source, _)| *source == account(who)).map_or(0, |(_, pieces)| *pieces)
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sources_serve_at_once_and_a_slow_one_less() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Serves(Duration::from_millis(30)));
    holders.set(2, Manner::Serves(Duration::from_millis(30)));
    holders.set(3, Manner::Serves(Duration::from_millis(600)));
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    bench.complete(&repairer, &duty).await;
    let receipt = bench.receipt(&duty).await;
    assert_eq!((sum(&receipt), receipt.refused.len()), (PIECES, 0));
    for who in [1, 2, 3] {
        assert!(pieces_of(&receipt, who) > 0, "{receipt:?}");
        assert!(pieces_of(&receipt, who) <= holders.served_by(who));
    }
    assert!(pieces_of(&receipt, 3) * 3 < pieces_of(&receipt, 1), "{receipt:?}");
    // And the replica serves.
    let piece = serve::read_piece(&bench.context, duty.replica.shard, 31).expect("a piece");
    assert!(piece.data == holders.data[31 << 20..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_lines_are_all_kept_busy() {
    let (bench, holders) = (bench(), Holders::large());
    let piece = Duration::from_millis(200);
    (1..=4).for_each(|who| holders.set(who, Manner::Line(piece)));
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    let begun = Instant::now();
    bench.complete(&repairer, &duty).await;
    let ideal = piece * PIECES / 4;
    assert!(begun.elapsed() < ideal * 2, "{:?} where the lines allow {ideal:?}", begun.elapsed());
    let receipt = bench.receipt(&duty).await;
    assert_eq!((sum(&receipt), receipt.refused.len()), (PIECES, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_serves_an_altered_piece_is_dropped_and_named() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Alters);
    holders.honest(2);
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    bench.complete(&repairer, &duty).await;
    let receipt = bench.receipt(&duty).await;
    assert_eq!(receipt.refused.to_vec(), vec![account(1)]);
    assert_eq!(receipt.served.to_vec(), vec![(account(2), PIECES)]);
    assert_eq!(holders.served_by(1), 1, "asked once and never again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_away_at_first_or_busy_is_asked_again_and_not_named() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Busy(2));
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    bench.complete(&repairer, &duty).await;
    let receipt = bench.receipt(&duty).await;
    assert_eq!((pieces_of(&receipt, 1), receipt.refused.len()), (PIECES, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_never_served_is_named_in_the_receipt() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Away);
    holders.set(2, Manner::Serves(Duration::from_millis(400)));
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    bench.complete(&repairer, &duty).await;
    let receipt = bench.receipt(&duty).await;
    assert_eq!(receipt.refused.to_vec(), vec![account(1)]);
    assert_eq!(receipt.served.to_vec(), vec![(account(2), PIECES)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_piece_that_hangs_is_asked_of_another() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Silent);
    holders.honest(2);
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    bench.complete(&repairer, &duty).await;
    assert_eq!(holders.served_by(2), PIECES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_was_cut_goes_on_where_it_was_and_forgets_nobody() {
    let (mut bench, holders) = (bench(), Holders::large());
    holders.honest(1);
    *holders.until.lock() = 20;
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    let twenty =
        |bench: &Bench| bench.context.store.state(duty.replica) == Some(LocalState::Receiving { received: 20 });
    bench.rounds(&repairer, std::slice::from_ref(&duty), twenty).await;

    // The process ends and another begins, with another holder.
    repairer.stop();
    let dir = bench.dir.path().to_path_buf();
    let elsewhere = tempfile::tempdir().expect("a folder");
    bench.context.store = Arc::new(Store::open(elsewhere.path(), 1 << 30).expect("a store"));
    let reopened = loop {
        match Store::open(&dir, 1 << 30) {
            Ok(store) => break store,
            // The stopped repair still holds it.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    };
    bench.context.store = Arc::new(reopened);
    *holders.until.lock() = u32::MAX;
    holders.honest(2);
    holders.set(1, Manner::Away);
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(duty.replica);
    bench.complete(&repairer, &duty).await;
    assert_eq!(holders.served_by(2), PIECES - 16, "what was on the disk is not fetched again");
    let receipt = bench.receipt(&duty).await;
    assert_eq!((pieces_of(&receipt, 1), pieces_of(&receipt, 2)), (16, PIECES - 16));
    assert!(receipt.refused.is_empty(), "it served");
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_named_only_when_none_serves_and_the_time_is_nearly_over() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Away);
    holders.set(2, Manner::Away);
    let repairer = Repairer::new(holders.clone());
    let mut duty = holders.duty(id("7/0/1"));
    let named = |bench: &Bench| !bench.chain.handed_in.lock().is_empty();
    *bench.chain.best.lock() = at(5);
    for _ in 0..150 {
        bench.offer(&repairer, std::slice::from_ref(&duty));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!named(&bench), "there is time, and they may come back");
    duty.task = holders.task(12);
    bench.rounds(&repairer, std::slice::from_ref(&duty), named).await;
    {
        let handed_in = bench.chain.handed_in.lock();
        let Some(Replication::name_sources { replica, ticket, sources, signature, .. }) =
            handed_in[0].function.is_sub_type()
        else {
            panic!("names");
        };
        assert_eq!((*replica, *ticket), (duty.replica, TICKET));
        let mut names = sources.to_vec();
        names.sort();
        assert_eq!(names, vec![account(1), account(2)]);
        let statement = DutyStatement::NameSources { replica: *replica, ticket: *ticket, sources: sources.clone() };
        assert!(bench.signed_by_the_provider(&statement, signature));
    }
    // One comes back in the last moment: the replica is made all the same.
    holders.honest(2);
    bench.complete(&repairer, &duty).await;
    assert_eq!(bench.chain.handed_in.lock().len(), 1, "named once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_comes_too_late_names_the_slow_sources_and_not_the_others() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Serves(Duration::from_millis(300)));
    holders.set(2, Manner::Silent);
    let repairer = Repairer::new(holders.clone());
    let duty = Duty { task: holders.task(12), ..holders.duty(id("7/0/1")) };
    *bench.chain.best.lock() = at(5);
    let named = |bench: &Bench| !bench.chain.handed_in.lock().is_empty();
    let sealed_or_named =
        |bench: &Bench| named(bench) || bench.context.store.state(duty.replica) == Some(LocalState::Received);
    // The other one serves all there is before anybody counts as slow.
    bench.rounds(&repairer, std::slice::from_ref(&duty), sealed_or_named).await;
    assert!(!named(&bench));

    let (bench, holders) = (self::bench(), Holders::large());
    holders.set(1, Manner::Serves(Duration::from_millis(2_500)));
    holders.set(2, Manner::Away);
    let repairer = Repairer::new(holders.clone());
    let duty = Duty { task: holders.task(12), ..holders.duty(id("7/0/1")) };
    *bench.chain.best.lock() = at(5);
    bench.rounds(&repairer, std::slice::from_ref(&duty), named).await;
    let handed_in = bench.chain.handed_in.lock();
    let Some(Replication::name_sources { sources, .. }) = handed_in[0].function.is_sub_type() else {
        panic!("names");
    };
    assert_eq!(sources.to_vec(), vec![account(2)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_repairs_keep_to_their_bounds_and_are_all_done() {
    let (bench, holders) = (bench(), Holders::of(vec![7; 4 << 20]));
    for who in 1..=5 {
        holders.set(who, Manner::Serves(Duration::from_millis(20)));
    }
    let repairer = Repairer::new(holders.clone());
    let duties: Vec<_> = (0..10).map(|deal| holders.duty(id(&format!("{deal}/0/1")))).collect();
    let all = |bench: &Bench| {
        let is_there = |duty: &Duty| bench.context.store.state(duty.replica) == Some(LocalState::Received);
        duties.iter().all(is_there)
    };
    bench.rounds(&repairer, &duties, all).await;
    let (now, most) = *holders.at_once.lock();
    assert_eq!(now, 0);
    assert!(most > 1 && most <= 4 * 8, "{most} at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn repairs_that_nobody_serves_do_not_keep_others_from_theirs() {
    let (bench, gone, there) = (bench(), Holders::of(vec![1; 1 << 20]), Holders::of(vec![2; 1 << 20]));
    gone.set(1, Manner::Away);
    there.set(1, Manner::Away);
    // One set of holders serves both kinds: the first four shards are nowhere, by their other data.
    let repairer = Repairer::new(there.clone());
    let mut duties: Vec<_> = (0..4).map(|deal| gone.duty(id(&format!("{deal}/0/1")))).collect();
    duties.push(Duty {
        task: Task::Repair { deadline: 2_000, sources: vec![(account(2), vec![2])] },
        ..there.duty(id("9/0/1"))
    });
    there.honest(2);
    let last = |bench: &Bench| bench.context.store.state(id("9/0/1")) == Some(LocalState::Received);
    bench.rounds(&repairer, &duties, last).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_disk_does_not_keep_orders_waiting() {
    let (bench, holders) = (bench(), Holders::of(vec![2; 1 << 20]));
    holders.honest(1);
    let repairer = Repairer::new(holders.clone());
    // Nobody else has these.
    let own = |deal| Duty { task: Task::Keep { due: 9 }, ..holders.duty(id(&format!("{deal}/0/1"))) };
    let mut duties: Vec<_> = (0..20).map(own).collect();
    assert_eq!(bench.offer(&repairer, &duties), 20);
    duties.push(holders.duty(id("99/0/1")));
    let begun = Instant::now();
    bench.complete_of(&repairer, &duties, id("99/0/1")).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // Those that were begun before stay; once one has ended, an order never waits for more than half of the places.
    assert_eq!(holders.served_by(1), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_that_is_no_duty_any_more_stops() {
    let (bench, holders) = (bench(), Holders::large());
    holders.set(1, Manner::Serves(Duration::from_millis(100)));
    let repairer = Repairer::new(holders.clone());
    let duty = holders.duty(id("7/0/1"));
    let begun = |_: &Bench| holders.served_by(1) > 1;
    bench.rounds(&repairer, std::slice::from_ref(&duty), begun).await;
    while bench.offer(&repairer, &[]) > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(holders.served_by(1) < PIECES);
}
