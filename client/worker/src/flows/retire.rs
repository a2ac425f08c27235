//! Retire: remove replicas that are no duty any more.
//!
//! Only when a final block says so and the best block does not object: a re-org never costs a replica. And only above the
//! store's [`crate::mark::Mark`]: a node that still catches up never does.

use super::{accept_upload::is_candidate, Context, FlowError};
use crate::mark::Mark;
use station_primitives::{api::ReplicaInfo, AccountId, Hash, ReplicaId};

/// Replicas looked at in one pass; the next pass takes the rest.
pub const MAX_PASS: usize = 64;

/// Whether a block's record of a replica leaves it with the provider.
fn kept(info: Option<&ReplicaInfo>, account: &AccountId) -> bool {
    info.is_some_and(|info| info.provider.as_ref() == Some(account))
}

/// Whether a block leaves the replica with this provider, as its holder or as the one that is to make it.
fn kept_at(context: &Context, at: Hash, replica: ReplicaId) -> Result<bool, FlowError> {
    if kept(context.chain.replica(at, replica)?.as_ref(), context.account()) {
        return Ok(true);
    }
    let shard = context.chain.shard(at, replica.shard)?;
    Ok(shard.is_some_and(|shard| is_candidate(&shard, replica, context.account())))
}

/// Remove those of `orphans` that neither the final nor the best block leaves with this provider. Blocks.
pub fn retire(context: &Context, mark: &Mark, orphans: &[ReplicaId]) -> Result<usize, FlowError> {
    let (finalized, best) = (context.chain.finalized(), context.chain.best());
    if !mark.allows(finalized.number) {
        return Ok(0);
    }
    let mut retired = 0;
    for replica in orphans.iter().take(MAX_PASS) {
        if kept_at(context, finalized.hash, *replica)? || kept_at(context, best.hash, *replica)? {
            continue;
        }
        fail::fail_point!("retire:decided", |_| Ok(retired));
        if context.store.retire(*replica)? {
            retired += 1;
            tracing::info!(target: crate::LOG, %replica, "retired: no duty any more");
        }
        fail::fail_point!("retire:done", |_| Ok(retired));
    }
    Ok(retired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use station_primitives::ReplicaState;

    #[test]
    fn a_replica_is_kept_as_long_as_it_is_this_provider_s() {
        let us = AccountId::new([1; 32]);
        let info = |provider: Option<AccountId>| ReplicaInfo {
            id: ReplicaId::default(),
            provider,
            state: ReplicaState::Active,
            last_proof: None,
            comm_r: None,
            ticket: None,
            earned: 0,
            price: 0,
            collateral: 0,
            due: None,
        };
        assert!(kept(Some(&info(Some(us.clone()))), &us));
        assert!(!kept(Some(&info(Some(AccountId::new([2; 32])))), &us));
        assert!(!kept(Some(&info(None)), &us));
        assert!(!kept(None, &us));
    }
}
