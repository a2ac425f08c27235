//! Who may be given a replica, and with what weight.
//!
//! A draw takes a sample of the registered providers, at most [`SAMPLE`] without replacement, leaves those that cannot
//! take the replica, and picks one of the rest by weight. All positions come from the seed, so anybody can repeat it.

use crate::{ByPlace, Config, Friends, Pallet, Provider, Providers, Strikes, Totals};
use alloc::{collections::BTreeSet, vec::Vec};
use frame_support::traits::Get;
use sp_io::hashing::blake2_256;
use station_primitives::{AccountId, Balance, BlockNumber, Price, Seed, GIB};

/// The most providers looked at in one draw: enough that a fit one is nearly always among them, few enough that a draw
/// is a small part of a block.
pub const SAMPLE: u32 = 32;

/// The most strikes that are remembered: a weight of a thousandth, and a pause of a thousand heartbeat periods.
pub const MOST_STRIKES: u8 = 10;
/// Strikes from which on a provider is passed over for a while. Fewer only make it rarer: a client that never uploads looks
/// the same from here, and must not be able to shut anybody out cheaply.
pub const STRIKES_TO_PAUSE: u8 = 4;
/// Heartbeat periods after which a strike is forgotten.
pub const STRIKE_LASTS: u32 = 256;

/// What a replica needs of its provider.
#[derive(Clone, Debug)]
pub struct Need<'a> {
    /// Who pays.
    pub client: &'a AccountId,
    /// Bytes of the replica.
    pub bytes: u64,
    /// The most the client pays, in plancks per GiB·day.
    pub max_price: Price,
    /// Providers that must not be drawn: those that hold the shard, or lost it.
    pub excluded: &'a [AccountId],
    /// Operators that hold a replica of the shard.
    pub operators: &'a [[u8; 32]],
}

/// Numbers from a seed, as many as a draw takes.
pub struct Stream {
    seed: Seed,
    counter: u32,
}

impl Stream {
    /// Start from a seed that was used for nothing else.
    pub const fn new(seed: Seed) -> Self {
        Self { seed, counter: 0 }
    }

    /// A number below `bound`, or zero if that is zero.
    ///
    /// 128 bits reduced modulo at most 64: the bias is below 2^-64.
    pub fn below(&mut self, bound: u64) -> u64 {
        let digest = blake2_256(&codec::Encode::encode(&(b"station/stream/1", self.seed, self.counter)));
        self.counter = self.counter.saturating_add(1);
        let mut wide = [0; 16];
        wide.copy_from_slice(&digest[..16]);
        u128::from_le_bytes(wide).checked_rem(u128::from(bound)).and_then(|rest| u64::try_from(rest).ok()).unwrap_or(0)
    }
}

impl<T: Config> Pallet<T> {
    /// Whether a provider shows itself: seen within the last `SilentAfter` heartbeat periods.
    pub fn is_fresh(record: &Provider, now: BlockNumber) -> bool {
        let patience = Self::timing().heartbeat.saturating_mul(T::SilentAfter::get());
        record.last_seen.saturating_add(patience) >= now
    }

    /// Count one more assignment that failed.
    pub(crate) fn strike(record: &mut Provider) {
        let now = Self::now();
        let count = Self::strikes_of(record, now).saturating_add(1).min(MOST_STRIKES);
        record.strikes = Strikes { count, last: now };
        record.late_commitments = record.late_commitments.saturating_add(1);
    }

    /// The strikes that still count: one is forgotten with every [`STRIKE_LASTS`] heartbeat periods since the last.
    pub fn strikes_of(record: &Provider, now: BlockNumber) -> u8 {
        let lasts = Self::timing().heartbeat.saturating_mul(STRIKE_LASTS).max(1);
        let forgotten = now.saturating_sub(record.strikes.last) / lasts;
        record.strikes.count.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }

    /// Whether a provider that keeps failing is passed over now: for `2^strikes` heartbeat periods after the last time.
    pub fn is_paused(record: &Provider, now: BlockNumber) -> bool {
        let strikes = Self::strikes_of(record, now);
        let pause = Self::timing().heartbeat.saturating_mul(1u32.checked_shl(u32::from(strikes)).unwrap_or(u32::MAX));
        strikes >= STRIKES_TO_PAUSE && now < record.strikes.last.saturating_add(pause)
    }

    /// The weight with which a provider takes part in a draw; none if it cannot take the replica.
    ///
    /// `min(free capacity, bytes that free collateral covers, 2 × proven + newcomer's bytes)`, halved for every strike, at
    /// least one.
    pub fn weight_for(who: &AccountId, record: &Provider, need: &Need<'_>, now: BlockNumber) -> Option<u64> {
        let free = record.capacity.saturating_sub(record.used);
        let uncommitted = record.collateral.saturating_sub(record.collateral_used);
        let fits = record.accepting
            && !Self::is_paused(record, now)
            && free >= need.bytes
            && record.price <= need.max_price
            && uncommitted >= Self::replica_collateral(need.bytes)
            && Self::is_fresh(record, now)
            && !need.excluded.contains(who)
            && !need.operators.contains(&record.operator);
        if !fits || (record.friends_only && !Friends::<T>::get(who).contains(need.client)) {
            return None;
        }
        let covered = match T::CollateralPerGib::get() {
            0 => u64::MAX,
            per_gib => u64::try_from(uncommitted.saturating_mul(Balance::from(GIB)) / per_gib).unwrap_or(u64::MAX),
        };
        let standing = record.proven.saturating_mul(2).saturating_add(T::NewcomerBytes::get());
        let weight = free.min(covered).min(standing);
        Some(weight.checked_shr(u32::from(Self::strikes_of(record, now))).unwrap_or(0).max(1))
    }

    /// Draw among all that are registered.
    pub fn draw(seed: Seed, need: &Need<'_>) -> Option<(AccountId, Provider)> {
        let mut stream = Stream::new(seed);
        let count = Totals::<T>::get().providers;
        let sample = if count <= SAMPLE { (0..count).collect() } else { sample_places(&mut stream, count) };
        let candidates = sample.into_iter().filter_map(ByPlace::<T>::get).collect::<Vec<_>>();
        Self::pick(&mut stream, &candidates, need)
    }

    /// Draw among the providers that the client chose.
    pub fn draw_among(seed: Seed, chosen: &[AccountId], need: &Need<'_>) -> Option<(AccountId, Provider)> {
        Self::pick(&mut Stream::new(seed), chosen, need)
    }

    fn pick(stream: &mut Stream, candidates: &[AccountId], need: &Need<'_>) -> Option<(AccountId, Provider)> {
        let now = Self::now();
        let mut able = Vec::new();
        let mut total = 0u64;
        for who in candidates {
            let Some(record) = Providers::<T>::get(who) else { continue };
            if let Some(weight) = Self::weight_for(who, &record, need, now) {
                total = total.saturating_add(weight);
                able.push((who, record, weight));
            }
        }
        let mut point = stream.below(total);
        for (who, record, weight) in able {
            match point.checked_sub(weight) {
                Some(rest) => point = rest,
                None => return Some((who.clone(), record)),
            }
        }
        None
    }

    /// How many different operators could take such a replica now, counted among the first `limit` providers.
    pub fn able_operators(need: &Need<'_>, limit: u32) -> u32 {
        let now = Self::now();
        let operators = (0..Totals::<T>::get().providers.min(limit))
            .filter_map(ByPlace::<T>::get)
            .filter_map(|who| Providers::<T>::get(&who).map(|record| (who, record)))
            .filter(|(who, record)| Self::weight_for(who, record, need, now).is_some())
            .map(|(_, record)| record.operator)
            .collect::<BTreeSet<_>>();
        u32::try_from(operators.len()).unwrap_or(u32::MAX)
    }
}

/// [`SAMPLE`] different places below `count`, which is larger (Floyd's algorithm: one number a place, no retries).
fn sample_places(stream: &mut Stream, count: u32) -> Vec<u32> {
    let mut seen = BTreeSet::new();
    (count.saturating_sub(SAMPLE)..count)
        .map(|last| {
            let any = u32::try_from(stream.below(u64::from(last) + 1)).unwrap_or(last);
            let place = if seen.contains(&any) { last } else { any };
            seen.insert(place);
            place
        })
        .collect()
}
