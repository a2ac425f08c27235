//! What to do now, as a pure function of the duties that the chain names and of what the store has.
//!
//! No clock, no network, no memory of earlier calls: the same inputs give the same plan, so a worker that was killed plans
//! exactly what it would have planned. [`SentLog`] only keeps the same extrinsic from being handed in every block.

use station_porep::{ReplicaKey, SizeClass};
use station_primitives::{
    api::{Duty, Task},
    AccountId, BlockNumber, Commitment, Hash, ReplicaId, Seed, Tick, MAX_ANSWERS,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Shards that are sealed at once on one core: the lanes of blake2b in SIMD.
pub const LANES: usize = 4;
/// After so many blocks without effect an extrinsic is handed in again. Enough for inclusion on a chain with full blocks,
/// little against the shortest answer window (20 ticks).
pub const RESUBMIT_BLOCKS: BlockNumber = 4;

/// What is on this disk for a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// Pieces are missing.
    Receiving,
    /// All pieces are there, not sealed.
    Received,
    /// Being sealed for a key.
    Sealing(ReplicaKey),
    /// Sealed for a key.
    Sealed(ReplicaKey, Commitment),
    /// Was sealed; its file is missing or has rotted.
    Damaged,
}

/// A replica in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The root of its data.
    pub comm_d: Commitment,
    /// How far it is.
    pub local: Local,
}

/// A replica to be received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The replica.
    pub replica: ReplicaId,
    /// The root of its data.
    pub comm_d: Commitment,
    /// Its size.
    pub class: SizeClass,
    /// What is in the store under this id belongs to another deal, of a branch that the chain left.
    pub replaces: bool,
}

/// A replica to be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The replica.
    pub replica: ReplicaId,
    /// For this key.
    pub key: ReplicaKey,
    /// Its size.
    pub class: SizeClass,
    /// The block by which its root is to be on-chain; later ones can wait.
    pub deadline: BlockNumber,
}

/// A replica whose data is to be fetched from the shard's other holders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The replica.
    pub replica: ReplicaId,
    /// The ticket of its assignment.
    pub ticket: Seed,
    /// Its size.
    pub class: SizeClass,
    /// The block by which its root is to be on-chain; later ones can wait.
    pub deadline: BlockNumber,
    /// Who may have the data, with their addresses, where the chain opened an order. None for a replica of this provider's own
    /// that has to be made again: then the holders are looked up.
    pub sources: Option<Vec<(AccountId, Vec<u8>)>>,
}

/// A fault that the chain does not know of yet: the replica is not whole, and nothing is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The replica.
    pub replica: ReplicaId,
    /// The tick of its next audit.
    pub due: Tick,
}

/// A root to be committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The replica.
    pub replica: ReplicaId,
    /// The ticket it was sealed with.
    pub ticket: Seed,
    /// The root.
    pub comm_r: Commitment,
    /// Who may have served the data, if it was made for a repair order.
    pub sources: Option<Vec<AccountId>>,
}

/// What a proof is about. Every proof is checked against it before it is handed in: the chain holds a wrong one against its
/// provider, none at all only costs time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The key it is sealed with.
    pub key: ReplicaKey,
    /// Its size.
    pub class: SizeClass,
    /// The root of its data.
    pub comm_d: Commitment,
    /// The root that was committed.
    pub comm_r: Commitment,
}

/// A seal check to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProveSeal {
    /// The replica.
    pub replica: ReplicaId,
    /// What is proven.
    pub subject: Subject,
    /// Positions come from it.
    pub seed: Seed,
    /// The last tick for it.
    pub deadline: Tick,
}

/// An audit to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The replica.
    pub replica: ReplicaId,
    /// What is proven.
    pub subject: Subject,
    /// The audit's name.
    pub due: Tick,
    /// Positions come from it.
    pub seed: Seed,
    /// When harm comes next: the end of the window that pays or, past it, of the one that saves.
    pub harm: Tick,
    /// Whether it is past the window that pays.
    pub late: bool,
}

/// All that is to be done now, the most urgent of each kind first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// To be received.
    pub expect: Vec<Expect>,
    /// To be fetched from other holders.
    pub repair: Vec<Repair>,
    /// To be sealed.
    pub seal: Vec<Seal>,
    /// To be committed.
    pub commit: Vec<Commit>,
    /// Seal checks to be answered.
    pub prove_seal: Vec<ProveSeal>,
    /// Audits to be answered.
    pub audits: Vec<Audit>,
    /// Faults to be reported.
    pub faults: Vec<Fault>,
    /// Replicas that the chain counts on and that are not whole on this disk.
    pub lost: Vec<ReplicaId>,
}

/// Who plans: what goes into a replica's key beside the duty.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain.
    pub genesis: Hash,
    /// The provider.
    pub account: AccountId,
}

impl Identity {
    /// The key that a duty's replica is sealed with.
    pub fn key(&self, duty: &Duty) -> ReplicaKey {
        let account: &[u8; 32] = self.account.as_ref();
        ReplicaKey::derive(
            &self.genesis.0,
            account,
            (duty.replica.shard.deal.0, duty.replica.shard.index),
            u32::from(duty.replica.slot),
            &duty.comm_d,
            &duty.ticket,
        )
    }
}

/// Compare duties with what is held.
pub fn plan(identity: &Identity, duties: &[Duty], held: &HashMap<ReplicaId, Held>, now: Tick) -> Plan {
    let mut plan = Plan::default();
    for duty in duties {
        let Some(class) = SizeClass::from_bytes(duty.size) else {
            // The chain knows size classes only. A duty that is none cannot be done.
            plan.lost.push(duty.replica);
            continue;
        };
        let here = held.get(&duty.replica).filter(|held| held.comm_d == duty.comm_d);
        match here {
            None => absent(&mut plan, duty, class, held.contains_key(&duty.replica)),
            Some(here) => present(&mut plan, duty, class, identity.key(duty), here.local, now),
        }
    }
    plan.repair.sort_by_key(|repair| (repair.deadline, repair.replica));
    plan.seal.sort_by_key(|seal| (seal.deadline, seal.replica));
    plan.prove_seal.sort_by_key(|prove| (prove.deadline, prove.replica));
    plan.audits.sort_by_key(|audit| (audit.harm, audit.replica));
    plan
}

/// Nothing of the duty's data is here.
fn absent(plan: &mut Plan, duty: &Duty, class: SizeClass, replaces: bool) {
    plan.expect.push(Expect { replica: duty.replica, comm_d: duty.comm_d, class, replaces });
    incomplete(plan, duty, class);
}

/// Data is missing that does not come by itself.
fn incomplete(plan: &mut Plan, duty: &Duty, class: SizeClass) {
    let (deadline, sources) = match &duty.task {
        // A client brings it.
        Task::Commit { .. } => return,
        Task::Repair { deadline, sources } => (*deadline, Some(sources.clone())),
        Task::AwaitSealCheck | Task::ProveSeal { .. } | Task::Keep { .. } | Task::Audit { .. } => {
            plan.lost.push(duty.replica);
            if let Task::Keep { due } = duty.task {
                plan.faults.push(Fault { replica: duty.replica, due });
            }
            // It has to be there already: before everything else.
            (0, None)
        }
    };
    plan.repair.push(Repair { replica: duty.replica, ticket: duty.ticket, class, deadline, sources });
}

/// The duty's data is here.
fn present(plan: &mut Plan, duty: &Duty, class: SizeClass, key: ReplicaKey, local: Local, now: Tick) {
    let comm_r = match local {
        Local::Sealed(sealed_for, comm_r) if sealed_for == key => comm_r,
        // Received, or sealed for a ticket that a re-org took back. Sealing is deterministic: sealing again gives the
        // root that was committed, if one was.
        Local::Received | Local::Sealed(..) => {
            let deadline = match duty.task {
                Task::Commit { deadline } | Task::Repair { deadline, .. } => deadline,
                // It has to be there already: before everything else.
                _ => 0,
            };
            plan.seal.push(Seal { replica: duty.replica, key, class, deadline });
            return;
        }
        Local::Sealing(_) => return,
        Local::Receiving => return incomplete(plan, duty, class),
        Local::Damaged => {
            if let Task::Commit { deadline } = duty.task {
                // Rotted before it was committed: the client has gone, other holders may have come.
                let (replica, ticket) = (duty.replica, duty.ticket);
                plan.repair.push(Repair { replica, ticket, class, deadline, sources: None });
            }
            return incomplete(plan, duty, class);
        }
    };
    let sources = match &duty.task {
        Task::Commit { .. } => Some(None),
        Task::Repair { sources, .. } => Some(Some(sources.iter().map(|(account, _)| account.clone()).collect())),
        _ => None,
    };
    if let Some(sources) = sources {
        plan.commit.push(Commit { replica: duty.replica, ticket: duty.ticket, comm_r, sources });
        return;
    }
    if duty.comm_r != Some(comm_r) {
        // Sealing is deterministic, so what is here is not what was committed: no proof from it would hold.
        plan.lost.push(duty.replica);
        return;
    }
    let subject = Subject { key, class, comm_d: duty.comm_d, comm_r };
    match duty.task {
        Task::ProveSeal { seed, deadline } => {
            plan.prove_seal.push(ProveSeal { replica: duty.replica, subject, seed, deadline });
        }
        Task::Audit { due, seed, deadline, grace_ends } => {
            let late = now > deadline;
            let harm = if late { grace_ends } else { deadline };
            plan.audits.push(Audit { replica: duty.replica, subject, due, seed, harm, late });
        }
        Task::Commit { .. } | Task::Repair { .. } | Task::AwaitSealCheck | Task::Keep { .. } => {}
    }
}

/// The next shards to be sealed together: the most urgent one, and up to three of its size after it.
pub fn next_batch(waiting: &[Seal]) -> Vec<Seal> {
    let Some(first) = waiting.iter().min_by_key(|seal| (seal.deadline, seal.replica)) else { return Vec::new() };
    let mut same: Vec<Seal> = waiting.iter().filter(|seal| seal.class == first.class).copied().collect();
    same.sort_by_key(|seal| (seal.deadline, seal.replica));
    same.truncate(LANES);
    same
}

/// Cut what is due into extrinsics.
pub fn batches<T: Clone>(due: &[T]) -> Vec<Vec<T>> {
    let size = usize::try_from(MAX_ANSWERS).unwrap_or(1).max(1);
    due.chunks(size).map(<[T]>::to_vec).collect()
}

/// Something that was handed in and may be on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sent {
    /// A commitment under a ticket.
    Commit(ReplicaId, Seed),
    /// An answer to the seal check of a seed.
    ProveSeal(ReplicaId, Seed),
    /// An answer to an audit of a seed.
    Audit(ReplicaId, Seed),
    /// A report of a fault before the audit of a tick.
    Report(ReplicaId, Tick),
    /// A heartbeat.
    Heartbeat,
}

/// What was handed in, on which block, and under which name.
///
/// A node that gets an extrinsic before the block that makes it due refuses it for good, by its name, and pools keep one
/// extrinsic a duty: an answer that was too early for the block's author would stay in this node's pool and block
/// every other. So one without effect is taken out and made anew, with another signature and thus another name.
#[derive(Debug, Default)]
pub struct SentLog {
    at: BTreeMap<Sent, (BlockNumber, Option<Hash>)>,
}

impl SentLog {
    /// Whether to hand it in now: not yet, or so long ago that it was lost. A block lower than the noted one means that
    /// the chain went back.
    pub fn is_due(&self, sent: &Sent, now: BlockNumber) -> bool {
        self.at.get(sent).is_none_or(|(at, _)| now < *at || now.saturating_sub(*at) >= RESUBMIT_BLOCKS)
    }

    /// The names of earlier attempts at these, each once.
    pub fn earlier<'a>(&self, sent: impl IntoIterator<Item = &'a Sent>) -> Vec<Hash> {
        let names = sent.into_iter().filter_map(|sent| self.at.get(sent)?.1);
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Note that it was tried, and the name if the pool took it.
    pub fn note(&mut self, sent: Sent, now: BlockNumber, name: Option<Hash>) {
        self.at.insert(sent, (now, name));
    }

    /// Forget it, so that it is handed in at once when it is due still.
    pub fn forget(&mut self, sent: &Sent) {
        self.at.remove(sent);
    }

    /// Forget what nobody waits for any more: the log is no longer than the list of duties.
    pub fn retain(&mut self, due: &HashSet<Sent>) {
        self.at.retain(|sent, _| due.contains(sent));
    }
}

/// Replicas in the store that are no duty at the best block: candidates for retirement.
pub fn orphans(duties: &[Duty], held: &HashMap<ReplicaId, Held>) -> Vec<ReplicaId> {
    let wanted: HashSet<ReplicaId> = duties.iter().map(|duty| duty.replica).collect();
    let mut orphans: Vec<ReplicaId> = held.keys().filter(|id| !wanted.contains(id)).copied().collect();
    orphans.sort();
    orphans
}

#[cfg(test)]
mod tests;
