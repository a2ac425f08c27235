//! Register: enter the chain's list of providers, and keep the entry true.
//!
//! Registration and updates are ordinary signed transactions with a nonce and a fee. One is under way at a time; its nonce
//! is read from the chain anew each time, so that it survives restarts and re-orgs: if it was lost, the next has the
//! same nonce, and if it was included, the registration is there and nothing is sent.

use super::{on_its_way, Context, FlowError};
use crate::{
    chain::{At, SubmitError},
    config::{Config, Terms},
    mark::Mark,
};
use frame_support::BoundedVec;
use pallet_station_providers::{Call, Changes, Policy};
use station_primitives::{api::ProviderInfo, AccountId, Balance, BlockNumber, Nonce, TKT};
use station_runtime::{Runtime, RuntimeCall};

/// After so many blocks a transaction that had no effect is given up and made again.
const PATIENCE: BlockNumber = 20;
/// An address counts as changed when it was the same for so many blocks: discovery flaps, and every update costs a fee.
const SETTLED: u32 = 10;

/// What the registration needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Nothing,
    /// It waits for something outside.
    Wait(Waiting),
    /// Register with these terms.
    Register {
        /// Where the node listens.
        address: String,
        /// Plancks to lock.
        collateral: Balance,
    },
    /// Change the entry.
    Update(Changes),
    /// Leave the list: nothing is left to be kept.
    Deregister,
}

/// What registration waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// The node knows no address of its own yet.
    Address,
    /// The account's balance.
    Funds {
        /// What is free.
        free: Balance,
        /// The least that is needed.
        least: Balance,
    },
    /// The operator to say that it is to come back: it has left.
    Rejoin,
}

/// Decide, purely.
///
/// `settings`: whether the operator's settings are to be compared as well as the address.
pub fn step(
    config: &Config,
    terms: &Terms,
    account: &AccountId,
    entry: Option<&ProviderInfo>,
    free: Balance,
    address: Option<&str>,
    settings: bool,
) -> Step {
    let Some(entry) = entry else {
        let Some(address) = address else { return Step::Wait(Waiting::Address) };
        return match terms.affordable(config.capacity, config.collateral, free) {
            Some(collateral) => Step::Register { address: address.to_owned(), collateral },
            None => Step::Wait(Waiting::Funds { free, least: terms.least.saturating_add(crate::config::RESERVE) }),
        };
    };
    if entry.leaving && entry.replicas == 0 && entry.used == 0 {
        return Step::Deregister;
    }
    let mut changes = Changes::default();
    if let Some(address) = address.filter(|address| address.as_bytes() != entry.multiaddr.as_slice()) {
        changes.multiaddr = BoundedVec::try_from(address.as_bytes().to_vec()).ok();
    }
    if settings && config.keep_registration && !entry.leaving {
        changes.capacity = differs(config.capacity, entry.capacity);
        changes.price = differs(config.price, entry.price);
        changes.retrieval_price = differs(config.retrieval_price, entry.retrieval_price);
        changes.operator = differs(operator(config, account), entry.operator);
        changes.policy = (config.friends.is_empty() == entry.friends_only).then(|| policy(config));
        changes.collateral = top_up(config, terms, entry, free);
    }
    // What was slashed or fined is made good as far as the operator's settings and the balance go: while collateral is short for
    // too long, replicas are handed over to others.
    if entry.short_since.is_some() && config.keep_registration && !entry.leaving {
        changes.collateral = top_up(config, terms, entry, free);
    }
    if changes == Changes::default() {
        Step::Nothing
    } else {
        Step::Update(changes)
    }
}

fn differs<T: PartialEq>(wanted: T, is: T) -> Option<T> {
    (wanted != is).then_some(wanted)
}

/// More collateral, if the capacity needs more and the balance allows it now. Never less: that is the operator's to say.
fn top_up(config: &Config, terms: &Terms, entry: &ProviderInfo, free: Balance) -> Option<Balance> {
    let all = free.saturating_add(entry.collateral);
    let can = terms.affordable(config.capacity, config.collateral, all)?;
    (can > entry.collateral).then_some(can)
}

/// The operator group: an account's own by default, so that nobody shares one by accident.
fn operator(config: &Config, account: &AccountId) -> [u8; 32] {
    config.operator.unwrap_or_else(|| *AsRef::<[u8; 32]>::as_ref(account))
}

fn policy(config: &Config) -> Policy {
    if config.friends.is_empty() {
        Policy::Open
    } else {
        let mut friends = config.friends.clone();
        friends.truncate(usize::try_from(station_primitives::MAX_NAMED).unwrap_or(usize::MAX));
        Policy::Named(BoundedVec::truncate_from(friends))
    }
}

/// Keeps the registration.
#[derive(Debug, Default)]
pub struct Registrar {
    under_way: Option<(Nonce, BlockNumber)>,
    settings_done: bool,
    told: Option<Waiting>,
    address: Option<(String, u32)>,
}

impl Registrar {
    /// Look, and do what is needed. `address` is what the network reports now.
    pub async fn run(
        &mut self,
        context: &Context,
        mark: &Mark,
        best: At,
        entry: Option<&ProviderInfo>,
        address: Option<String>,
    ) -> Result<(), FlowError> {
        if self.has_left(context, mark, entry)? {
            return Ok(());
        }
        let address = self.settled(address, entry.is_none());
        let account = context.account();
        let nonce = context.chain.nonce(best.hash, account)?;
        if let Some((sent, at)) = self.under_way {
            if nonce > sent {
                self.under_way = None;
            } else if best.number < at.saturating_add(PATIENCE) {
                return Ok(());
            }
        }
        let free = context.chain.money(best.hash, account)?.free;
        let terms = Terms::of_runtime();
        let step = step(&context.config, &terms, account, entry, free, address.as_deref(), !self.settings_done);
        let call = match step {
            Step::Nothing => {
                self.settings_done |= entry.is_some();
                return Ok(());
            }
            Step::Wait(waiting) => {
                self.tell(account, waiting);
                return Ok(());
            }
            Step::Register { address, collateral } => {
                tracing::info!(
                    target: crate::LOG, %account, address, capacity = context.config.capacity,
                    collateral_tkt = collateral / TKT, "registering as a provider"
                );
                self.settings_done = true;
                register_call(&context.config, account, &address, collateral)?
            }
            Step::Update(changes) => {
                tracing::info!(target: crate::LOG, ?changes, "updating the registration");
                // Once: what the operator changes on-chain afterwards stays as it is.
                self.settings_done = true;
                update_call(changes)
            }
            Step::Deregister => {
                tracing::info!(target: crate::LOG, %account, "nothing is left to be kept: leaving the list of providers");
                Call::<Runtime>::deregister {}.into()
            }
        };
        self.submit(context, best, nonce, call).await
    }

    /// Keep in mind that the provider leaves. `true` once it is gone, and not to come back.
    fn has_left(&mut self, context: &Context, mark: &Mark, entry: Option<&ProviderInfo>) -> Result<bool, FlowError> {
        match entry {
            Some(entry) if entry.leaving != mark.has_left() => {
                if entry.leaving {
                    tracing::info!(
                        target: crate::LOG, replicas = entry.replicas,
                        "leaving: replicas are handed over, and kept and proven until then"
                    );
                }
                mark.set_left(entry.leaving)?;
            }
            None if mark.has_left() && !context.config.rejoin => {
                self.tell(context.account(), Waiting::Rejoin);
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    async fn submit(&mut self, context: &Context, best: At, nonce: Nonce, call: RuntimeCall) -> Result<(), FlowError> {
        let (spec, transaction) = context.chain.versions(best.hash)?;
        let tip = 0;
        let extrinsic = station_runtime::extrinsic::sign_with(
            call,
            context.signer.public(),
            nonce,
            context.chain.genesis(),
            spec,
            transaction,
            tip,
            |message| context.signer.sign(message),
        )?;
        fail::fail_point!("register:signed");
        // Also when it is refused: it is not tried again before some blocks have passed.
        self.under_way = Some((nonce, best.number));
        match on_its_way(context.chain.submit(extrinsic).await) {
            Err(SubmitError::Funds) => {
                self.settings_done = false;
                let free = context.chain.money(best.hash, context.account())?.free;
                self.tell(context.account(), Waiting::Funds { free, least: Terms::of_runtime().least });
            }
            other => {
                other?;
            }
        }
        fail::fail_point!("register:submitted");
        Ok(())
    }

    /// The address once it has not changed for a while; a first registration does not wait.
    fn settled(&mut self, now: Option<String>, first: bool) -> Option<String> {
        let now = now?;
        let seen = match self.address.take() {
            Some((before, seen)) if before == now => seen.saturating_add(1),
            _ => 1,
        };
        self.address = Some((now.clone(), seen));
        (first || seen >= SETTLED).then_some(now)
    }

    /// Say once what is missing, not every block.
    fn tell(&mut self, account: &AccountId, waiting: Waiting) {
        let same_kind = matches!(
            (&self.told, &waiting),
            (Some(Waiting::Address), Waiting::Address)
                | (Some(Waiting::Funds { .. }), Waiting::Funds { .. })
                | (Some(Waiting::Rejoin), Waiting::Rejoin)
        );
        if same_kind {
            return;
        }
        match &waiting {
            Waiting::Address => tracing::warn!(
                target: crate::LOG,
                "not registered yet: the node knows no address of its own; give it one with --announce or --public-addr"
            ),
            Waiting::Funds { free, least } => tracing::warn!(
                target: crate::LOG, %account, free_tkt = free / TKT, least_tkt = least.div_ceil(TKT),
                "not registered yet: send this account TKT for its collateral"
            ),
            Waiting::Rejoin => tracing::warn!(
                target: crate::LOG, %account, "this provider has left; start the node with --rejoin to register it again"
            ),
        }
        self.told = Some(waiting);
    }
}

fn register_call(
    config: &Config,
    account: &AccountId,
    address: &str,
    collateral: Balance,
) -> Result<RuntimeCall, FlowError> {
    let multiaddr =
        BoundedVec::try_from(address.as_bytes().to_vec()).map_err(|_| FlowError::TooLong("the node's address"))?;
    Ok(Call::<Runtime>::register {
        capacity: config.capacity,
        price: config.price,
        retrieval_price: config.retrieval_price,
        multiaddr,
        operator: operator(config, account),
        policy: policy(config),
        collateral,
    }
    .into())
}

fn update_call(changes: Changes) -> RuntimeCall {
    let Changes { capacity, price, retrieval_price, multiaddr, operator, policy, collateral, accepting } = changes;
    Call::<Runtime>::update { capacity, price, retrieval_price, multiaddr, operator, policy, collateral, accepting }
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use station_primitives::GIB;

    const TERMS: Terms = Terms { least: 10 * TKT, base: 0, per_gib: TKT };
    const HERE: &str = "/ip4/127.0.0.1/tcp/30333/p2p/12D3KooWExample";

    fn account() -> AccountId {
        AccountId::new([1; 32])
    }

    fn entry() -> ProviderInfo {
        ProviderInfo {
            account: account(),
            capacity: 100 * GIB,
            used: 0,
            proven: 0,
            price: TKT,
            retrieval_price: 0,
            multiaddr: HERE.into(),
            operator: [1; 32],
            friends_only: false,
            accepting: true,
            collateral: 100 * TKT,
            collateral_used: 0,
            earned: 0,
            replicas: 0,
            last_seen: 0,
            since: 0,
            leaving: false,
            short_since: None,
        }
    }

    fn decide(config: &Config, entry: Option<&ProviderInfo>, free: Balance, address: Option<&str>) -> Step {
        step(config, &TERMS, &account(), entry, free, address, true)
    }

    #[test]
    fn a_new_provider_waits_for_an_address_and_for_funds() {
        let config = Config::new(100 * GIB, TKT);
        assert_eq!(decide(&config, None, 500 * TKT, None), Step::Wait(Waiting::Address));
        assert!(matches!(decide(&config, None, TKT, Some(HERE)), Step::Wait(Waiting::Funds { .. })));
        assert_eq!(
            decide(&config, None, 500 * TKT, Some(HERE)),
            Step::Register { address: HERE.into(), collateral: 100 * TKT }
        );
    }

    #[test]
    fn an_entry_that_is_true_is_left_alone() {
        let config = Config::new(100 * GIB, TKT);
        assert_eq!(decide(&config, Some(&entry()), 500 * TKT, Some(HERE)), Step::Nothing);
        assert_eq!(decide(&config, Some(&entry()), 500 * TKT, None), Step::Nothing);
    }

    #[test]
    fn changed_settings_and_a_changed_address_are_updated() {
        let config = Config::new(200 * GIB, 2 * TKT);
        let Step::Update(changes) = decide(&config, Some(&entry()), 500 * TKT, Some("/ip4/10.0.0.1/tcp/1")) else {
            panic!("an update");
        };
        assert_eq!((changes.capacity, changes.price), (Some(200 * GIB), Some(2 * TKT)));
        assert_eq!(changes.collateral, Some(200 * TKT));
        assert_eq!(changes.multiaddr.map(|m| m.into_inner()), Some(b"/ip4/10.0.0.1/tcp/1".to_vec()));
        assert_eq!((changes.operator, changes.retrieval_price), (None, None));
    }

    #[test]
    fn one_that_leaves_stays_until_nothing_is_left_and_changes_no_terms() {
        let config = Config::new(200 * GIB, 2 * TKT);
        let leaving = ProviderInfo { leaving: true, accepting: false, replicas: 1, used: 1, ..entry() };
        assert_eq!(decide(&config, Some(&leaving), 500 * TKT, Some(HERE)), Step::Nothing);
        // Its replicas are still to be found.
        let moved = decide(&config, Some(&leaving), 500 * TKT, Some("/ip4/10.0.0.1/tcp/1"));
        assert!(matches!(moved, Step::Update(Changes { multiaddr: Some(_), capacity: None, .. })), "{moved:?}");
        let done = ProviderInfo { replicas: 0, used: 0, ..leaving };
        assert_eq!(decide(&config, Some(&done), 500 * TKT, Some(HERE)), Step::Deregister);
    }

    #[test]
    fn collateral_that_became_short_is_made_good_at_any_time() {
        let config = Config::new(100 * GIB, TKT);
        let short = ProviderInfo { collateral: 40 * TKT, collateral_used: 50 * TKT, short_since: Some(9), ..entry() };
        let later =
            |entry: &ProviderInfo, free| step(&config, &TERMS, &account(), Some(entry), free, Some(HERE), false);
        let Step::Update(changes) = later(&short, 500 * TKT) else { panic!("an update") };
        assert_eq!(changes, Changes { collateral: Some(100 * TKT), ..Changes::default() });
        let Step::Update(changes) = later(&short, 21 * TKT) else { panic!("an update") };
        assert_eq!(changes.collateral, Some(60 * TKT), "as far as the balance goes");
        assert_eq!(later(&short, TKT), Step::Nothing, "there is nothing to lock");
        assert_eq!(later(&ProviderInfo { leaving: true, replicas: 1, ..short }, 500 * TKT), Step::Nothing);
    }

    #[test]
    fn after_the_start_only_the_address_is_followed() {
        let config = Config::new(200 * GIB, 2 * TKT);
        let later = step(&config, &TERMS, &account(), Some(&entry()), 500 * TKT, Some(HERE), false);
        assert_eq!(later, Step::Nothing);
    }

    #[test]
    fn an_address_that_flaps_costs_no_updates() {
        let mut registrar = Registrar::default();
        for _ in 0..SETTLED {
            assert_eq!(registrar.settled(Some("a".into()), false), None);
            assert_eq!(registrar.settled(Some("b".into()), false), None);
        }
        for _ in 0..SETTLED - 2 {
            assert_eq!(registrar.settled(Some("b".into()), false), None);
        }
        assert_eq!(registrar.settled(Some("b".into()), false), Some("b".into()));
    }
}
