//! Misbehaviour on purpose: what a modified program would do, for the tests that show that it is caught.
//!
//! `STATION_MISBEHAVE=NAME` makes a provider do one of these. It is compiled into every binary, as failpoints are, so that what
//! is tested is the program that is shipped; without the variable each place costs a look at an empty cell.
//!
//! | name | what the provider does |
//! |---|---|
//! | `altered-pieces` | flips a bit of every piece that it serves, to readers and for repairs |
//! | `refuse-service` | proves, and serves nothing |
//! | `slow-service` | serves every piece a second late |
//! | `replayed-proof=FILE` | answers audits with the SCALE-encoded proof in FILE, honestly as long as there is none |
//! | `garbage-commitment` | commits a root that is not its replica's, and answers the seal check with what it has |
//!
//! Whoever sets it on a node of their own loses collateral by it, and nobody else does.

use codec::DecodeAll;
use station_client_transfer::protocol::{Piece, Refusal};
use station_porep::proof::AuditProof;
use station_primitives::Commitment;
use std::{path::PathBuf, sync::OnceLock, time::Duration};

/// The variable that names it.
pub const VARIABLE: &str = "STATION_MISBEHAVE";
/// How late [`Misbehaviour::SlowService`] is.
const SLOW: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Misbehaviour {
    AlteredPieces,
    RefuseService,
    SlowService,
    ReplayedProof(PathBuf),
    GarbageCommitment,
}

/// Written once, at the start of the process.
static CHOSEN: OnceLock<Misbehaviour> = OnceLock::new();

impl Misbehaviour {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "altered-pieces" => Some(Self::AlteredPieces),
            "refuse-service" => Some(Self::RefuseService),
            "slow-service" => Some(Self::SlowService),
            "garbage-commitment" => Some(Self::GarbageCommitment),
            other => other.strip_prefix("replayed-proof=").map(|file| Self::ReplayedProof(file.into())),
        }
    }

    fn piece(&self, mut piece: Piece) -> Result<Piece, Refusal> {
        match self {
            Self::AlteredPieces => piece.data.iter_mut().take(1).for_each(|byte| *byte ^= 1),
            Self::RefuseService => return Err(Refusal::NotFound),
            // On a thread that may block.
            Self::SlowService => std::thread::sleep(SLOW),
            Self::ReplayedProof(_) | Self::GarbageCommitment => {}
        }
        Ok(piece)
    }

    fn proof(&self, own: AuditProof) -> AuditProof {
        let Self::ReplayedProof(file) = self else { return own };
        let replayed = std::fs::read(file).ok().and_then(|bytes| AuditProof::decode_all(&mut &bytes[..]).ok());
        replayed.unwrap_or(own)
    }

    fn root(&self, comm_r: Commitment) -> Commitment {
        match self {
            Self::GarbageCommitment => comm_r.map(|byte| !byte),
            _ => comm_r,
        }
    }

    fn hands_in_anything(&self) -> bool {
        matches!(self, Self::ReplayedProof(_) | Self::GarbageCommitment)
    }
}

/// Take the misbehaviour named by [`VARIABLE`], if there is one. Ends the process if it has no such name.
pub(crate) fn install_from_env() {
    let Some(name) = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty()) else { return };
    let Some(chosen) = Misbehaviour::parse(&name) else {
        eprintln!("{VARIABLE}={name}: there is no such misbehaviour");
        std::process::exit(2);
    };
    eprintln!("{VARIABLE}={name}: this node misbehaves on purpose, and will lose collateral or pay for it");
    let _ = CHOSEN.set(chosen);
}

/// A piece as it is served.
pub(crate) fn piece(piece: Piece) -> Result<Piece, Refusal> {
    match CHOSEN.get() {
        None => Ok(piece),
        Some(chosen) => chosen.piece(piece),
    }
}

/// A proof as it is handed in.
pub(crate) fn proof(own: AuditProof) -> AuditProof {
    match CHOSEN.get() {
        None => own,
        Some(chosen) => chosen.proof(own),
    }
}

/// The root of a sealed replica as it is committed.
pub(crate) fn root(comm_r: Commitment) -> Commitment {
    CHOSEN.get().map_or(comm_r, |chosen| chosen.root(comm_r))
}

/// What becomes of a proof that does not hold: an honest provider does not hand it in.
pub(crate) fn unless_misbehaving<E>(error: E) -> Result<(), E> {
    match CHOSEN.get() {
        Some(chosen) if chosen.hands_in_anything() => Ok(()),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codec::Encode;

    fn of(name: &str) -> Misbehaviour {
        Misbehaviour::parse(name).unwrap()
    }

    fn served() -> Piece {
        Piece { data: vec![7; 64], siblings: vec![[1; 32]] }
    }

    #[test]
    fn an_honest_process_changes_nothing() {
        assert_eq!(piece(served()), Ok(served()));
        assert_eq!(root([3; 32]), [3; 32]);
        assert_eq!(unless_misbehaving("wrong"), Err("wrong"));
        assert_eq!(Misbehaviour::parse("no-such-thing"), None);
    }

    #[test]
    fn each_does_its_own_and_no_other() {
        let altered = of("altered-pieces").piece(served()).unwrap();
        assert_ne!(altered.data, served().data);
        assert_eq!(altered.siblings, served().siblings);
        assert_eq!(of("refuse-service").piece(served()), Err(Refusal::NotFound));
        assert_ne!(of("garbage-commitment").root([3; 32]), [3; 32]);
        assert_eq!(of("garbage-commitment").piece(served()), Ok(served()));
        assert_eq!(of("altered-pieces").root([3; 32]), [3; 32]);
        assert!(of("garbage-commitment").hands_in_anything() && !of("altered-pieces").hands_in_anything());
    }

    #[test]
    fn a_proof_is_replayed_as_soon_as_there_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("proof");
        let replays = of(&format!("replayed-proof={}", file.display()));
        let (own, other) = (AuditProof::default(), AuditProof { data: vec![[9; 32]], ..AuditProof::default() });
        assert_eq!(replays.proof(own.clone()), own);
        std::fs::write(&file, other.encode()).unwrap();
        assert_eq!(replays.proof(own), other);
    }
}
