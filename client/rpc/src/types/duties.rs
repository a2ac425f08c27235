//! What a provider has to do, as JSON.

use super::{replica_id, Account, Digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use station_primitives::{api, AccountId, BlockNumber, Commitment, ReplicaId, Tick};

/// A replica among a provider's duties.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Duty {
    /// The replica.
    #[schemars(schema_with = "replica_id")]
    pub replica: ReplicaId,
    /// Root of the data.
    pub comm_d: Digest,
    /// Bytes: a size class.
    pub size: u64,
    /// The ticket of this assignment.
    pub ticket: Digest,
    /// The committed root, if any.
    pub comm_r: Option<Digest>,
    /// What is to be done.
    pub task: Task,
}

/// What is to be done for a replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Receive the data, seal it, commit its root.
    Commit {
        /// The last block in which the commitment is taken.
        deadline: BlockNumber,
    },
    /// Fetch the data from other holders, seal it, commit its root.
    Repair {
        /// The last block in which the commitment is taken.
        deadline: BlockNumber,
        /// Who may have the data.
        sources: Vec<Holder>,
    },
    /// Wait for the seed of the seal check.
    AwaitSealCheck,
    /// Answer the seal check.
    ProveSeal {
        /// Positions come from it.
        seed: Digest,
        /// The last tick in which the answer is taken.
        deadline: Tick,
    },
    /// Keep it.
    Keep {
        /// When the next audit opens.
        due: Tick,
    },
    /// Answer an audit.
    Audit {
        /// The tick that names the audit.
        due: Tick,
        /// Positions come from it.
        seed: Digest,
        /// The last tick in which the answer is paid.
        deadline: Tick,
        /// The last tick in which an answer saves the replica.
        grace_ends: Tick,
    },
}

/// Another holder of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// Who.
    pub provider: Account,
    /// Where its node listens, with its peer id.
    pub multiaddr: String,
}

impl From<api::Duty> for Duty {
    fn from(duty: api::Duty) -> Self {
        let task = match duty.task {
            api::Task::Commit { deadline } => Task::Commit { deadline },
            api::Task::Repair { deadline, sources } => {
                let holder = |(account, address): (AccountId, Vec<u8>)| Holder {
                    provider: Account(account),
                    multiaddr: String::from_utf8_lossy(&address).into_owned(),
                };
                Task::Repair { deadline, sources: sources.into_iter().map(holder).collect() }
            }
            api::Task::AwaitSealCheck => Task::AwaitSealCheck,
            api::Task::ProveSeal { seed, deadline } => Task::ProveSeal { seed: Digest(seed), deadline },
            api::Task::Keep { due } => Task::Keep { due },
            api::Task::Audit { due, seed, deadline, grace_ends } => {
                Task::Audit { due, seed: Digest(seed), deadline, grace_ends }
            }
        };
        let digest = |commitment: Commitment| Digest(commitment);
        Self {
            replica: duty.replica,
            comm_d: digest(duty.comm_d),
            size: duty.size,
            ticket: Digest(duty.ticket),
            comm_r: duty.comm_r.map(digest),
            task,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_repair_s_duty_names_its_sources() {
        let duty = Duty::from(api::Duty {
            replica: "1/2/3".parse().expect("an id"),
            comm_d: [1; 32],
            size: 1 << 20,
            ticket: [2; 32],
            comm_r: None,
            task: api::Task::Repair { deadline: 9, sources: vec![(AccountId::new([0; 32]), b"/ip4/1.2.3.4".to_vec())] },
        });
        let task = serde_json::to_value(&duty).expect("json")["task"].clone();
        let source =
            json!({ "provider": "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM", "multiaddr": "/ip4/1.2.3.4" });
        assert_eq!(task, json!({ "kind": "repair", "deadline": 9, "sources": [source] }));
    }

    #[test]
    fn duties_are_read_as_they_are_printed() {
        let duty = Duty::from(api::Duty {
            replica: "1/2/3".parse().expect("an id"),
            comm_d: [1; 32],
            size: 1 << 20,
            ticket: [2; 32],
            comm_r: None,
            task: api::Task::Audit { due: 5, seed: [3; 32], deadline: 6, grace_ends: 7 },
        });
        let text = serde_json::to_string(&duty).expect("json");
        assert!(text.contains(r#""kind":"audit""#), "{text}");
        assert_eq!(serde_json::from_str::<Duty>(&text).expect("json"), duty);
    }
}
