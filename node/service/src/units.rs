//! Sizes, amounts, terms and accounts as people write them, and as they read them.
//!
//! Tested from the `station` crate: a test binary of this one would link the SDK once more.

use sp_core::{
    crypto::{PublicError, Ss58AddressFormatRegistry, Ss58Codec},
    sr25519, Pair,
};
use station_primitives::{economy::MAX_PERIODS, AccountId, Balance, BlockNumber, Price, Timing, TKT};
use std::fmt;

/// Decimals of a ticket.
const DECIMALS: usize = 12;
/// The highest price of a GiB·day that is taken for one, in TKT: beyond what any market asks, and so low that what the
/// longest term of the largest deal costs is counted exactly.
const MAX_PRICE_TKT: u128 = 1_000_000;

/// Splits `12.5 GiB` into number and unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// `number × scale` for a decimal `number`, exactly; `None` if it is no number, or no whole result.
fn scaled(number: &str, scale: u128) -> Option<u128> {
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut result = whole.checked_mul(scale)?;
    if !fraction.is_empty() {
        let digits: u128 = fraction.parse().ok()?;
        let below = 10u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let part = digits.checked_mul(scale)?;
        if part % below != 0 {
            return None;
        }
        result = result.checked_add(part / below)?;
    }
    Some(result)
}

/// Bytes: `65536`, `64KiB`, `1.5 GiB`, `2TB` (1,000-based without the `i`).
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let scale: u128 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" | "k" => 1 << 10,
        "mib" | "m" => 1 << 20,
        "gib" | "g" => 1 << 30,
        "tib" | "t" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(format!("'{text}' is no size: write 64MiB, 500GiB or 2TiB")),
    };
    scaled(number, scale)
        .and_then(|bytes| u64::try_from(bytes).ok())
        .ok_or_else(|| format!("'{text}' is no size: write 64MiB, 500GiB or 2TiB"))
}

/// Plancks from tickets: `0.01`, `5 TKT`.
pub fn parse_tkt(text: &str) -> Result<Balance, String> {
    let (number, unit) = split(text);
    if !(unit.is_empty() || unit.eq_ignore_ascii_case("tkt")) {
        return Err(format!("'{text}' is no amount: write it in TKT, such as 0.01"));
    }
    scaled(number, TKT).ok_or_else(|| format!("'{text}' is no amount in TKT of at most {DECIMALS} decimals"))
}

/// Plancks per GiB and day, or per GiB: `0.01`.
pub fn parse_price(text: &str) -> Result<Price, String> {
    let price = parse_tkt(text)?;
    if price > MAX_PRICE_TKT * TKT {
        return Err(format!("{text} TKT is no price: {MAX_PRICE_TKT} TKT at the most"));
    }
    Ok(price)
}

/// An account: its SS58 address (prefix 42), or a development URI such as `//Bob`.
pub fn parse_account(text: &str) -> Result<AccountId, String> {
    if text.starts_with("//") && text.len() > 2 {
        let pair = sr25519::Pair::from_string(text, None).map_err(|_| format!("'{text}' is no key's path"))?;
        return Ok(pair.public().into());
    }
    let bad = || format!("'{text}' is no account: write its SS58 address, 5…");
    let (account, format) = AccountId::from_ss58check_with_version(text).map_err(|error| match error {
        PublicError::InvalidChecksum => format!("'{text}' is mistyped: its checksum does not fit"),
        _ => bad(),
    })?;
    // The same key has another address on each chain: whoever gave this one does not expect tickets there.
    if format != Ss58AddressFormatRegistry::SubstrateAccount.into() {
        return Err(format!(
            "'{text}' is an address of another chain (prefix {}): those here begin with 5",
            format.prefix()
        ));
    }
    Ok(account)
}

/// An amount in TKT, without trailing zeros.
pub struct Tkt(pub Balance);

impl fmt::Display for Tkt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / TKT, self.0 % TKT);
        if rest == 0 {
            return write!(f, "{whole} TKT");
        }
        let digits = format!("{rest:0DECIMALS$}");
        write!(f, "{whole}.{} TKT", digits.trim_end_matches('0'))
    }
}

/// A size as people read it.
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
        let Some((scale, unit)) = UNITS.iter().find(|(scale, _)| self.0 >= *scale) else {
            return write!(f, "{} B", self.0);
        };
        // Hundredths, in integers: a size is exact, its display rounds down.
        let (whole, rest) = (self.0 / scale, self.0 % scale);
        write!(f, "{whole}.{:02} {unit}", u128::from(rest) * 100 / u128::from(*scale))
    }
}

/// A term, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(u64);

/// A term that has more periods than a deal may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermTooLong {
    /// The longest, as people read it.
    pub longest: String,
}

impl fmt::Display for TermTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the term is longer than this network allows: {} at the most", self.longest)
    }
}

impl std::error::Error for TermTooLong {}

impl Term {
    /// The longest: a hundred years. More is a slip of the finger.
    const MAX: u64 = 100 * 365 * 86_400;

    /// In blocks of a network, at least one and no more than a deal's longest term.
    pub fn blocks(self, timing: &Timing) -> Result<BlockNumber, TermTooLong> {
        let blocks = self.0.saturating_mul(1_000).div_ceil(timing.slot_ms.max(1)).max(1);
        let longest = timing.period.saturating_mul(MAX_PERIODS);
        match BlockNumber::try_from(blocks) {
            Ok(blocks) if blocks <= longest => Ok(blocks),
            _ => Err(TermTooLong { longest: blocks_in_words(longest, timing) }),
        }
    }
}

impl std::str::FromStr for Term {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is no term: write it like 30d, 12h or 2w");
        let unit = text.chars().last().ok_or_else(bad)?;
        let seconds: u64 = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            'y' => 365 * 86_400,
            _ => return Err(bad()),
        };
        let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| bad())?;
        match number.checked_mul(seconds) {
            Some(term) if term > 0 && term <= Self::MAX => Ok(Self(term)),
            _ => Err(format!("'{text}' is no term that can be paid for: one second to 100 years")),
        }
    }
}

/// Blocks as people read them.
pub fn blocks_in_words(blocks: BlockNumber, timing: &Timing) -> String {
    let seconds = u64::from(blocks).saturating_mul(timing.slot_ms) / 1_000;
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
