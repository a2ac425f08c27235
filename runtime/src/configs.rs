//! Every pallet's configuration.

#![warn(missing_docs)]

mod consensus;
mod money;
mod storage;
mod system;

pub use consensus::{MaxAuthorities, ParentVrf};
pub use money::{ExistentialDeposit, PLANCKS_PER_BYTE};
pub use storage::{
    AdminsShare, AssignmentDeposit, BlockAuthor, BurntShare, CollateralBase, CollateralPerGib, MinCapacity,
    MinCollateral, NewcomerBytes, OnboardingFee, ProofCharge, RepairServedPrice,
};
pub use system::{block_weights, RuntimeBlockLength, RuntimeBlockWeights, NORMAL_RATIO};
