//! Tests, by topic.

mod collateral;
mod heartbeat;
mod registration;
mod selection;
mod slashes;

use crate::{mock::*, Pallet, Policy};
use frame_support::BoundedVec;
use sp_runtime::DispatchResult;
use station_primitives::{Balance, Price, GIB, TKT};

/// Register the n-th account with an operator of its own.
fn register(n: u8) -> DispatchResult {
    register_with(n, 100 * GIB, TKT / 10, n, Policy::Open, 100 * TKT)
}

fn register_with(
    n: u8,
    capacity: u64,
    price: Price,
    operator: u8,
    policy: Policy,
    collateral: Balance,
) -> DispatchResult {
    Pallet::<Test>::register(
        RuntimeOrigin::signed(account(n)),
        capacity,
        price,
        TKT / 100,
        BoundedVec::truncate_from(b"/ip4/127.0.0.1/tcp/30333".to_vec()),
        [operator; 32],
        policy,
        collateral,
    )
}
