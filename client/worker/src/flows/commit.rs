//! Commit: put the root of a sealed replica on-chain.

use super::{on_its_way, Context, FlowError};
use crate::plan::Commit;
use station_primitives::{DutyStatement, Hash};
use station_runtime::Runtime;

/// Sign the root under its ticket and hand it in.
///
/// The ticket is part of what is signed: on a branch where the draw was another, the chain refuses the commitment instead of
/// holding a wrong one against its provider.
pub async fn commit(context: &Context, job: &Commit) -> Result<Option<Hash>, FlowError> {
    let statement = DutyStatement::Commit { replica: job.replica, ticket: job.ticket, comm_r: job.comm_r };
    let signature = context.signer.duty(&statement)?;
    fail::fail_point!("commit:signed");
    let call = pallet_station_replication::Call::<Runtime>::commit {
        provider: context.account().clone(),
        replica: job.replica,
        ticket: job.ticket,
        comm_r: job.comm_r,
        signature,
    };
    let name = on_its_way(context.submit_duty(call.into()).await)?;
    fail::fail_point!("commit:submitted");
    tracing::info!(target: crate::LOG, replica = %job.replica, "commitment handed in");
    Ok(name)
}
