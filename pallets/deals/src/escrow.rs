//! What leaves an escrow, and the ledger of it.

use crate::{Config, Deal, Deals, Error, HoldReason, Paid, Pallet, Totals};
use frame_support::{
    ensure,
    traits::{
        fungible::hold::Mutate,
        tokens::{Fortitude, Precision, Restriction},
        Get,
    },
};
use sp_runtime::{DispatchError, DispatchResult, Permill};
use station_primitives::{AccountId, Balance, DealId, Price};

/// `floor(amount × parts / 10^6)`. (`Permill * amount` rounds to the nearest, which is not what the formula says.)
pub(crate) fn share_of(amount: Balance, parts: u32) -> Balance {
    const WHOLE: Balance = 1_000_000;
    let parts = Balance::from(parts);
    // Divided first, so that the product never exceeds the amount.
    let (millions, rest) = (amount / WHOLE, amount % WHOLE);
    millions.saturating_mul(parts).saturating_add(rest.saturating_mul(parts) / WHOLE)
}

impl<T: Config> Pallet<T> {
    /// Pay one proven period, and burn its charge. `price` is the provider's; the client's highest price bounds it.
    pub fn pay_period(id: DealId, provider: &AccountId, price: Price, bytes: u64) -> Result<Paid, DispatchError> {
        let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::UnknownDeal)?;
        let timing = T::Timing::get();
        let pay = station_primitives::period_pay(price.min(deal.max_price), bytes, timing.period, timing.slot_ms);
        let (burnt_parts, admins_parts) = (T::BurntShare::get().deconstruct(), T::AdminsShare::get().deconstruct());
        let provider_parts = Permill::one().deconstruct().saturating_sub(burnt_parts).saturating_sub(admins_parts);
        let earned = share_of(pay, provider_parts);
        let admins = share_of(pay, admins_parts);

        Self::send(&deal.client, provider, earned)?;
        let author = T::AdminsShareTo::get();
        // An author whose account cannot take so little leaves its share to the fire.
        let admins = author.filter(|author| Self::send(&deal.client, author, admins).is_ok()).map_or(0, |_| admins);
        let burnt = pay.saturating_sub(earned).saturating_sub(admins).saturating_add(T::ProofCharge::get());
        Self::burn(&deal.client, burnt)?;
        let paid = Paid { provider: earned, admins, burnt };
        Self::book(&mut deal, paid.total(), burnt)?;
        Deals::<T>::insert(id, deal);
        Ok(paid)
    }

    /// Burn the charge of a proof that is not paid.
    pub fn charge_proof(id: DealId) -> Result<Balance, DispatchError> {
        Self::burn_from(id, T::ProofCharge::get())
    }

    /// Pay the onboarding fee.
    pub fn pay_onboarding(id: DealId, provider: &AccountId) -> Result<Balance, DispatchError> {
        let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::UnknownDeal)?;
        let fee = T::OnboardingFee::get();
        Self::send(&deal.client, provider, fee)?;
        Self::book(&mut deal, fee, 0)?;
        Deals::<T>::insert(id, deal);
        Ok(fee)
    }

    /// Burn the client's part of the deposit for an assignment that never arrived, and count it.
    pub fn burn_deposit(id: DealId, amount: Balance) -> Result<Balance, DispatchError> {
        let burnt = Self::burn_from(id, amount)?;
        Deals::<T>::mutate(id, |deal| {
            if let Some(deal) = deal {
                deal.late_uploads = deal.late_uploads.saturating_add(1);
            }
        });
        Ok(burnt)
    }

    /// Burn `amount` of the escrow.
    pub fn burn_from(id: DealId, amount: Balance) -> Result<Balance, DispatchError> {
        let mut deal = Deals::<T>::get(id).ok_or(Error::<T>::UnknownDeal)?;
        Self::burn(&deal.client, amount)?;
        Self::book(&mut deal, amount, amount)?;
        Deals::<T>::insert(id, deal);
        Ok(amount)
    }

    /// Release `amount` of the escrow to the client.
    pub(crate) fn give_back(deal: &mut Deal, amount: Balance) -> DispatchResult {
        if amount == 0 {
            return Ok(());
        }
        ensure!(amount <= deal.escrow, Error::<T>::EscrowExhausted);
        T::Currency::release(&HoldReason::Escrow.into(), &deal.client, amount, Precision::Exact)?;
        deal.escrow = deal.escrow.saturating_sub(amount);
        Totals::<T>::mutate(|sums| sums.escrow = sums.escrow.saturating_sub(amount));
        Ok(())
    }

    pub(crate) fn send(client: &AccountId, to: &AccountId, amount: Balance) -> DispatchResult {
        if amount == 0 {
            return Ok(());
        }
        T::Currency::transfer_on_hold(
            &HoldReason::Escrow.into(),
            client,
            to,
            amount,
            Precision::Exact,
            Restriction::Free,
            Fortitude::Force,
        )
        .map(|_| ())
    }

    fn burn(client: &AccountId, amount: Balance) -> DispatchResult {
        if amount == 0 {
            return Ok(());
        }
        T::Currency::burn_held(&HoldReason::Escrow.into(), client, amount, Precision::Exact, Fortitude::Force)
            .map(|_| ())
    }

    pub(crate) fn book(deal: &mut Deal, amount: Balance, burnt: Balance) -> DispatchResult {
        // Holds are summed by account: without this check one deal could spend another's escrow.
        deal.escrow = deal.escrow.checked_sub(amount).ok_or(Error::<T>::EscrowExhausted)?;
        deal.spent = deal.spent.saturating_add(amount);
        Totals::<T>::mutate(|sums| {
            sums.escrow = sums.escrow.saturating_sub(amount);
            sums.burnt = sums.burnt.saturating_add(burnt);
        });
        Ok(())
    }
}
