//! Any sequence of calls and restarts leaves the store where a simple model says.

use super::*;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::OnceLock};

#[derive(Clone, Debug)]
enum Call {
    Expect(u8),
    Put(u8, u32),
    PutBad(u8, u32),
    Seal(u8, u8),
    Retire(u8),
    Reopen,
}

#[derive(Clone, Debug, PartialEq)]
enum Model {
    Receiving([bool; 2]),
    Received,
    Sealed(u8),
}

fn call() -> impl Strategy<Value = Call> {
    let slot = 0u8..3;
    prop_oneof![
        3 => slot.clone().prop_map(Call::Expect),
        8 => (slot.clone(), 0u32..2).prop_map(|(slot, piece)| Call::Put(slot, piece)),
        1 => (slot.clone(), 0u32..3).prop_map(|(slot, piece)| Call::PutBad(slot, piece)),
        3 => (slot.clone(), 1u8..3).prop_map(|(slot, key)| Call::Seal(slot, key)),
        1 => slot.prop_map(Call::Retire),
        2 => Just(Call::Reopen),
    ]
}

fn shard() -> &'static Shard {
    static SHARD: OnceLock<Shard> = OnceLock::new();
    SHARD.get_or_init(|| Shard::new(21, 9))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_says(calls in proptest::collection::vec(call(), 1..24)) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Some(Store::open(dir.path(), GIB).unwrap());
        let mut model: BTreeMap<u8, Model> = BTreeMap::new();
        let shard = shard();
        let replica = |slot: u8| ReplicaId { shard: id("7/0/0").shard, slot };
        for call in calls {
            let open = store.as_ref().unwrap();
            match call {
                Call::Expect(slot) => {
                    open.expect(replica(slot), shard.comm_d, shard.class).unwrap();
                    model.entry(slot).or_insert(Model::Receiving([false; 2]));
                }
                Call::Put(slot, piece) => {
                    let result = shard.put(open, replica(slot), piece);
                    match model.get_mut(&slot) {
                        None => prop_assert!(matches!(result, Err(Error::Unknown(_)))),
                        Some(state) => {
                            if let Model::Receiving(have) = state {
                                have[piece as usize] = true;
                                if have.iter().all(|have| *have) {
                                    *state = Model::Received;
                                }
                            }
                            let complete = !matches!(state, Model::Receiving(_));
                            prop_assert_eq!(result.unwrap(), complete);
                        }
                    }
                }
                Call::PutBad(slot, piece) => {
                    let receiving = matches!(model.get(&slot), Some(Model::Receiving(have))
                        if !have.get(piece as usize).copied().unwrap_or(false));
                    let result = open.put_piece(replica(slot), piece, &[0; 10], &[]);
                    prop_assert!(!receiving || result.is_err());
                }
                Call::Seal(slot, number) => {
                    let result = seal(open, &[(replica(slot), key(number))]);
                    match model.get_mut(&slot) {
                        None => prop_assert!(matches!(result, Err(Error::Unknown(_)))),
                        Some(Model::Receiving(_)) => {
                            prop_assert!(matches!(result, Err(Error::Incomplete(_))));
                        }
                        Some(state) => {
                            prop_assert!(result.is_ok());
                            *state = Model::Sealed(number);
                        }
                    }
                }
                Call::Retire(slot) => {
                    prop_assert_eq!(open.retire(replica(slot)).unwrap(), model.remove(&slot).is_some());
                }
                Call::Reopen => {
                    drop(store.take());
                    store = Some(Store::open(dir.path(), GIB).unwrap());
                    // Fewer pieces than a sync takes: they are to be sent again.
                    for state in model.values_mut() {
                        if let Model::Receiving(have) = state {
                            *have = [false; 2];
                        }
                    }
                }
            }
            let open = store.as_ref().unwrap();
            prop_assert_eq!(open.list().len(), model.len());
            for (slot, state) in &model {
                let found = open.state(replica(*slot));
                let expected = match state {
                    Model::Receiving(have) => {
                        let received = have.iter().filter(|have| **have).count() as u32;
                        Some(LocalState::Receiving { received })
                    }
                    Model::Received => Some(LocalState::Received),
                    Model::Sealed(number) => match found {
                        Some(LocalState::Sealed { key: sealed, .. }) if sealed == key(*number) => found.clone(),
                        _ => None,
                    },
                };
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(files(dir.path()).len(), model.len());
        }
        let open = store.as_ref().unwrap();
        for (slot, state) in &model {
            if let Model::Sealed(number) = state {
                assert_whole(open, replica(*slot), key(*number), shard);
            }
        }
    }
}
