//! Units of money, size and time, and the one place that turns a price into pay.

use crate::{Balance, BlockNumber};

/// One ticket in plancks.
pub const TKT: Balance = 1_000_000_000_000;
/// Bytes of a GiB.
pub const GIB: u64 = 1 << 30;
/// Plancks per GiB·day of one replica.
pub type Price = Balance;
/// A count of blocks whose audit reserve had room for one audit of the largest size.
pub type Tick = u32;

/// Blocks in a day of 86,400 seconds.
#[allow(clippy::cast_possible_truncation)] // 86,400,000 fits 32 bits.
pub const fn blocks_per_day(slot_ms: u64) -> BlockNumber {
    // A slot of 0 ms does not exist; the division must not panic on it all the same.
    let slot_ms = if slot_ms == 0 { 1 } else { slot_ms };
    (86_400_000 / slot_ms) as BlockNumber
}

/// What one proven replica-period pays before shares: `floor(price × bytes × period / (GiB × blocks a day))`.
///
/// Saturates at `Balance::MAX`, which no escrow covers.
pub fn period_pay(price: Price, bytes: u64, period: BlockNumber, slot_ms: u64) -> Balance {
    let denominator = Balance::from(GIB) * Balance::from(blocks_per_day(slot_ms).max(1));
    price
        .checked_mul(Balance::from(bytes))
        .and_then(|v| v.checked_mul(Balance::from(period)))
        .map_or(Balance::MAX, |v| v / denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gib_for_a_day_costs_its_price() {
        // 1 s slots, a period of 60: 1,440 periods a day.
        let pay = period_pay(TKT, GIB, 60, 1_000);
        assert_eq!(pay, TKT / 1_440);
        assert_eq!(period_pay(TKT, GIB, 86_400, 1_000), TKT);
    }

    #[test]
    fn pay_saturates_instead_of_wrapping() {
        assert_eq!(period_pay(Balance::MAX, GIB, 60, 1_000), Balance::MAX);
    }
}
