//! Naming the sources that an ordered repair fails for, in time before its deadline.

use super::{Run, Source, QUIET};
use crate::flows::{on_its_way, Context, FlowError};
use station_primitives::{AccountId, Accounts, BlockNumber, DutyStatement, Hash, ReplicaId, Seed};
use station_runtime::Runtime;
use std::time::{Duration, Instant};

/// Sources are named when none has served anything for a while and this share of the time for a first upload, or
/// [`NAME_BLOCKS`], is all that is left: one that was only away comes back. Slow ones when no more than the latter is left.
const NAME_SHARE: BlockNumber = 4;
/// The fewest blocks before the deadline at which sources are named.
const NAME_BLOCKS: BlockNumber = 10;
/// Blocks after which a naming without effect is handed in again.
const NAME_AGAIN: BlockNumber = 8;
/// How often it is looked whether sources are to be named.
const LOOK_AT: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// Tell the chain that the order cannot go on, or will come too late, because of its sources: a candidate that says
    /// nothing loses its deposit with the deadline.
    pub(super) async fn name(&mut self) {
        if self.looked_at.elapsed() < LOOK_AT {
            return;
        }
        self.looked_at = Instant::now();
        let order = self.job.order.lock().clone();
        let best = self.context.chain.best();
        let left = order.deadline.saturating_sub(best.number);
        let again = self.named.is_none_or(|(ticket, at)| ticket != order.ticket || best.number >= at + NAME_AGAIN);
        if order.sources.is_none() || !again {
            return;
        }
        let Ok(timing) = self.context.chain.timing(best.hash) else { return };
        let named = self.to_be_named(left, timing.commit_window(order.class.bytes()));
        if named.is_empty() {
            return;
        }
        self.named = Some((order.ticket, best.number));
        match name_sources(self.context, self.replica, order.ticket, named).await {
            Ok(_) => {}
            Err(error) => tracing::debug!(target: crate::LOG, replica = %self.replica, %error, "sources not named"),
        }
    }

    /// Who is to be named, so many blocks before the deadline.
    fn to_be_named(&self, left: BlockNumber, window: BlockNumber) -> Vec<AccountId> {
        let now = Instant::now();
        let all = |is: fn(&Source, Instant) -> bool| -> Vec<AccountId> {
            self.sources.iter().filter(|source| is(source, now)).map(|source| source.account.clone()).collect()
        };
        let silent = all(Source::is_silent);
        let nobody_serves = silent.len() == self.sources.len() && self.last_piece.elapsed() >= QUIET;
        if nobody_serves && left <= (window / NAME_SHARE).max(NAME_BLOCKS) {
            return silent;
        }
        // Something comes still, and too late.
        if left <= NAME_BLOCKS {
            return all(Source::is_slow);
        }
        Vec::new()
    }
}

/// Say that these do not serve, or not in time.
async fn name_sources(
    context: &Context,
    replica: ReplicaId,
    ticket: Seed,
    silent: Vec<AccountId>,
) -> Result<Option<Hash>, FlowError> {
    let sources = Accounts::try_from(silent).map_err(|_| FlowError::TooLong("a list of sources"))?;
    tracing::warn!(target: crate::LOG, %replica, sources = sources.len(), "no source serves: named on the chain");
    let statement = DutyStatement::NameSources { replica, ticket, sources: sources.clone() };
    let signature = context.signer.duty(&statement)?;
    fail::fail_point!("repair:name-signed");
    let provider = context.account().clone();
    let call =
        pallet_station_replication::Call::<Runtime>::name_sources { provider, replica, ticket, sources, signature };
    let name = on_its_way(context.submit_duty(call.into()).await)?;
    fail::fail_point!("repair:named");
    Ok(name)
}
