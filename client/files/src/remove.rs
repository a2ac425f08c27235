//! End deals, or pay for more of them.

use crate::{error::FilesError, home::Lock, index::Index, journal::Journal, put, stage::Stage, Context};
use station_client_crypto::Link;
use station_client_rpc::client::ClientError;
use station_primitives::{AccountId, BlockNumber, DealId, Tick};
use station_runtime::{Runtime, RuntimeCall};

fn call(call: pallet_station_deals::Call<Runtime>) -> RuntimeCall {
    call.into()
}

/// Cancel one deal of the account. One that is ending already is left to end: an interrupted command may have got so far.
pub(crate) async fn cancel(context: &Context, deal: DealId) -> Result<(), FilesError> {
    let cancel = call(pallet_station_deals::Call::cancel { deal });
    match context.client.submit(cancel, context.account.pair()).await {
        Err(ClientError::Dispatch(failure)) if failure.error == "DealIsEnding" => Ok(()),
        submitted => Ok(submitted.map(|_| ())?),
    }
}

/// Make sure that the deal exists and belongs to the account.
async fn owned(context: &Context, deal: DealId) -> Result<bool, FilesError> {
    match context.client.deal(deal).await? {
        None => Ok(false),
        Some(info) if info.client == AccountId::new(context.account.id()) => Ok(true),
        Some(info) => {
            Err(FilesError::NotOwner { deal, owner: station_client_rpc::types::Account(info.client).to_string() })
        }
    }
}

/// Remove what a link leads to: its deals are cancelled, its providers delete their replicas, the index forgets it.
///
/// # Errors
/// [`FilesError::DealGone`] if there is nothing left to remove.
pub async fn remove(context: &Context, link: &Link) -> Result<Vec<DealId>, FilesError> {
    link.check_network(&context.client.genesis().0)?;
    let mut ended = Vec::new();
    for deal in link.deals.iter().copied().map(DealId) {
        if owned(context, deal).await? {
            cancel(context, deal).await?;
            ended.push(deal);
        }
    }
    forget_interrupted(context, link)?;
    let known = Index::new(&context.home, &context.account).remove(&link.to_string())?;
    match link.deals.first() {
        Some(first) if ended.is_empty() && !known => Err(FilesError::DealGone(DealId(*first))),
        _ => Ok(ended),
    }
}

/// Pay for more periods of all deals of a link. Returns the earliest tick at which one of them ends now.
///
/// # Errors
/// [`FilesError`]; with several deals, those before the failing one are extended already.
pub async fn extend(context: &Context, link: &Link, blocks: BlockNumber) -> Result<Tick, FilesError> {
    link.check_network(&context.client.genesis().0)?;
    let periods = context.client.timing().periods(blocks).max(1);
    let mut expires = Tick::MAX;
    for deal in link.deals.iter().copied().map(DealId) {
        if !owned(context, deal).await? {
            return Err(FilesError::DealGone(deal));
        }
        let extend = call(pallet_station_deals::Call::extend { deal, periods });
        context.client.submit(extend, context.account.pair()).await?;
        if let Some(info) = context.client.deal(deal).await? {
            expires = expires.min(info.expires);
        }
    }
    Ok(expires)
}

/// An interrupted put of what was removed must not go on: it would wait for deals that are ending.
fn forget_interrupted(context: &Context, link: &Link) -> Result<(), FilesError> {
    for dir in context.home.puts() {
        // One that runs at the moment finds out by itself.
        let Ok(_lock) = Lock::take(&dir.join("lock"), "an interrupted put") else { continue };
        if let Ok(Some(journal)) = Journal::load(&dir, context.account.local_key()) {
            if journal.key == link.key {
                put::forget(&Stage::new(dir.clone()))?;
            }
        }
    }
    Ok(())
}
