//! What a put offers, and whether enough providers would take it.

use crate::{error::FilesError, journal::Terms};
use station_client_rpc::client::Client;
use station_porep::SizeClass;
use station_primitives::{api::ProviderInfo, AccountId, Balance, Price, MAX_REPLICAS};
use std::collections::HashSet;

/// The fewest replicas on providers that are drawn. Two are for a client's own choice of friends.
pub const MIN_REPLICAS_DRAWN: u8 = 3;
/// Providers looked at for a price. A network with more has a market whose beginning is telling enough.
const MAX_LOOKED_AT: usize = 2_000;
/// So many times the replicas' number of providers is to choose from, so that a draw has a choice.
const CHOICE: usize = 2;

/// Check the number of replicas: 3 to 16, 2 with providers of the client's own choice.
///
/// # Errors
/// [`FilesError::Usage`].
pub fn check_replicas(replicas: u8, chosen: &[AccountId]) -> Result<(), FilesError> {
    let usage = |text: String| Err(FilesError::Usage(text));
    let least = if chosen.is_empty() { MIN_REPLICAS_DRAWN } else { station_primitives::MIN_REPLICAS };
    if replicas == 2 && chosen.is_empty() {
        return usage(
            "2 replicas are for your own choice of providers: name them with --placement, or ask for 3".into(),
        );
    }
    if replicas < least || replicas > MAX_REPLICAS {
        return usage(format!("--replicas {replicas} is out of range: {least} to {MAX_REPLICAS} are possible"));
    }
    if !chosen.is_empty() && chosen.len() < usize::from(replicas) {
        return usage(format!(
            "{replicas} replicas need {replicas} providers in --placement, there are {}",
            chosen.len()
        ));
    }
    Ok(())
}

/// The price at which `count` providers of different operators would take a replica now, the cheapest of them.
/// None if there are not so many.
pub fn cheapest_price(providers: &[ProviderInfo], count: usize) -> Option<Price> {
    let mut open: Vec<_> = providers.iter().filter(|p| p.accepting && !p.friends_only && p.used < p.capacity).collect();
    open.sort_by_key(|provider| provider.price);
    let mut operators = HashSet::new();
    open.retain(|provider| operators.insert(provider.operator));
    count.checked_sub(1).and_then(|last| open.get(last)).map(|provider| provider.price)
}

/// The highest price to offer when the user names none: what twice as many providers as needed ask for.
pub(crate) async fn market_price(client: &Client, replicas: u8, chosen: &[AccountId]) -> Result<Price, FilesError> {
    let wanted = usize::from(replicas);
    if !chosen.is_empty() {
        let mut price = 0;
        for account in chosen {
            let provider = client.provider(account).await?.ok_or_else(|| not_registered(account))?;
            price = price.max(provider.price);
        }
        return Ok(price);
    }
    let providers = client.all_providers(MAX_LOOKED_AT).await?;
    let choice = (wanted..=wanted.saturating_mul(CHOICE)).rev();
    let price = choice.into_iter().find_map(|count| cheapest_price(&providers, count));
    price.ok_or_else(|| too_few(&providers, replicas))
}

fn not_registered(account: &AccountId) -> FilesError {
    let account = station_client_rpc::types::Account(account.clone());
    FilesError::Usage(format!("{account} in --placement is no registered provider: `station provider list` names them"))
}

fn too_few(providers: &[ProviderInfo], wanted: u8) -> FilesError {
    let found = (1..=usize::from(wanted)).take_while(|count| cheapest_price(providers, *count).is_some()).count();
    FilesError::TooFewProviders { wanted, found: u32::try_from(found).unwrap_or(u32::MAX) }
}

/// Make sure, before anything is submitted, that the deals can be paid and placed. Returns what they will hold.
pub(crate) async fn check(
    client: &Client,
    account: &AccountId,
    deals: impl Iterator<Item = Vec<SizeClass>>,
    terms: &Terms,
) -> Result<Balance, FilesError> {
    let mut needed: Balance = 0;
    for shards in deals {
        let sizes: Vec<u64> = shards.iter().map(|class| class.bytes()).collect();
        let quote = client.quote(&sizes, terms.replicas, terms.periods, terms.max_price).await?;
        needed = needed.saturating_add(quote.escrow);
        if terms.chosen.is_empty() && quote.providers < u32::from(terms.replicas) {
            let providers = client.all_providers(MAX_LOOKED_AT).await?;
            return Err(match cheapest_price(&providers, usize::from(terms.replicas)) {
                Some(asked) if asked > terms.max_price => FilesError::PriceTooLow {
                    offered: terms.max_price,
                    asked,
                    wanted: terms.replicas,
                    found: quote.providers,
                },
                _ => FilesError::TooFewProviders { wanted: terms.replicas, found: quote.providers },
            });
        }
    }
    let free = client.money(account).await?.free;
    // Fees come on top; the chain has the last word on them.
    if free <= needed {
        return Err(FilesError::Funds { needed, free });
    }
    Ok(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(price: Price, operator: u8) -> ProviderInfo {
        ProviderInfo {
            account: AccountId::new([operator; 32]),
            capacity: 10,
            used: 0,
            proven: 0,
            price,
            retrieval_price: 0,
            multiaddr: Vec::new(),
            operator: [operator; 32],
            friends_only: false,
            accepting: true,
            collateral: 0,
            collateral_used: 0,
            earned: 0,
            replicas: 0,
            last_seen: 0,
            since: 0,
            leaving: false,
            short_since: None,
        }
    }

    #[test]
    fn the_price_counts_operators_once_and_the_unwilling_not_at_all() {
        let mut providers = vec![provider(9, 1), provider(5, 2), provider(1, 3), provider(2, 3), provider(7, 4)];
        providers[4].accepting = false;
        assert_eq!(cheapest_price(&providers, 1), Some(1));
        assert_eq!(cheapest_price(&providers, 2), Some(5));
        assert_eq!(cheapest_price(&providers, 3), Some(9));
        assert_eq!(cheapest_price(&providers, 4), None);
        assert_eq!(cheapest_price(&providers, 0), None);
        assert!(matches!(too_few(&providers, 4), FilesError::TooFewProviders { wanted: 4, found: 3 }));
    }

    #[test]
    fn replicas_of_0_1_2_and_99_are_usage_errors() {
        let friends = [AccountId::new([1; 32]), AccountId::new([2; 32])];
        for replicas in [0, 1, 2, 17, 99] {
            assert!(matches!(check_replicas(replicas, &[]), Err(FilesError::Usage(_))), "{replicas}");
        }
        for replicas in [0, 1, 3, 99] {
            assert!(matches!(check_replicas(replicas, &friends), Err(FilesError::Usage(_))), "{replicas}");
        }
        assert!(check_replicas(2, &friends).is_ok());
        assert!(check_replicas(3, &[]).is_ok());
        assert!(check_replicas(16, &[]).is_ok());
    }
}
