//! Values as JSON has them: amounts, accounts, digests.

use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sp_core::crypto::{Ss58AddressFormat, Ss58Codec};
use station_primitives::{AccountId, Balance, SS58_PREFIX};
use std::{borrow::Cow, fmt, str::FromStr};

/// An amount, in text: JSON's numbers end at 2^53.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plancks(pub Balance);

impl Serialize for Plancks {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Plancks {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Plancks {
    fn schema_name() -> Cow<'static, str> {
        "Plancks".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+$", "description": "plancks; 10^12 make one TKT" })
    }
}

/// An account as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(pub AccountId);

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_ss58check_with_version(Ss58AddressFormat::custom(u16::from(SS58_PREFIX))))
    }
}

impl FromStr for Account {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        AccountId::from_ss58check(text).map(Self).map_err(|_| format!("'{text}' is no account: SS58 is expected"))
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Account {
    fn schema_name() -> Cow<'static, str> {
        "Account".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "SS58, prefix 42" })
    }
}

/// 32 bytes, as `0x` and 64 digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("0x{}", hex::encode(self.0)))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(text.strip_prefix("0x").unwrap_or(&text), &mut digest)
            .map_err(serde::de::Error::custom)?;
        Ok(Self(digest))
    }
}

impl JsonSchema for Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x[0-9a-f]{64}$" })
    }
}

/// Bytes of any number, as `0x` and two digits each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HexBytes(pub Vec<u8>);

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("0x{}", hex::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        hex::decode(text.strip_prefix("0x").unwrap_or(&text)).map(Self).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for HexBytes {
    fn schema_name() -> Cow<'static, str> {
        "HexBytes".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x([0-9a-f]{2})*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_beyond_2_to_53_survive() {
        let text = serde_json::to_string(&Plancks(u128::MAX)).expect("json");
        assert_eq!(text, format!("\"{}\"", u128::MAX));
        assert_eq!(serde_json::from_str::<Plancks>(&text).expect("json"), Plancks(u128::MAX));
        assert!(serde_json::from_str::<Plancks>("1").is_err());
        assert!(serde_json::from_str::<Plancks>("\"-1\"").is_err());
    }

    #[test]
    fn an_account_is_read_as_it_is_written_and_nothing_else_is() {
        let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        assert_eq!(alice.parse::<Account>().expect("an account").to_string(), alice);
        assert!("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX".parse::<Account>().is_err());
        assert!("alice".parse::<Account>().is_err());
    }

    #[test]
    fn bytes_are_read_as_they_are_written() {
        for bytes in [vec![], vec![0, 1, 0xff]] {
            let text = serde_json::to_string(&HexBytes(bytes.clone())).expect("json");
            assert_eq!(serde_json::from_str::<HexBytes>(&text).expect("json"), HexBytes(bytes));
        }
        assert_eq!(serde_json::to_string(&HexBytes(vec![])).expect("json"), "\"0x\"");
        assert!(serde_json::from_str::<HexBytes>("\"0xabc\"").is_err());
    }

    #[test]
    fn a_digest_is_64_digits() {
        let digest = Digest([0xab; 32]);
        let text = serde_json::to_string(&digest).expect("json");
        assert_eq!(serde_json::from_str::<Digest>(&text).expect("json"), digest);
        assert!(serde_json::from_str::<Digest>("\"0xab\"").is_err());
    }
}
