//! How people write amounts, sizes and terms, and how they read them.

use crate::error::UserError;
use station_client_rpc::types::Account;
use station_primitives::{AccountId, Balance, BlockNumber, Timing, TKT};
pub use station_service::units::{parse_bytes, parse_tkt};
use std::fmt;

const DECIMALS: usize = 12;

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
        indicatif::BinaryBytes(self.0).fmt(f)
    }
}

/// A term, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term(u64);

impl Term {
    /// The longest: a hundred years. More is a slip of the finger.
    const MAX: u64 = 100 * 365 * 86_400;

    /// In blocks of a network, at least one.
    pub fn blocks(self, timing: &Timing) -> Result<BlockNumber, UserError> {
        let blocks = self.0.saturating_mul(1_000).div_ceil(timing.slot_ms.max(1)).max(1);
        BlockNumber::try_from(blocks)
            .map_err(|_| UserError::usage("the term is longer than this network counts").hint("give a shorter --for"))
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

/// Read an account in SS58, or a development URI such as `//Bob`.
pub fn parse_account(text: &str) -> Result<AccountId, String> {
    if text.starts_with("//") {
        let account = station_client_crypto::Account::from_dev_uri(text).map_err(|error| error.to_string())?;
        return Ok(AccountId::new(account.id()));
    }
    text.parse::<Account>().map(|account| account.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use station_primitives::Preset;

    #[test]
    fn amounts_are_written_without_trailing_zeros() {
        assert_eq!(Tkt(TKT + 5).to_string(), "1.000000000005 TKT");
        assert_eq!(Tkt(0).to_string(), "0 TKT");
    }

    #[test]
    fn terms_become_blocks_of_the_network() {
        let (local, live) = (Timing::of(Preset::Local), Timing::of(Preset::Live));
        let term = |text: &str| text.parse::<Term>().expect("a term");
        assert_eq!(term("1d").blocks(&local).ok(), Some(86_400));
        assert_eq!(term("1d").blocks(&live).ok(), Some(14_400));
        assert_eq!(term("1s").blocks(&live).ok(), Some(1));
        for bad in ["", "0d", "-3d", "soon", "3", "d", "101y", "99999999999999999999d", "3ü"] {
            assert!(bad.parse::<Term>().is_err(), "{bad}");
        }
        assert_eq!(blocks_in_words(86_400 * 3, &local), "3 days");
    }

    #[test]
    fn accounts_are_addresses_or_development_uris() {
        let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        assert_eq!(parse_account(alice), parse_account("//Alice"));
        assert!(parse_account("alice").is_err());
    }
}
