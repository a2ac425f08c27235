//! Commit: put the root of a sealed replica on-chain.

use super::{on_its_way, Context, FlowError};
use crate::{chain::SubmitError, plan::Commit};
use station_client_shard_store::Source;
use station_porep::SizeClass;
use station_primitives::{AccountId, DutyStatement, Hash, Receipt, ReplicaId};
use station_runtime::Runtime;

/// Sign the root under its ticket and hand it in, for a repair with the receipt of who served the data.
///
/// The ticket is part of what is signed: on a branch where the draw was another, the chain refuses the commitment instead of
/// holding a wrong one against its provider.
pub async fn commit(context: &Context, job: &Commit) -> Result<Option<Hash>, FlowError> {
    let receipt = match job.sources.clone() {
        None => Receipt::default(),
        Some(sources) => {
            let replica = job.replica;
            context.blocking(move |context| receipt_of(context, replica, &sources)).await??
        }
    };
    let is_empty = receipt == Receipt::default();
    let name = match submit(context, job, receipt).await {
        Err(FlowError::Submit(SubmitError::Refused(reason))) if !is_empty => {
            // A holder may have left the shard meanwhile. The replica is worth more than its sources' fee.
            tracing::debug!(target: crate::LOG, replica = %job.replica, reason, "committed without a receipt");
            submit(context, job, Receipt::default()).await?
        }
        other => other?,
    };
    fail::fail_point!("commit:submitted");
    if job.sources.is_some() {
        fail::fail_point!("repair:committed");
        if name.is_some() {
            context.metrics.repairs_made.inc();
        }
    }
    tracing::info!(target: crate::LOG, replica = %job.replica, repair = job.sources.is_some(), "commitment handed in");
    Ok(name)
}

async fn submit(context: &Context, job: &Commit, receipt: Receipt) -> Result<Option<Hash>, FlowError> {
    let Commit { replica, ticket, comm_r, .. } = *job;
    let statement = DutyStatement::Commit { replica, ticket, comm_r, receipt: receipt.clone() };
    let signature = context.signer.duty(&statement)?;
    fail::fail_point!("commit:signed");
    let provider = context.account().clone();
    let call =
        pallet_station_replication::Call::<Runtime>::commit { provider, replica, ticket, comm_r, receipt, signature };
    Ok(on_its_way(context.submit_duty(call.into()).await)?)
}

fn receipt_of(context: &Context, replica: ReplicaId, holders: &[AccountId]) -> Result<Receipt, FlowError> {
    let entry = context.store.of_shard(replica.shard).into_iter().find(|entry| entry.replica == replica);
    let pieces = entry.map_or(0, |entry| SizeClass::pieces(entry.class));
    Ok(receipt(&context.store.sources(replica)?, holders, pieces))
}

/// What goes on-chain of what the store has noted: of holders only, each in one list, and never more than there is.
fn receipt(sources: &[Source], holders: &[AccountId], pieces: u32) -> Receipt {
    let mut receipt = Receipt::default();
    let mut left = pieces;
    for source in sources.iter().filter(|source| holders.contains(&source.account)) {
        // Lists as long as a shard has holders: what does not fit is no holder's.
        if source.refused {
            let _ = receipt.refused.try_push(source.account.clone());
        } else if source.pieces.min(left) > 0 {
            let served = source.pieces.min(left);
            left -= served;
            let _ = receipt.served.try_push((source.account.clone(), served));
        }
    }
    receipt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_names_holders_once_and_never_more_than_there_is() {
        let account = |byte: u8| AccountId::new([byte; 32]);
        let source = |byte, pieces, refused| Source { account: account(byte), pieces, refused };
        let sources = [source(1, 3, false), source(2, 2, true), source(3, 9, false), source(4, 1, false)];
        let made = receipt(&sources, &[account(1), account(2), account(3)], 8);
        assert_eq!(made.served.into_inner(), vec![(account(1), 3), (account(3), 5)]);
        assert_eq!(made.refused.into_inner(), vec![account(2)]);
        assert_eq!(receipt(&sources, &[], 8), Receipt::default());
    }
}
