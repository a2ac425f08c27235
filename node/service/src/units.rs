//! Sizes, amounts and durations as people write them.

use station_primitives::{Balance, TKT};

/// Decimals of a ticket.
const DECIMALS: usize = 12;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        assert_eq!(parse_bytes("65536"), Ok(65_536));
        assert_eq!(parse_bytes("64 MiB"), Ok(64 << 20));
        assert_eq!(parse_bytes("1.5GiB"), Ok(3 << 29));
        assert_eq!(parse_bytes("2TB"), Ok(2_000_000_000_000));
        for bad in ["", "GiB", "-1", "1.3", "1e3", "5 parsecs", "99999999999TiB", "0x10"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts_are_read_to_the_planck() {
        assert_eq!(parse_tkt("0.01"), Ok(TKT / 100));
        assert_eq!(parse_tkt("5 TKT"), Ok(5 * TKT));
        assert_eq!(parse_tkt("0.000000000001"), Ok(1));
        for bad in ["", ".", "0.0000000000001", "1 EUR", "-1", "1,5"] {
            assert!(parse_tkt(bad).is_err(), "{bad}");
        }
    }
}
