//! Heartbeat: show the chain that the node is there, so that draws do not pass it over.

use super::{on_its_way, Context, FlowError};
use crate::chain::At;
use station_primitives::{api::ProviderInfo, BlockNumber, DutyStatement, Hash, Timing};
use station_runtime::Runtime;

/// Whether one is due: a period after the last sign of life. Proofs are signs of life too.
pub fn is_due(provider: &ProviderInfo, timing: &Timing, now: BlockNumber) -> bool {
    now >= provider.last_seen.saturating_add(timing.heartbeat)
}

/// Sign a recent block's height and hand it in. The best block's parent: a node that gets this before the best block itself
/// would take it for one from the future.
pub async fn heartbeat(context: &Context, best: At) -> Result<Option<Hash>, FlowError> {
    let block = best.number.saturating_sub(1);
    let signature = context.signer.duty(&DutyStatement::Heartbeat { block })?;
    fail::fail_point!("heartbeat:signed");
    let provider = context.account().clone();
    let call = pallet_station_providers::Call::<Runtime>::heartbeat { provider, block, signature };
    let name = on_its_way(context.submit_duty(call.into()).await)?;
    fail::fail_point!("heartbeat:submitted");
    tracing::trace!(target: crate::LOG, block, "heartbeat handed in");
    Ok(name)
}
