//! Submit the deals of a put, each once, whatever happens in between.
//!
//! Before a deal is submitted the journal says that it may exist from now on; after a kill at the wrong moment it is looked
//! for among the account's deals by its roots, which are those of fresh ciphertext and so unique.
//!
//! Each deal carries a memo, by which the account finds the content again with nothing but its words.

use crate::{
    error::FilesError,
    journal::{Journal, Terms},
    stage::Stage,
    Context,
};
use station_client_crypto::{Link, Memo};
use station_client_rpc::client::{Deal, Placement};
use station_porep::SizeClass;
use station_primitives::{api::DealInfo, AccountId, Commitment, DealId, Nonce, ShardId, MAX_PAGE};
use std::time::Duration;

/// How long a submission whose outcome was lost is waited for, in blocks. The pool keeps nothing longer that a block
/// would take.
const LOST_SUBMISSION_BLOCKS: u32 = 20;

/// Submit the deals that are not submitted yet. Returns the link and the first deal.
pub(crate) async fn submit(
    context: &Context,
    stage: &Stage,
    mut journal: Journal,
) -> Result<(Journal, Link, DealInfo), FilesError> {
    let (client, local) = (&context.client, context.account.local_key());
    let account = AccountId::new(context.account.id());
    let per_deal: Vec<Vec<_>> = journal.deal_shards().map(<[_]>::to_vec).collect();
    for (index, shards) in per_deal.iter().enumerate() {
        let step = journal.deals[index].clone();
        if step.deal.is_some() {
            continue;
        }
        let lost = match step.nonce {
            Some(nonce) => find_lost(context, shards, nonce).await?,
            None => None,
        };
        let id = match lost {
            Some(id) => id,
            None => {
                journal.deals[index].nonce = Some(client.nonce(&account).await?);
                journal.save(stage.dir(), local)?;
                fail::fail_point!("put:submitting");
                let memo = memo(&journal, index)?.seal(&context.account, &journal.genesis);
                let (id, _) = client.submit_deal(&deal(&journal.terms, shards, memo), context.account.pair()).await?;
                fail::fail_point!("put:submitted");
                id
            }
        };
        if let Some(info) = client.deal(id).await? {
            journal.deals[index].deal = Some(id.0);
            journal.cost = journal.cost.saturating_add(info.escrow).saturating_add(info.spent);
        }
        journal.save(stage.dir(), local)?;
    }
    let deals: Vec<u64> = journal.deals.iter().filter_map(|step| step.deal).collect();
    if deals.len() != journal.deals.len() {
        return Err(FilesError::Stalled("a deal was submitted, and the block that held it is gone again".into()));
    }
    let first = DealId(deals.first().copied().unwrap_or_default());
    let info = client.deal(first).await?.ok_or(FilesError::DealGone(first))?;
    let link = Link::new(&journal.genesis, deals, journal.key.clone()).with_parity(journal.parity);
    Ok((journal, link, info))
}

/// What the deal number `index` of a put says about its content.
fn memo(journal: &Journal, index: usize) -> Result<Memo, FilesError> {
    let number = |count: usize| {
        u8::try_from(count).map_err(|_| FilesError::TooLarge("the content has more deals than a link names".into()))
    };
    Ok(Memo {
        key: journal.key.clone(),
        part: number(index)?,
        parts: number(journal.deals.len())?,
        folder: journal.folder,
        bytes: journal.bytes,
        added: journal.added,
        name: journal.name.clone(),
        cut: false,
        parity: journal.parity,
    })
}

fn deal(terms: &Terms, shards: &[(Commitment, SizeClass)], memo: Vec<u8>) -> Deal {
    let placement = if terms.chosen.is_empty() {
        Placement::Any
    } else {
        Placement::Chosen { providers: terms.chosen.clone(), fallback: terms.fallback }
    };
    Deal {
        shards: shards.iter().map(|(comm_d, class)| (*comm_d, class.bytes())).collect(),
        replicas: terms.replicas,
        periods: terms.periods,
        max_price: terms.max_price,
        placement,
        memo,
    }
}

/// The deal whose submission was begun and whose outcome is not known. None if it never reached a block.
async fn find_lost(
    context: &Context,
    shards: &[(Commitment, SizeClass)],
    nonce: Nonce,
) -> Result<Option<DealId>, FilesError> {
    let client = &context.client;
    let account = AccountId::new(context.account.id());
    for _ in 0..LOST_SUBMISSION_BLOCKS {
        if let Some(deal) = find(context, shards).await? {
            return Ok(Some(deal));
        }
        // Neither in a block nor in the pool: it never arrived.
        if client.nonce(&account).await? <= nonce {
            return Ok(None);
        }
        tokio::time::sleep(Duration::from_millis(client.timing().slot_ms)).await;
    }
    Ok(None)
}

/// Look through the account's deals for these shards.
pub(crate) async fn find(context: &Context, shards: &[(Commitment, SizeClass)]) -> Result<Option<DealId>, FilesError> {
    let client = &context.client;
    let account = AccountId::new(context.account.id());
    let mut cursor = None;
    loop {
        let page = client.deals(&account, cursor, MAX_PAGE).await?;
        let Some(last) = page.last() else { return Ok(None) };
        cursor = Some(last.id);
        for deal in page.iter().filter(|deal| usize::try_from(deal.shards) == Ok(shards.len())) {
            let first = client.shard(ShardId { deal: deal.id, index: 0 }).await?;
            if first.map(|shard| shard.comm_d) == shards.first().map(|(comm_d, _)| *comm_d) {
                return Ok(Some(deal.id));
            }
        }
    }
}
