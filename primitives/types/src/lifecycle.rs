//! What a replica, a shard and a deal can be, and why that changes.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use scale_info::TypeInfo;
use serde::{Deserialize, Serialize};

macro_rules! plain_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
            Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vmeta])* $variant),* }
    };
}

plain_enum! {
    /// `Assigned → Committed → Active → Faulty → (Active | Replaced)`.
    ReplicaState {
        /// A provider was drawn; the data is on its way or being sealed.
        Assigned,
        /// The root is on-chain; the seal check is outstanding.
        Committed,
        /// Proven, and proven again every period.
        Active,
        /// A challenge is outstanding: unpaid, not live.
        Faulty,
        /// The slot has no provider at the moment: the last one was slashed, left or never delivered.
        Replaced,
    }
}

plain_enum! {
    /// A shard's health. *Live* replicas are active ones with no outstanding miss.
    ShardState {
        /// Not all replicas have become active for the first time.
        Pending,
        /// As many live replicas as the deal asks for.
        Healthy,
        /// Fewer than asked for, but two or more.
        Degraded,
        /// Fewer than two live replicas, some not yet lost.
        BelowMinimum,
        /// No replica is left.
        Lost,
    }
}

/// A deal's state is its worst shard's.
pub type DealState = ShardState;

plain_enum! {
    /// What happened to a replica, in a shard's history.
    HistoryEvent {
        /// A provider was drawn for the slot.
        Assigned,
        /// The provider put the replica's root on-chain.
        Committed,
        /// The seal check passed.
        Activated,
        /// A challenge passed unanswered.
        Missed,
        /// An outstanding challenge was answered within the grace window.
        Recovered,
        /// The replica's collateral was taken.
        Slashed,
        /// The slot was given up by its provider or taken from it without a fault.
        Released,
        /// Nobody was drawn within the bounds; the slot failed to the client.
        Failed,
        /// A repair order was opened for the slot.
        RepairOpened,
        /// The repair order was closed without a replacement: its holder came back, or the deal is ending.
        RepairCancelled,
        /// The holder that the repair order, or its own leaving, concerned was replaced by another's commitment.
        Replaced,
        /// The holder reported the fault itself.
        Reported,
        /// A source of a repair was named as not serving.
        SourceNamed,
    }
}

plain_enum! {
    /// Why. Every miss and slash carries one.
    Reason {
        /// The normal course of things.
        None,
        /// An audit was not answered.
        MissedAudit,
        /// An audit's answer was wrong.
        InvalidProof,
        /// The seal check's answer was wrong.
        FailedSealCheck,
        /// The seal check was not answered.
        UnansweredSealCheck,
        /// The first commitment did not come in time: nobody's provable fault.
        LateCommitment,
        /// Confirmed unreachable.
        Unreachable,
        /// The provider left before its replicas had moved.
        LeftEarly,
        /// No eligible provider: too few, too dear, or too small.
        NoProvider,
        /// The deal ended.
        Expired,
        /// The client cancelled.
        Cancelled,
        /// The holder found the fault itself: bits that rotted, a file that went missing.
        SelfReported,
        /// The provider leaves, and its replicas are handed over.
        Leaving,
        /// The provider's collateral stayed short of what its replicas need for the whole top-up window.
        Undercollateralized,
    }
}
