//! Benchmarks of every call, at the prices of the real scheduler when the runtime runs them.

use super::*;
use crate::{Deals, Pallet};
use alloc::vec::Vec;
use frame_benchmarking::v2::*;
use frame_support::{traits::fungible::Mutate, BoundedVec};
use frame_system::RawOrigin;
use station_porep::SizeClass;
use station_primitives::{AccountId, Balance, DealId, MAX_NAMED, MAX_REPLICAS, MAX_SHARDS, MEMO_BYTES, TKT};

/// Endowment of the accounts, in plancks: enough for the largest deal.
const ENDOWMENT: Balance = 1_000_000_000 * TKT;

fn rich<T: Config>(who: AccountId) -> AccountId {
    T::Currency::set_balance(&who, ENDOWMENT);
    who
}

/// The longest placement.
fn placement() -> Placement<AccountId> {
    let providers = BoundedVec::truncate_from((0..MAX_NAMED).map(|n| account("provider", n, 0)).collect());
    Placement::Chosen { providers, fallback: true }
}

fn memo() -> Memo {
    BoundedVec::truncate_from(alloc::vec![7; usize::try_from(MEMO_BYTES).unwrap_or_default()])
}

fn shards(
    count: u32,
) -> BoundedVec<(station_primitives::Commitment, SizeClass), frame_support::traits::ConstU32<MAX_SHARDS>> {
    let shard = ([7; 32], SizeClass::MIN);
    BoundedVec::truncate_from((0..count).map(|_| shard).collect::<Vec<_>>())
}

/// A deal with as many shards as there can be.
fn largest<T: Config>(client: &AccountId) -> DealId {
    Pallet::<T>::do_submit(client.clone(), shards(MAX_SHARDS), 3, 10, TKT, placement(), memo())
        .expect("the client is rich")
}

#[benchmarks]
mod benchmarks {
    use super::*;

    #[benchmark]
    fn submit_deal(s: Linear<1, MAX_SHARDS>, r: Linear<2, { MAX_REPLICAS as u32 }>) {
        let client = rich::<T>(whitelisted_caller());
        let replicas = u8::try_from(r).unwrap_or(MAX_REPLICAS);
        #[extrinsic_call]
        _(RawOrigin::Signed(client), shards(s), replicas, 10, TKT, placement(), memo());
        assert_eq!(Deals::<T>::get(DealId(0)).map(|deal| deal.shards), Some(s));
    }

    #[benchmark]
    fn extend() {
        let client = rich::<T>(whitelisted_caller());
        let deal = largest::<T>(&client);
        #[extrinsic_call]
        _(RawOrigin::Signed(client), deal, 10);
        assert_eq!(Deals::<T>::get(deal).map(|deal| deal.periods), Some(20));
    }

    #[benchmark]
    fn cancel() {
        let client = rich::<T>(whitelisted_caller());
        let deal = largest::<T>(&client);
        #[extrinsic_call]
        _(RawOrigin::Signed(client), deal);
        assert_eq!(Deals::<T>::get(deal).map(|deal| deal.cancelled), Some(true));
    }

    #[benchmark]
    fn transfer() {
        let client = rich::<T>(whitelisted_caller());
        let to = rich::<T>(account("to", 0, 0));
        let deal = largest::<T>(&client);
        #[extrinsic_call]
        _(RawOrigin::Signed(client), deal, to.clone());
        assert_eq!(Deals::<T>::get(deal).map(|deal| deal.client), Some(to));
    }

    impl_benchmark_test_suite!(Pallet, crate::mock::new_test_ext(), crate::mock::Test);
}
