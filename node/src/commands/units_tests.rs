//! What `station_service::units` reads and writes. Here, because that crate has no test binary of its own.

use station_primitives::{Preset, Timing, TKT};
use station_service::units::{blocks_in_words, parse_account, parse_bytes, parse_price, parse_tkt, Size, Term, Tkt};

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
fn sizes_are_written_to_the_hundredth() {
    let written = |bytes| Size(bytes).to_string();
    assert_eq!([written(0), written(1_023), written(1_024)], ["0 B", "1023 B", "1.00 KiB"]);
    assert_eq!([written(3 << 29), written(u64::MAX)], ["1.50 GiB", "16777215.99 TiB"]);
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
fn a_term_longer_than_a_deal_s_names_the_longest() {
    let local = Timing::of(Preset::Local);
    let longest = local.period * station_primitives::economy::MAX_PERIODS;
    let too_long = "10y".parse::<Term>().expect("a term").blocks(&local).unwrap_err();
    assert!(too_long.to_string().contains(&blocks_in_words(longest, &local)), "{too_long}");
    assert_eq!(format!("{longest}s").parse::<Term>().expect("a term").blocks(&local), Ok(longest));
    assert!("10y".parse::<Term>().expect("a term").blocks(&Timing::of(Preset::Live)).is_ok());
}

#[test]
fn a_price_beyond_any_market_is_a_slip() {
    assert_eq!(parse_price("0.01"), Ok(TKT / 100));
    assert!(parse_price("1000000").is_ok());
    for bad in ["1000000.1", "99999999999999999999", "-1", "cheap"] {
        assert!(parse_price(bad).is_err(), "{bad}");
    }
}

#[test]
fn accounts_are_addresses_or_development_uris() {
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    assert_eq!(parse_account(alice), parse_account("//Alice"));
    for bad in ["alice", "", "//", "5Grwva"] {
        assert!(parse_account(bad).is_err(), "{bad}");
    }
    // Alice again, as on another chain.
    let elsewhere = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
    assert!(parse_account(elsewhere).is_err_and(|error| error.contains("another chain (prefix 0)")));
    let mistyped = alice.replace("utQY", "utQZ");
    assert!(parse_account(&mistyped).is_err_and(|error| error.contains("mistyped")));
}
