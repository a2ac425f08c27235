//! BABE, GRANDPA, sessions, and reports of equivocation.

use crate::{
    timing::{EpochDuration, MinimumPeriod, SlotDuration},
    validators::{GenesisValidators, UnitIdentification, HISTORY_SESSIONS},
    AccountId, Babe, Balance, Balances, Historical, Offences, Runtime, RuntimeCall, RuntimeEvent, Session, SessionKeys,
    UncheckedExtrinsic,
};
use frame_support::{
    parameter_types,
    traits::{ConstU32, ConstU64, Get},
};
use pallet_session::historical;
use sp_runtime::traits::{ConvertInto, OpaqueKeys};

parameter_types! {
    /// The most validators: a bound on what a session change costs.
    pub const MaxAuthorities: u32 = 256;
    /// What an account locks to register session keys.
    pub const KeyDeposit: Balance = station_primitives::TKT;
    /// Equivocations are reported within so many blocks: a week of live ones.
    pub const ReportLongevity: u64 = 100_800;
}

/// The VRF output of the parent block's author, which nobody could choose: what beacons are made of.
pub struct ParentVrf;

impl Get<Option<[u8; 32]>> for ParentVrf {
    fn get() -> Option<[u8; 32]> {
        // BABE records it in `on_finalize`, so that during execution this is the parent's.
        pallet_babe::AuthorVrfRandomness::<Runtime>::get()
    }
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    type OnTimestampSet = Babe;
    type MinimumPeriod = MinimumPeriod;
    type WeightInfo = pallet_timestamp::weights::SubstrateWeight<Runtime>;
}

impl pallet_babe::Config for Runtime {
    type EpochDuration = EpochDuration;
    type ExpectedBlockTime = SlotDuration;
    type EpochChangeTrigger = pallet_babe::ExternalTrigger;
    type DisabledValidators = Session;
    type WeightInfo = ();
    type MaxAuthorities = MaxAuthorities;
    // Nobody nominates.
    type MaxNominators = ConstU32<0>;
    type KeyOwnerProof = sp_session::MembershipProof;
    type EquivocationReportSystem = pallet_babe::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_grandpa::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type WeightInfo = ();
    type MaxAuthorities = MaxAuthorities;
    type MaxNominators = ConstU32<0>;
    // A set change at most once a session.
    type MaxSetIdSessionEntries = ConstU64<{ HISTORY_SESSIONS as u64 }>;
    type KeyOwnerProof = sp_session::MembershipProof;
    type EquivocationReportSystem =
        pallet_grandpa::EquivocationReportSystem<Self, Offences, Historical, ReportLongevity>;
}

impl pallet_session::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type ValidatorId = AccountId;
    type ValidatorIdOf = ConvertInto;
    type ShouldEndSession = Babe;
    type NextSessionRotation = Babe;
    type SessionManager = historical::NoteHistoricalRoot<Self, GenesisValidators>;
    type SessionHandler = <SessionKeys as OpaqueKeys>::KeyTypeIdProviders;
    type Keys = SessionKeys;
    type DisablingStrategy = ();
    type WeightInfo = pallet_session::weights::SubstrateWeight<Runtime>;
    type Currency = Balances;
    type KeyDeposit = KeyDeposit;
}

impl historical::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type FullIdentification = ();
    type FullIdentificationOf = UnitIdentification;
}

impl pallet_authorship::Config for Runtime {
    type FindAuthor = pallet_session::FindAccountFromAuthorIndex<Self, Babe>;
    type EventHandler = ();
}

impl pallet_offences::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type IdentificationTuple = historical::IdentificationTuple<Self>;
    // Offences are recorded; bonds to slash come with the admins' pallet.
    type OnOffenceHandler = ();
}

// Reports of equivocation travel as bare extrinsics that the pallets check themselves.
impl<C> frame_system::offchain::CreateTransactionBase<C> for Runtime
where
    RuntimeCall: From<C>,
{
    type Extrinsic = UncheckedExtrinsic;
    type RuntimeCall = RuntimeCall;
}

impl<C> frame_system::offchain::CreateBare<C> for Runtime
where
    RuntimeCall: From<C>,
{
    fn create_bare(call: RuntimeCall) -> UncheckedExtrinsic {
        UncheckedExtrinsic::new_bare(call)
    }
}
