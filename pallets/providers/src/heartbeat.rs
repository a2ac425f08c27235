//! Signs of life.

use crate::{duty_signed_by, Config, Error, Event, Pallet, Provider, Providers};
use frame_support::{
    pallet_prelude::{InvalidTransaction, TransactionSource, TransactionValidityError, ValidTransaction},
    pallet_prelude::{TransactionLongevity, Weight},
};
use sp_core::sr25519;
use sp_runtime::{traits::SaturatedConversion, DispatchResult};
use station_primitives::{AccountId, BlockNumber, DutyStatement};

/// What `authorize` returns.
type Authorized = Result<(ValidTransaction, Weight), TransactionValidityError>;

impl<T: Config> Pallet<T> {
    /// The present block's number.
    pub fn now() -> BlockNumber {
        frame_system::Pallet::<T>::block_number().saturated_into()
    }

    /// Whether a heartbeat made on `block` counts now: due, recent, and newer than the last.
    ///
    /// It is due from half a heartbeat period after the last on, so that one that took a few blocks to be included does
    /// not delay the next.
    fn heartbeat_counts(provider: &Provider, block: BlockNumber) -> bool {
        let period = Self::timing().heartbeat.max(1);
        let now = Self::now();
        block <= now
            && block.saturating_add(period) >= now
            && block > provider.last_beat
            && now >= provider.last_seen.saturating_add(period.div_ceil(2))
    }

    pub(crate) fn authorize_heartbeat(
        _source: TransactionSource,
        provider: &AccountId,
        block: &BlockNumber,
        signature: &sr25519::Signature,
    ) -> Authorized {
        let record = Providers::<T>::get(provider).ok_or(InvalidTransaction::BadSigner)?;
        if !Self::heartbeat_counts(&record, *block) {
            return Err(InvalidTransaction::Stale.into());
        }
        if !duty_signed_by::<T>(provider, &DutyStatement::Heartbeat { block: *block }, signature) {
            return Err(InvalidTransaction::BadProof.into());
        }
        let validity = ValidTransaction {
            // Below audits: a congested block should rather carry those.
            priority: u64::from(*block),
            provides: alloc::vec![codec::Encode::encode(&("station/heartbeat", provider))],
            longevity: TransactionLongevity::from(Self::timing().heartbeat),
            propagate: true,
            ..Default::default()
        };
        Ok((validity, Weight::zero()))
    }

    pub(crate) fn do_heartbeat(provider: AccountId, block: BlockNumber) -> DispatchResult {
        let now = Self::now();
        Providers::<T>::try_mutate(&provider, |record| -> DispatchResult {
            let record = record.as_mut().ok_or(Error::<T>::NotRegistered)?;
            frame_support::ensure!(Self::heartbeat_counts(record, block), Error::<T>::HeartbeatNotDue);
            record.last_seen = now;
            record.last_beat = block;
            Ok(())
        })?;
        Self::deposit_event(Event::Heartbeat { provider });
        Ok(())
    }
}
