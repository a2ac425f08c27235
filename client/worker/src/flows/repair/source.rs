//! One of the holders that a replica is made from: how much it is asked for, and when it counts as one that does not serve.

use super::QUIET;
use station_primitives::AccountId;
use std::time::{Duration, Instant};

/// Pieces under way at one source for one replica.
pub(super) const WIDEST: usize = 4;
/// A source that serves a piece in less gets another at the same time …
const FAST: Duration = Duration::from_secs(2);
/// … and one that takes longer gets one at a time.
const SLOW: Duration = Duration::from_secs(8);
/// The wait after a source's first failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Failures in a row after which a source counts as one that does not serve.
pub(super) const SILENT: u32 = 3;
/// A source that owes a piece for so long counts so as well: 1 MiB in that time is 23 KiB/s.
const OWING: Duration = Duration::from_secs(45);

/// Another holder, and how it does.
pub(super) struct Source {
    pub account: AccountId,
    pub address: Vec<u8>,
    /// Pieces that it may have under way.
    window: usize,
    pub under_way: usize,
    pub served: u32,
    /// In a row.
    pub failures: u32,
    pub not_before: Option<Instant>,
    last_served: Option<Instant>,
    /// The oldest piece that it owes.
    pub owes_since: Option<Instant>,
    pace: Duration,
    /// It served something else, or speaks another language.
    pub dropped: bool,
}

impl Source {
    pub fn new(account: AccountId, address: Vec<u8>) -> Self {
        Self {
            account,
            address,
            window: 1,
            under_way: 0,
            served: 0,
            failures: 0,
            not_before: None,
            last_served: None,
            owes_since: None,
            pace: Duration::ZERO,
            dropped: false,
        }
    }

    pub fn is_free(&self, now: Instant) -> bool {
        !self.dropped && self.under_way < self.window && self.not_before.is_none_or(|at| at <= now)
    }

    /// When a piece asked for now would be there.
    pub fn would_take(&self) -> Duration {
        self.pace.saturating_mul(u32::try_from(self.under_way + 1).unwrap_or(u32::MAX))
    }

    pub fn served(&mut self, took: Duration, now: Instant) {
        self.served += 1;
        self.failures = 0;
        self.not_before = None;
        self.last_served = Some(now);
        self.pace = if self.pace.is_zero() { took } else { (self.pace + took) / 2 };
        self.window = match took {
            took if took < FAST => (self.window + 1).min(WIDEST),
            took if took > SLOW => 1,
            _ => self.window,
        };
    }

    pub fn failed(&mut self, now: Instant) {
        self.failures += 1;
        self.window = 1;
        let wait = FIRST_WAIT.saturating_mul(1 << (self.failures - 1).min(5)).min(LONGEST_WAIT);
        self.not_before = Some(now + wait);
    }

    /// Whether it is so slow, at the least, that a repair that comes too late can be put down to it.
    pub fn is_slow(&self, now: Instant) -> bool {
        let owing = self.owes_since.is_some_and(|at| now.duration_since(at) > SLOW);
        self.dropped || self.pace > SLOW || owing || self.failures > 0
    }

    /// Whether it does not serve, as far as can be told.
    pub fn is_silent(&self, now: Instant) -> bool {
        let older = |since: Option<Instant>, than: Duration| since.is_none_or(|at| now.duration_since(at) >= than);
        let owing = self.owes_since.is_some_and(|at| now.duration_since(at) >= OWING);
        self.dropped || older(self.last_served, QUIET) && (self.failures >= SILENT || owing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source::new(AccountId::new([1; 32]), Vec::new())
    }

    #[test]
    fn a_fast_source_gets_more_and_a_slow_one_less() {
        let (mut source, now) = (source(), Instant::now());
        for _ in 0..9 {
            source.served(FAST / 2, now);
        }
        assert_eq!(source.window, WIDEST);
        source.served(FAST * 2, now);
        assert_eq!(source.window, WIDEST, "neither fast nor slow");
        source.served(SLOW * 2, now);
        assert_eq!(source.window, 1);
    }

    #[test]
    fn a_source_that_fails_is_left_alone_for_longer_and_longer() {
        let (mut source, now) = (source(), Instant::now());
        let mut before = Duration::ZERO;
        for _ in 0..4 {
            source.failed(now);
            let wait = source.not_before.expect("a wait") - now;
            assert!(wait > before && !source.is_free(now) && source.is_free(now + wait));
            before = wait;
        }
        (0..40).for_each(|_| source.failed(now));
        assert!(source.not_before.is_some_and(|at| at - now <= LONGEST_WAIT));
        source.served(FAST, now);
        assert!(source.is_free(now), "forgiven with the first piece");
    }

    #[test]
    fn a_source_is_silent_only_after_a_while_without_a_piece() {
        let (mut source, now) = (source(), Instant::now());
        (0..SILENT).for_each(|_| source.failed(now));
        assert!(source.is_silent(now), "it has never served");
        source.served(FAST, now);
        (0..SILENT).for_each(|_| source.failed(now));
        assert!(!source.is_silent(now), "it served just now");
        assert!(source.is_silent(now + QUIET));
        let mut owing = self::source();
        owing.owes_since = Some(now);
        assert!(!owing.is_slow(now + SLOW) && owing.is_slow(now + SLOW * 2));
        assert!(!owing.is_silent(now + QUIET), "slow is not silent");
        assert!(owing.is_silent(now + OWING));
    }
}
