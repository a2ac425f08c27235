//! What one peer may ask: two token buckets and a count of requests in work.
//!
//! ```text
//! tokens ▲ burst ────╮      ╭─────── refills at `rate` a second up to `burst`
//!        │           ╰─╮ ╭──╯
//!        │             ╰─╯           a request takes its tokens at once or is refused
//!        └───────────────────► time  with the time at which they will be there
//! ```

use crate::protocol::Refusal;
use sc_network_types::PeerId;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Peers whose buckets are remembered. Who is forgotten starts with full buckets, so this bounds memory, not abuse;
/// abuse by many identities is bounded by what the server does at once.
const MAX_PEERS: usize = 4096;
/// The longest wait that a peer is asked for.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// What one peer may ask of a server.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Requests a second, sustained.
    pub requests_per_second: u32,
    /// Requests at once after a quiet time.
    pub request_burst: u32,
    /// Bytes a second, both ways together, sustained.
    pub bytes_per_second: u32,
    /// Bytes at once after a quiet time.
    pub byte_burst: u32,
    /// Requests of one peer that the server works on, or whose answers the peer has not taken yet.
    pub in_work: u32,
}

impl Default for Quotas {
    /// One peer can fill a line of 2 Gbit/s and half of the places in line.
    fn default() -> Self {
        Self {
            requests_per_second: 500,
            request_burst: 1_000,
            bytes_per_second: 256 << 20,
            byte_burst: 512 << 20,
            in_work: 16,
        }
    }
}

struct Bucket {
    tokens: f64,
    refilled: Instant,
}

impl Bucket {
    /// Takes `cost` tokens, or says how long until they are there.
    fn take(&mut self, cost: f64, rate: f64, burst: f64, now: Instant) -> Result<(), Duration> {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + elapsed * rate).min(burst);
        self.refilled = now;
        // A cost above the burst could never be paid: a full bucket pays for it.
        let cost = cost.min(burst);
        if self.tokens >= cost {
            self.tokens -= cost;
            return Ok(());
        }
        let wait = (cost - self.tokens) / rate.max(f64::MIN_POSITIVE);
        Err(Duration::try_from_secs_f64(wait).unwrap_or(MAX_RETRY).min(MAX_RETRY))
    }
}

struct Account {
    requests: Bucket,
    bytes: Bucket,
    in_work: u32,
    seen: Instant,
}

/// The accounts of all peers.
pub(super) struct Ledger {
    quotas: Quotas,
    accounts: HashMap<PeerId, Account>,
}

impl Ledger {
    pub(super) fn new(quotas: Quotas) -> Self {
        Self { quotas, accounts: HashMap::new() }
    }

    /// One request of `bytes` bytes.
    pub(super) fn charge_request(&mut self, peer: &PeerId, bytes: usize, now: Instant) -> Result<(), Refusal> {
        let quotas = self.quotas;
        let account = self.account(peer, now);
        let (rate, burst) = (f64::from(quotas.requests_per_second), f64::from(quotas.request_burst));
        account.requests.take(1.0, rate, burst, now).map_err(busy)?;
        self.charge_bytes(peer, bytes, now)
    }

    /// Bytes beyond those of the request.
    pub(super) fn charge_bytes(&mut self, peer: &PeerId, bytes: usize, now: Instant) -> Result<(), Refusal> {
        let quotas = self.quotas;
        let cost = u32::try_from(bytes).map_or(f64::INFINITY, f64::from);
        let (rate, burst) = (f64::from(quotas.bytes_per_second), f64::from(quotas.byte_burst));
        self.account(peer, now).bytes.take(cost, rate, burst, now).map_err(busy)
    }

    /// Work for the peer begins.
    pub(super) fn begin(&mut self, peer: &PeerId) -> Result<(), Refusal> {
        let limit = self.quotas.in_work;
        let account = self.account(peer, Instant::now());
        if account.in_work >= limit {
            return Err(busy(Duration::from_millis(u64::from(super::RETRY_MS))));
        }
        account.in_work += 1;
        Ok(())
    }

    /// Work for the peer ended.
    pub(super) fn done(&mut self, peer: &PeerId) {
        if let Some(account) = self.accounts.get_mut(peer) {
            account.in_work = account.in_work.saturating_sub(1);
        }
    }

    fn account(&mut self, peer: &PeerId, now: Instant) -> &mut Account {
        if !self.accounts.contains_key(peer) && self.accounts.len() >= MAX_PEERS {
            self.forget();
        }
        let quotas = self.quotas;
        let account = self.accounts.entry(*peer).or_insert_with(|| Account {
            requests: Bucket { tokens: f64::from(quotas.request_burst), refilled: now },
            bytes: Bucket { tokens: f64::from(quotas.byte_burst), refilled: now },
            in_work: 0,
            seen: now,
        });
        account.seen = now;
        account
    }

    /// Forgets the half of the idle peers that was seen longest ago. Rare: once every `MAX_PEERS / 2` new peers.
    fn forget(&mut self) {
        let mut idle: Vec<_> =
            self.accounts.iter().filter(|(_, a)| a.in_work == 0).map(|(p, a)| (a.seen, *p)).collect();
        idle.sort_unstable_by_key(|(seen, _)| *seen);
        let half = idle.len().div_ceil(2);
        for (_, peer) in idle.into_iter().take(half) {
            self.accounts.remove(&peer);
        }
    }
}

fn busy(wait: Duration) -> Refusal {
    let retry_after_ms = u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1);
    Refusal::Busy { retry_after_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas() -> Quotas {
        Quotas { requests_per_second: 10, request_burst: 2, bytes_per_second: 1_000, byte_burst: 1_000, in_work: 1 }
    }

    #[test]
    fn a_burst_is_served_and_then_the_rate_holds() {
        let (mut ledger, peer, now) = (Ledger::new(quotas()), PeerId::random(), Instant::now());
        assert!(ledger.charge_request(&peer, 1, now).is_ok());
        assert!(ledger.charge_request(&peer, 1, now).is_ok());
        let Err(Refusal::Busy { retry_after_ms }) = ledger.charge_request(&peer, 1, now) else {
            panic!("the burst is two");
        };
        assert!((90..=101).contains(&retry_after_ms), "{retry_after_ms}");
        let later = now + Duration::from_millis(u64::from(retry_after_ms) + 1);
        assert!(ledger.charge_request(&peer, 1, later).is_ok());
    }

    #[test]
    fn bytes_are_counted_and_peers_apart() {
        let (mut ledger, now) = (Ledger::new(quotas()), Instant::now());
        let (greedy, other) = (PeerId::random(), PeerId::random());
        assert!(ledger.charge_request(&greedy, 900, now).is_ok());
        assert!(ledger.charge_request(&greedy, 900, now).is_err());
        assert!(ledger.charge_request(&other, 900, now).is_ok());
    }

    #[test]
    fn work_in_hand_is_bounded() {
        let (mut ledger, peer) = (Ledger::new(quotas()), PeerId::random());
        assert!(ledger.begin(&peer).is_ok());
        assert!(ledger.begin(&peer).is_err());
        ledger.done(&peer);
        assert!(ledger.begin(&peer).is_ok());
    }

    #[test]
    fn no_number_of_peers_fills_the_memory() {
        let (mut ledger, now) = (Ledger::new(quotas()), Instant::now());
        for _ in 0..(2 * MAX_PEERS) {
            let _ = ledger.charge_request(&PeerId::random(), 1, now);
        }
        assert!(ledger.accounts.len() <= MAX_PEERS);
    }
}
