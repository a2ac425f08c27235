//! The OpenRPC document that `rpc.discover` serves.

use crate::{
    server::errors::RpcFailure,
    types::{Account, Deal, DealUpdate, Duty, Page, Provider, Replica, Shard, Submitted, Summary},
};
use schemars::{generate::SchemaSettings, JsonSchema, SchemaGenerator};
use serde_json::{json, Value};
use station_primitives::MAX_PAGE;

/// The OpenRPC version of the document.
const OPENRPC: &str = "1.3.2";

/// Describe every method.
pub fn document() -> Value {
    let mut schemas = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let deal = || Param::new("id", json!({ "type": "integer", "minimum": 0 }), "the deal's number");
    let shard = || Param::new("id", json!({ "type": "string" }), "the shard: deal/shard");
    let replica = || Param::new("id", json!({ "type": "string" }), "the replica: deal/shard/slot");
    let account = Param::new("account", schemas.subschema_for::<Account>().to_value(), "SS58");
    let number_cursor =
        || Param::optional("cursor", json!({ "type": ["integer", "null"] }), "`next` of the page before");
    let text_cursor = || Param::optional("cursor", json!({ "type": ["string", "null"] }), "`next` of the page before");
    let limit = || {
        Param::optional(
            "limit",
            json!({ "type": ["integer", "null"], "minimum": 1, "maximum": MAX_PAGE }),
            "how many items at most; 100 if left out",
        )
    };
    let extrinsic =
        Param::new("extrinsic", json!({ "type": "string", "pattern": "^0x[0-9a-f]*$" }), "signed, SCALE, hex");
    let g = &mut schemas;
    let methods = vec![
        method::<Summary>(g, "storage_summary", "The network at a glance", vec![]),
        method::<Deal>(g, "storage_deal", "A deal, without its shards", vec![deal()]),
        method::<Page<Deal, u64>>(
            g,
            "storage_deals",
            "The deals of an account",
            vec![account.clone(), number_cursor(), limit()],
        ),
        method::<Shard>(g, "storage_shard", "A shard, its replicas and its history", vec![shard()]),
        method::<Replica>(g, "storage_replica", "A replica", vec![replica()]),
        method::<Page<Provider, u32>>(
            g,
            "storage_providers",
            "Providers in the order of registration",
            vec![number_cursor(), limit()],
        ),
        method::<Provider>(g, "storage_provider", "A provider", vec![account.clone()]),
        method::<Page<Duty, String>>(
            g,
            "storage_duties",
            "What a provider has to do, replica by replica",
            vec![account, text_cursor(), limit()],
        ),
        method::<Submitted>(
            g,
            "storage_submitDeal",
            "Submit a signed extrinsic with deals.submit_deal; answers when it is in a best block",
            vec![extrinsic],
        ),
        method::<DealUpdate>(
            g,
            "storage_subscribeDeal",
            "Subscription (end it with storage_unsubscribeDeal): the deal now, and whenever something of it changes",
            vec![deal()],
        ),
    ];
    let definitions = schemas.take_definitions(true);
    json!({
        "openrpc": OPENRPC,
        "info": {
            "title": "Grand Decentral storage",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0" },
            "description": "Amounts are plancks in text, sizes bytes, times blocks, accounts SS58 with prefix 42."
        },
        "methods": methods,
        "components": { "schemas": definitions, "errors": errors() }
    })
}

#[derive(Clone)]
struct Param(Value);

impl Param {
    fn new(name: &str, schema: Value, description: &str) -> Self {
        Self(json!({ "name": name, "required": true, "schema": schema, "description": description }))
    }
    fn optional(name: &str, schema: Value, description: &str) -> Self {
        Self(json!({ "name": name, "required": false, "schema": schema, "description": description }))
    }
}

fn method<R: JsonSchema>(schemas: &mut SchemaGenerator, name: &str, summary: &str, params: Vec<Param>) -> Value {
    let params: Vec<Value> = params.into_iter().map(|param| param.0).collect();
    let errors: Vec<Value> =
        examples().iter().map(|error| json!({ "$ref": format!("#/components/errors/{}", error.code().1) })).collect();
    json!({
        "name": name,
        "summary": summary,
        "paramStructure": "by-position",
        "params": params,
        "result": { "name": "result", "schema": schemas.subschema_for::<R>() },
        "errors": errors
    })
}

/// One failure of each code.
fn examples() -> Vec<RpcFailure> {
    let text = String::new;
    vec![
        RpcFailure::Limit(0),
        RpcFailure::NotFound(text()),
        RpcFailure::Runtime(text()),
        RpcFailure::Busy,
        RpcFailure::Malformed(text()),
        RpcFailure::NotADeal,
        RpcFailure::Funds,
        RpcFailure::Stale,
        RpcFailure::Refused(text()),
        RpcFailure::PoolFull(text()),
        RpcFailure::Failed(crate::client::DispatchFailure { pallet: text(), error: text() }),
        RpcFailure::Timeout,
    ]
}

fn errors() -> Value {
    let mut errors = serde_json::Map::new();
    for failure in examples() {
        let (code, name) = failure.code();
        errors.insert(name.into(), json!({ "code": code, "message": failure.to_string().trim(), "data": name }));
    }
    Value::Object(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_of_the_document_leads_somewhere() {
        fn walk<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
            match value {
                Value::Object(map) => {
                    for (key, value) in map {
                        match value {
                            Value::String(target) if key == "$ref" => found.push(target),
                            other => walk(other, found),
                        }
                    }
                }
                Value::Array(list) => list.iter().for_each(|value| walk(value, found)),
                _ => {}
            }
        }
        let document = document();
        let mut references = Vec::new();
        walk(&document, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_method_of_the_interface_is_described() {
        let document = document();
        let names: Vec<&str> =
            document["methods"].as_array().expect("methods").iter().filter_map(|m| m["name"].as_str()).collect();
        for name in [
            "storage_summary",
            "storage_deal",
            "storage_deals",
            "storage_shard",
            "storage_replica",
            "storage_providers",
            "storage_provider",
            "storage_duties",
            "storage_submitDeal",
            "storage_subscribeDeal",
        ] {
            assert!(names.contains(&name), "{name}");
        }
    }
}
