//! Signs of life.

use super::*;
use crate::{Call, Providers};
use frame_support::{assert_ok, pallet_prelude::TransactionSource, traits::Authorize};
use sp_core::Pair;
use sp_runtime::traits::Dispatchable;
use station_primitives::{BlockNumber, DutyStatement};

fn heartbeat(n: u8, signer: u8, block: BlockNumber) -> RuntimeCall {
    let genesis = System::block_hash(0);
    let message = DutyStatement::Heartbeat { block }.signing_hash(genesis, &account(n));
    let signature = key(signer).sign(&message);
    Call::<Test>::heartbeat { provider: account(n), block, signature }.into()
}

/// Validate as the pool does, then dispatch as a block does.
fn submit(call: RuntimeCall) -> bool {
    let taken = matches!(call.authorize(TransactionSource::External), Some(Ok(_)));
    if taken {
        assert_ok!(call.dispatch(frame_system::RawOrigin::Authorized.into()));
    }
    taken
}

#[test]
fn a_heartbeat_counts_once_and_when_due() {
    run(|| {
        assert_ok!(register(1));
        System::set_block_number(11);
        assert!(submit(heartbeat(1, 1, 11)));
        assert_eq!(Providers::<Test>::get(account(1)).expect("registered").last_seen, 11);
        assert!(!submit(heartbeat(1, 1, 11)), "replayed");
        System::set_block_number(13);
        assert!(!submit(heartbeat(1, 1, 13)), "too soon");
        System::set_block_number(17);
        assert!(submit(heartbeat(1, 1, 17)));
    });
}

#[test]
fn stale_future_and_foreign_heartbeats_are_refused() {
    run(|| {
        assert_ok!(register(1));
        System::set_block_number(50);
        assert!(!submit(heartbeat(1, 1, 39)), "older than a heartbeat period");
        assert!(!submit(heartbeat(1, 1, 51)), "of the future");
        assert!(!submit(heartbeat(1, 2, 50)), "signed by another");
        assert!(!submit(heartbeat(2, 2, 50)), "not registered");
        assert!(submit(heartbeat(1, 1, 40)));
    });
}

#[test]
fn the_call_needs_its_authorization() {
    run(|| {
        assert_ok!(register(1));
        System::set_block_number(50);
        assert!(heartbeat(1, 1, 50).dispatch(RuntimeOrigin::signed(account(1))).is_err());
        assert!(heartbeat(1, 1, 50).dispatch(RuntimeOrigin::none()).is_err());
    });
}
