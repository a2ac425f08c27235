//! Benchmarks of every call.

use super::*;
use crate::{Call, Pallet};
use frame_benchmarking::v2::*;
use frame_support::{
    pallet_prelude::TransactionSource,
    traits::{fungible::Mutate, Authorize, Get},
    BoundedVec,
};
use frame_system::RawOrigin;
use sp_core::sr25519;
use sp_runtime::traits::SaturatedConversion;
use station_primitives::{AccountId, Balance, MAX_MULTIADDR, MAX_NAMED, TKT};

/// The ristretto base point: a key that decodes, so that checking a signature under it takes all its steps.
const POINT: [u8; 32] = [
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58, 0xe3, 0x0b,
    0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76,
];

/// A well-formed signature that is wrong: it costs as much to check as a right one, and needs no keystore.
fn wrong_signature() -> sr25519::Signature {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&POINT);
    bytes[32] = 1;
    bytes[63] = 128;
    sr25519::Signature::from_raw(bytes)
}

/// Endowment of the accounts, in plancks.
const ENDOWMENT: Balance = 1_000_000 * TKT;

fn rich<T: Config>(who: AccountId) -> AccountId {
    T::Currency::set_balance(&who, ENDOWMENT);
    who
}

fn longest_address() -> BoundedVec<u8, frame_support::traits::ConstU32<MAX_MULTIADDR>> {
    BoundedVec::truncate_from(alloc::vec![b'/'; usize::try_from(MAX_MULTIADDR).unwrap_or_default()])
}

fn longest_policy() -> Policy {
    Policy::Named(BoundedVec::truncate_from((0..MAX_NAMED).map(|n| account("friend", n, 0)).collect()))
}

fn register_one<T: Config>(who: AccountId) -> AccountId {
    let who = rich::<T>(who);
    let capacity = T::MinCapacity::get();
    let collateral = T::MinCollateral::get();
    Pallet::<T>::do_register(who.clone(), capacity, 0, 0, longest_address(), [0; 32], longest_policy(), collateral)
        .expect("the account is rich and new");
    who
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn register() {
        let who = rich::<T>(whitelisted_caller());
        let collateral = T::MinCollateral::get();
        #[extrinsic_call]
        _(
            RawOrigin::Signed(who.clone()),
            T::MinCapacity::get(),
            1,
            1,
            longest_address(),
            [1; 32],
            longest_policy(),
            collateral,
        );
        assert!(Providers::<T>::contains_key(&who));
    }

    #[benchmark]
    fn update() {
        let who = register_one::<T>(whitelisted_caller());
        let collateral = T::MinCollateral::get().saturating_add(1);
        #[extrinsic_call]
        _(
            RawOrigin::Signed(who.clone()),
            Some(T::MinCapacity::get().saturating_add(1)),
            Some(2),
            Some(2),
            Some(longest_address()),
            Some([2; 32]),
            Some(longest_policy()),
            Some(collateral),
            Some(false),
        );
        assert_eq!(Providers::<T>::get(&who).map(|record| record.collateral), Some(collateral));
    }

    #[benchmark]
    fn deregister() {
        // Another comes after it and moves up: the dearer case.
        let who = register_one::<T>(whitelisted_caller());
        register_one::<T>(account("last", 0, 0));
        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()));
        assert!(!Providers::<T>::contains_key(&who));
    }

    #[benchmark]
    fn leave() {
        let who = register_one::<T>(whitelisted_caller());
        #[extrinsic_call]
        _(RawOrigin::Signed(who.clone()), true);
        assert_eq!(Providers::<T>::get(&who).map(|record| record.leaving), Some(true));
    }

    #[benchmark]
    fn heartbeat() {
        let who = register_one::<T>(AccountId::new(POINT));
        let now = Pallet::<T>::timing().heartbeat.saturating_add(10);
        frame_system::Pallet::<T>::set_block_number(now.saturated_into());
        #[extrinsic_call]
        _(RawOrigin::Authorized, who.clone(), now, wrong_signature());
        assert_eq!(Providers::<T>::get(&who).map(|record| record.last_seen), Some(now));
    }

    #[benchmark]
    fn authorize_heartbeat() {
        let who = register_one::<T>(AccountId::new(POINT));
        let now = Pallet::<T>::timing().heartbeat.saturating_add(10);
        frame_system::Pallet::<T>::set_block_number(now.saturated_into());
        let call = Call::<T>::heartbeat { provider: who, block: now, signature: wrong_signature() };
        let verdict;
        #[block]
        {
            verdict = call.authorize(TransactionSource::External);
        }
        // It went as far as the signature, which is the last check.
        let bad = frame_support::pallet_prelude::InvalidTransaction::BadProof.into();
        assert_eq!(verdict, Some(Err(bad)));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
