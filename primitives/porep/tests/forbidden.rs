//! What must never be accepted, one test each tried by a prover that builds its proofs by hand.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

#[path = "common/shard.rs"]
mod common;

use common::{seed, shared, Shard, GENESIS, PROVIDER, TICKET};
use merkle_cbt::CBMT;
use station_porep::{
    challenge, data, graph, hash,
    hash::Hash,
    proof::{verify_audit, verify_seal, AuditProof, Opening, ProofError, SealProof},
    prove,
    tree::{self, lemmas, OpeningError, Purpose},
    Label, ReplicaKey, SizeClass, LABEL_BYTES, PARENTS, ROUND_PARENTS,
};

fn labels(bytes: &[u8]) -> Vec<Label> {
    bytes.chunks_exact(LABEL_BYTES).map(|label| label.try_into().unwrap()).collect()
}

/// All nodes of a tree, and whatever openings of it one likes.
struct Tree {
    class: SizeClass,
    labels: Vec<Label>,
    nodes: Vec<Hash>,
}

impl Tree {
    fn new(purpose: Purpose, class: SizeClass, labels: Vec<Label>) -> Self {
        let leaves: Vec<Hash> = (0..).zip(&labels).map(|(at, label)| tree::leaf(&purpose, at, label)).collect();
        Self { class, labels, nodes: CBMT::<Hash, tree::Merge>::build_merkle_tree(&leaves).nodes().to_vec() }
    }

    fn root(&self) -> Hash {
        self.nodes[0]
    }

    fn open(&self, positions: &[u64]) -> Opening {
        let node = |lemma: &tree::Lemma| {
            let row = (1usize << (self.class.depth() - lemma.level)) - 1;
            self.nodes[row + lemma.place as usize]
        };
        Opening {
            labels: positions.iter().map(|at| self.labels[*at as usize]).collect(),
            lemmas: lemmas(self.class, positions).iter().map(node).collect(),
        }
    }
}

/// A provider that encodes as it likes: `mask` is given the key, the position and the labels encoded so far.
struct Liar {
    key: ReplicaKey,
    data: Tree,
    replica: Tree,
}

impl Liar {
    fn new(mask: impl Fn(&ReplicaKey, u64, &[Label]) -> Label) -> Self {
        let class = SizeClass::MIN;
        let data = Tree::new(Purpose::Data, class, labels(&common::bytes(class, 0)));
        let key = ReplicaKey::derive(&GENESIS, &PROVIDER, (0, 0), 0, &data.root(), &TICKET);
        let mut replica = Vec::new();
        for (position, label) in (0..).zip(&data.labels) {
            replica.push(hash::xor(label, &mask(&key, position, &replica)));
        }
        let replica = Tree::new(Purpose::Replica(key), class, replica);
        Self { key, data, replica }
    }

    fn check(&self, seed: &[u8; 32]) -> Result<(), ProofError> {
        let class = self.data.class;
        let (opened, checks) = challenge::seal_opened(seed, &self.key, class);
        let proof = SealProof { replica: self.replica.open(&opened), data: self.data.open(&checks).lemmas };
        verify_seal(&self.key, class, &self.data.root(), &self.replica.root(), seed, &proof)
    }
}

fn parents(position: u64, replica: &[Label]) -> [Label; PARENTS] {
    match position {
        0 => [[0; 64]; PARENTS],
        _ => graph::parents(position).map(|parent| replica[parent as usize]),
    }
}

fn honest(key: &ReplicaKey, position: u64, replica: &[Label]) -> Label {
    hash::mask(key, position, &parents(position, replica))
}

const MISCODED: Result<(), ProofError> = Err(ProofError::Data(OpeningError::Root));

#[test]
fn honest_labels_opened_by_hand_are_accepted() {
    let honest = Liar::new(honest);
    for n in 0..20 {
        assert_eq!(honest.check(&seed(n)), Ok(()));
    }
}

#[test]
fn labels_are_as_wide_as_the_digest() {
    // Wider ones would be expanded from a seed of the digest's width, and the seed kept instead.
    assert_eq!(hash::mask(&ReplicaKey([0; 32]), 1, &[[0; 64]; PARENTS]).len(), LABEL_BYTES);
}

#[test]
fn skipping_parents_is_noticed() {
    let none = Liar::new(|key, position, _| hash::blake2b_512(&[&key.0, &position.to_le_bytes()]));
    let one_less = Liar::new(|key, position, replica| {
        let mut parents = parents(position, replica);
        parents[PARENTS - 1] = parents[0];
        hash::mask(key, position, &parents)
    });
    for n in 0..20 {
        assert_eq!(none.check(&seed(n)), MISCODED);
        assert_eq!(one_less.check(&seed(n)), MISCODED);
    }
}

#[test]
fn skipping_repeats_is_noticed() {
    let once = Liar::new(|key, position, replica| {
        let all = if position == 0 { vec![] } else { parents(position, replica)[..ROUND_PARENTS].concat() };
        hash::blake2b_512(&[&key.0, &position.to_le_bytes(), &all])
    });
    let same_twice = Liar::new(|key, position, replica| {
        let mut all = parents(position, replica);
        all.copy_within(..ROUND_PARENTS, ROUND_PARENTS);
        hash::mask(key, position, &all)
    });
    for n in 0..20 {
        assert_eq!(once.check(&seed(n)), MISCODED);
        assert_eq!(same_twice.check(&seed(n)), MISCODED);
    }
}

#[test]
fn skipping_node_zero_is_noticed() {
    let skipped = Liar::new(|key, position, replica| match position {
        0 => [0; 64],
        _ => honest(key, position, replica),
    });
    let asked = |n: &u64| challenge::seal_positions(&seed(*n), &skipped.key, SizeClass::MIN).contains(&0);
    let n = (0..).find(asked).unwrap();
    assert_eq!(skipped.check(&seed(n)), MISCODED);
    assert_eq!(Liar::new(honest).check(&seed(n)), Ok(()), "the challenge itself can be met");
}

#[test]
fn a_miscoded_label_is_noticed_when_it_is_asked_for() {
    // Every label but one is right; labels after it are encoded from the wrong one.
    let wrong = 700;
    let liar = Liar::new(|key, position, replica| {
        let mut mask = honest(key, position, replica);
        mask[0] ^= u8::from(position == wrong);
        mask
    });
    let asked = |n: &u64| challenge::seal_positions(&seed(*n), &liar.key, SizeClass::MIN).contains(&wrong);
    assert_eq!(liar.check(&seed((0..).find(asked).unwrap())), MISCODED);
    assert_eq!(liar.check(&seed((0..).find(|n| !asked(n)).unwrap())), Ok(()));
}

#[test]
fn an_audit_recomputes_when_the_seed_says_so() {
    let liar = Liar::new(|key, position, _| hash::blake2b_512(&[&key.0, &position.to_le_bytes()]));
    let class = SizeClass::MIN;
    let audit = |seed: &[u8; 32], with_data: bool| {
        let (opened, check) = challenge::audit_opened(seed, &liar.key, class);
        let data = check.filter(|_| with_data).map(|at| liar.data.open(&[at]).lemmas).unwrap_or_default();
        let proof = AuditProof { replica: liar.replica.open(&opened), data };
        verify_audit(&liar.key, class, &liar.data.root(), &liar.replica.root(), seed, &proof)
    };
    let asked = |n: &u64| challenge::audit_seal_position(&seed(*n), &liar.key, class).is_some();
    let n = (0..).find(asked).unwrap();
    assert_eq!(audit(&seed(n), true), MISCODED);
    assert_eq!(audit(&seed(n), false), Err(ProofError::Data(OpeningError::Lemmas)), "leaving it out is no way round");
    assert_eq!(audit(&seed((0..).find(|n| !asked(n)).unwrap()), true), Ok(()), "plain audits see raw labels only");
}

#[test]
fn hashes_instead_of_raw_labels_are_refused() {
    let shard = shared();
    for n in 0..50 {
        let mut proof = prove::audit(&shard.source(), &seed(n)).unwrap();
        let positions = challenge::audit_opened(&seed(n), &shard.key, shard.class).0;
        for (label, position) in proof.replica.labels.iter_mut().zip(positions) {
            let leaf = tree::leaf(&Purpose::Replica(shard.key), position, label);
            *label = [leaf, leaf].concat().try_into().unwrap();
        }
        assert_eq!(shard.verify_audit(n, &proof), Err(ProofError::Replica(OpeningError::Root)));
    }
}

#[test]
fn a_proof_is_worth_nothing_in_another_period() {
    let shard = shared();
    for n in 0..50 {
        let audit = prove::audit(&shard.source(), &seed(n)).unwrap();
        let seal = prove::seal(&shard.source(), &seed(n)).unwrap();
        assert_eq!(shard.verify_audit(n, &audit), Ok(()));
        assert!(shard.verify_audit(n + 1, &audit).is_err());
        assert!(shard.verify_seal(n + 1, &seal).is_err());
    }
}

/// Keys of the same data elsewhere: another chain, provider, shard, slot, assignment.
fn elsewhere(comm_d: &Hash) -> [ReplicaKey; 5] {
    [
        ReplicaKey::derive(&[9; 32], &PROVIDER, (0, 0), 0, comm_d, &TICKET),
        ReplicaKey::derive(&GENESIS, &[9; 32], (0, 0), 0, comm_d, &TICKET),
        ReplicaKey::derive(&GENESIS, &PROVIDER, (0, 1), 0, comm_d, &TICKET),
        ReplicaKey::derive(&GENESIS, &PROVIDER, (0, 0), 1, comm_d, &TICKET),
        ReplicaKey::derive(&GENESIS, &PROVIDER, (0, 0), 0, comm_d, &[9; 32]),
    ]
}

#[test]
fn a_proof_is_worth_nothing_for_another_replica_provider_or_chain() {
    let shard = shared();
    for (at, key) in elsewhere(&shard.comm_d).into_iter().enumerate() {
        let (_, other) = common::seal(key, shard.class, &shard.data);
        for n in 0..5 {
            let audit = prove::audit(&shard.source(), &seed(n)).unwrap();
            let seal = prove::seal(&shard.source(), &seed(n)).unwrap();
            let (class, comm_d, comm_r) = (shard.class, &shard.comm_d, &other.comm_r);
            assert!(verify_audit(&key, class, comm_d, comm_r, &seed(n), &audit).is_err(), "{at}");
            assert!(verify_seal(&key, class, comm_d, comm_r, &seed(n), &seal).is_err(), "{at}");
        }
    }
}

#[test]
fn a_copied_root_proves_nothing() {
    // The copier commits somebody else's root, and that one's provider answers the copier's challenges.
    let shard = shared();
    for (at, key) in elsewhere(&shard.comm_d).into_iter().enumerate() {
        let copier = prove::Replica { key, ..shard.source() };
        assert!(prove::audit(&copier, &seed(1)).is_err(), "an honest prover sees at once that it does not fit");
        let tree = Tree::new(Purpose::Replica(shard.key), shard.class, labels(&shard.replica));
        assert_eq!(tree.root(), shard.sealed.comm_r);
        for n in 0..20 {
            let (opened, check) = challenge::audit_opened(&seed(n), &key, shard.class);
            if check.is_some() {
                continue;
            }
            let proof = AuditProof { replica: tree.open(&opened), data: vec![] };
            let answer = verify_audit(&key, shard.class, &shard.comm_d, &tree.root(), &seed(n), &proof);
            assert_eq!(answer, Err(ProofError::Replica(OpeningError::Root)), "{at}");
        }
    }
}

#[test]
fn a_seed_known_before_the_commitment_proves_nothing() {
    // Why challenges come after the root is on-chain: labels made up for a known seed have a root like any others.
    let (class, key) = (SizeClass::MAX, ReplicaKey([1; 32]));
    let plain = |n: &u64| challenge::audit_seal_position(&seed(*n), &key, class).is_none();
    let n = (0..).find(plain).unwrap();
    let positions = challenge::audit_opened(&seed(n), &key, class).0;
    let opening =
        Opening { labels: vec![[7; 64]; positions.len()], lemmas: vec![[8; 32]; lemmas(class, &positions).len()] };
    let mut leaves: Vec<(Hash, u32)> = positions
        .iter()
        .map(|at| (tree::leaf(&Purpose::Replica(key), *at, &[7; 64]), (class.labels() - 1 + at) as u32))
        .collect();
    leaves.sort();
    let (hashes, indices): (Vec<Hash>, Vec<u32>) = leaves.into_iter().unzip();
    let root = merkle_cbt::MerkleProof::<Hash, tree::Merge>::new(indices, opening.lemmas.clone()).root(&hashes);
    let proof = AuditProof { replica: opening, data: vec![] };
    assert_eq!(verify_audit(&key, class, &[0; 32], &root.unwrap(), &seed(n), &proof), Ok(()));
    assert!(verify_audit(&key, class, &[0; 32], &root.unwrap(), &seed(n + 1), &proof).is_err());
}

#[test]
fn sizes_do_not_come_from_the_prover() {
    let shard = shared();
    for n in 0..10 {
        let audit = prove::audit(&shard.source(), &seed(n)).unwrap();
        for class in SizeClass::all().filter(|class| *class != shard.class) {
            let answer = verify_audit(&shard.key, class, &shard.comm_d, &shard.sealed.comm_r, &seed(n), &audit);
            assert!(answer.is_err(), "{class}");
        }
    }
}

#[test]
fn missing_and_surplus_parts_are_refused() {
    let shard = shared();
    let proof = prove::seal(&shard.source(), &seed(3)).unwrap();
    let refused = |change: &dyn Fn(&mut SealProof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        shard.verify_seal(3, &changed).unwrap_err()
    };
    let labels = ProofError::Replica(OpeningError::Labels);
    let lemmas = ProofError::Replica(OpeningError::Lemmas);
    assert_eq!(refused(&|proof| proof.replica.labels.truncate(100)), labels);
    assert_eq!(refused(&|proof| proof.replica.labels.push([0; 64])), labels);
    assert_eq!(refused(&|proof| proof.replica.labels.clear()), labels);
    assert_eq!(refused(&|proof| proof.replica.lemmas.truncate(100)), lemmas);
    assert_eq!(refused(&|proof| proof.replica.lemmas.push([0; 32])), lemmas);
    assert_eq!(refused(&|proof| proof.replica.lemmas.clear()), lemmas);
    assert_eq!(refused(&|proof| proof.data.truncate(1)), ProofError::Data(OpeningError::Lemmas));
    assert_eq!(refused(&|proof| proof.data.push([0; 32])), ProofError::Data(OpeningError::Lemmas));
    assert_eq!(refused(&|proof| proof.replica.labels.swap(0, 1)), ProofError::Replica(OpeningError::Root));

    let plain = |n: &u64| challenge::audit_seal_position(&seed(*n), &shard.key, shard.class).is_none();
    let n = (0..).find(plain).unwrap();
    let mut audit = prove::audit(&shard.source(), &seed(n)).unwrap();
    audit.data.push([0; 32]);
    assert_eq!(shard.verify_audit(n, &audit), Err(ProofError::Unasked));
}

#[test]
fn the_data_of_another_shard_is_noticed() {
    // Sealed rightly, but from other data than the client's.
    let class = SizeClass::MIN;
    let (comm_d, rows) = data::commit(&common::bytes(class, 1), class).unwrap();
    let key = ReplicaKey::derive(&GENESIS, &PROVIDER, (1, 0), 0, &comm_d, &TICKET);
    let other = Shard::sealed_from(class, key, comm_d, rows.as_bytes().to_vec(), common::bytes(class, 2));
    let (opened, checks) = challenge::seal_opened(&seed(0), &key, class);
    let replica = Tree::new(Purpose::Replica(key), class, labels(&other.replica)).open(&opened);
    for bytes in [common::bytes(class, 1), common::bytes(class, 2)] {
        let data = Tree::new(Purpose::Data, class, labels(&bytes)).open(&checks).lemmas;
        let proof = SealProof { replica: replica.clone(), data };
        assert_eq!(other.verify_seal(0, &proof), MISCODED);
    }
}

#[test]
fn every_root_binds_its_purpose() {
    // A tree over data does not pass for one over a replica with the same labels, nor the other way round.
    let class = SizeClass::MIN;
    let bytes = labels(&common::bytes(class, 1));
    let key = ReplicaKey([4; 32]);
    let data = Tree::new(Purpose::Data, class, bytes.clone());
    let replica = Tree::new(Purpose::Replica(key), class, bytes);
    let check = |tree: &Tree, purpose| {
        let Opening { labels, lemmas } = tree.open(&[1, 77]);
        tree::verify(&tree.root(), &purpose, class, &[1, 77], &labels, &lemmas)
    };
    assert_eq!(check(&data, Purpose::Data), Ok(()));
    assert_eq!(check(&replica, Purpose::Replica(key)), Ok(()));
    assert_eq!(check(&data, Purpose::Replica(key)), Err(OpeningError::Root));
    assert_eq!(check(&replica, Purpose::Data), Err(OpeningError::Root));
    assert_eq!(check(&replica, Purpose::Replica(ReplicaKey([5; 32]))), Err(OpeningError::Root));
}
