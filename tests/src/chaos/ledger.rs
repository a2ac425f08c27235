//! Every planck: what there was at genesis is there still, or was burnt, or went into fees. Counted from outside the runtime, from
//! raw storage and events, so that it is no second reading of the runtime's own sums.

use super::Arena;
use crate::rpc;
use serde_json::{json, Value};
use std::{collections::BTreeSet, thread, time::Duration};

/// Between two looks at new final blocks. States are kept for 256 blocks: there is time.
const LOOK: Duration = Duration::from_secs(4);
/// `twox128("Balances") ‖ twox128("TotalIssuance")`.
const ISSUANCE: &str = "0xc2261276cc9d1f8598ea4b6a74b15c2f57c875e4cff74148e4628f264b974c80";
/// `twox128("System") ‖ twox128("Account")`, and what follows it in a key: a hash of 16 bytes and the account.
const ACCOUNTS: &str = "0x26aa394eea5630e07c48ae0c9558cef7b99d880ec681799c0cf30e8886371da9";
/// `twox128("System") ‖ twox128("Events")`.
const EVENTS: &str = "0x26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7";
/// The event `TransactionPayment::TransactionFeePaid`: pallet 5, variant 0, then who, fee, tip, and no topics.
const FEE_PAID: [u8; 2] = [5, 0];

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Money {
    /// Plancks at genesis.
    pub genesis: u128,
    /// Plancks at the end.
    pub issuance: u128,
    /// Sum of all accounts' free and held plancks at the end.
    pub accounts: u128,
    /// What the pallets say they burnt.
    pub burnt: u128,
    /// Fees of all transactions, by their events: burnt, too.
    pub fees: u128,
    /// The final block that is the end.
    pub block: u64,
}

/// Follows the final blocks until the run is over; then balances the books.
pub fn run(arena: &Arena) -> Money {
    let mut money = Money { genesis: issuance(arena, &block_hash(arena, 0)).unwrap_or(0), ..Money::default() };
    let accounts = known_accounts(arena);
    loop {
        let over = arena.over();
        let until = finalized(arena).unwrap_or(money.block);
        while money.block < until {
            let next = money.block + 1;
            let hash = block_hash(arena, next);
            // A node that ended meanwhile: asked again at the next look, of another.
            let Some(events) = storage(arena, EVENTS, &hash) else { break };
            money.fees += fees(&events, &accounts);
            money.block = next;
        }
        if over {
            break;
        }
        thread::sleep(LOOK);
    }
    balance(arena, &mut money);
    money
}

fn balance(arena: &Arena, money: &mut Money) {
    let hash = block_hash(arena, money.block);
    let read = (|| Some((issuance(arena, &hash)?, accounts_sum(arena, &hash)?, burnt(arena, &hash)?)))();
    let Some((issuance, accounts, burnt)) = read else {
        arena.violation("the books could not be read at the end".into());
        return;
    };
    (money.issuance, money.accounts, money.burnt) = (issuance, accounts, burnt);
    if accounts != issuance {
        arena.violation(format!("all accounts hold {accounts} plancks, {issuance} are issued"));
    }
    let accounted = issuance + burnt + money.fees;
    if accounted != money.genesis {
        arena.violation(format!("{} plancks at genesis, {accounted} accounted for: {money:?}", money.genesis));
    }
}

fn block_hash(arena: &Arena, number: u64) -> Value {
    rpc::ask(arena.rpc(), "chain_getBlockHash", json!([number])).unwrap_or(Value::Null)
}

fn finalized(arena: &Arena) -> Option<u64> {
    let hash = rpc::ask(arena.rpc(), "chain_getFinalizedHead", json!([]))?;
    let header = rpc::ask(arena.rpc(), "chain_getHeader", json!([hash]))?;
    u64::from_str_radix(header["number"].as_str()?.trim_start_matches("0x"), 16).ok()
}

fn storage(arena: &Arena, key: &str, hash: &Value) -> Option<Vec<u8>> {
    if hash.is_null() {
        return None;
    }
    bytes(&rpc::ask(arena.rpc(), "state_getStorage", json!([key, hash]))?)
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

fn u128_at(bytes: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(bytes.get(at..at + 16)?.try_into().ok()?))
}

fn issuance(arena: &Arena, hash: &Value) -> Option<u128> {
    u128_at(&storage(arena, ISSUANCE, hash)?, 0)
}

fn account_keys(arena: &Arena, hash: &Value) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let from = keys.last().cloned();
        let page = rpc::ask(arena.rpc(), "state_getKeysPaged", json!([ACCOUNTS, 500, from, hash]));
        let page = page.and_then(|page| page.as_array().cloned()).unwrap_or_default();
        if page.is_empty() {
            return keys;
        }
        keys.extend(page.iter().filter_map(Value::as_str).map(str::to_owned));
    }
}

/// The accounts that can pay fees: those there are at the start.
fn known_accounts(arena: &Arena) -> BTreeSet<[u8; 32]> {
    let keys = account_keys(arena, &block_hash(arena, 0));
    let account = |key: &String| bytes(&json!(key))?.get(48..)?.try_into().ok();
    keys.iter().filter_map(account).collect()
}

/// `AccountInfo`: four counters of 4 bytes, then free, held, frozen, flags, 16 bytes each.
fn accounts_sum(arena: &Arena, hash: &Value) -> Option<u128> {
    let mut sum = 0;
    for key in account_keys(arena, hash) {
        let info = storage(arena, &key, hash)?;
        sum += u128_at(&info, 16)? + u128_at(&info, 32)?;
    }
    Some(sum)
}

/// `Summary.burnt`, after providers (4 bytes), six counters of 8, escrow and collateral.
fn burnt(arena: &Arena, hash: &Value) -> Option<u128> {
    let summary = bytes(&rpc::ask(arena.rpc(), "state_call", json!(["StationApi_summary", "0x", hash]))?)?;
    u128_at(&summary, 4 + 6 * 8 + 2 * 16)
}

/// The fees of a block: the events are found by their bytes, which are followed by an account that is known and a tip of 0.
fn fees(events: &[u8], accounts: &BTreeSet<[u8; 32]>) -> u128 {
    let fee_at = |at: usize| {
        let event = events.get(at..at + 2 + 32 + 16 + 16 + 1)?;
        let (kind, rest) = event.split_at(2);
        let (who, rest) = rest.split_at(32);
        let known = kind == FEE_PAID && accounts.contains(who);
        (known && rest.get(16..)?.iter().all(|byte| *byte == 0)).then(|| u128_at(rest, 0))?
    };
    (0..events.len()).filter_map(fee_at).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_found_among_other_events() {
        let who = [7u8; 32];
        let paid = |fee: u128| [&FEE_PAID[..], &who, &fee.to_le_bytes(), &[0; 16], &[0]].concat();
        let events = [vec![12, 1, 2, 3], paid(1_000), vec![5, 0, 9, 9], paid(77), vec![5, 0]].concat();
        assert_eq!(fees(&events, &[who].into()), 1_077);
        assert_eq!(fees(&events, &[[8; 32]].into()), 0);
    }
}
