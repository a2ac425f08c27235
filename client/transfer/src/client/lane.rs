//! How much is asked of one provider at a time: little until it has shown to be fast.
//!
//! What is asked for and not yet on its way fills the sender's buffer of the connection, and libp2p's ping waits in it behind
//! that: after 20 s without an answer the connection is closed. So the requests under way are few over a line that is slow, or
//! of which nothing is known yet, and small if it is very slow.

use super::{Error, WireError};
use parking_lot::Mutex;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// A message of a piece that takes less lets another be under way at the same time …
const FAST: Duration = Duration::from_secs(2);
/// … and one that takes longer takes a place away.
const SLOW: Duration = Duration::from_secs(5);
/// Messages smaller than this say nothing about the line.
const LARGE: usize = 32 << 10;
/// Bytes a second below which pieces are asked for in parts: 1 MiB takes 5 s.
const PARTS_BELOW: u64 = 200 << 10;
/// Bytes a second from which whole ones are asked for again. Parts are slower than the line by a round trip each.
const WHOLE_FROM: u64 = 400 << 10;

/// The requests at one provider.
pub(super) struct Lane {
    places: Semaphore,
    state: Mutex<State>,
    most: usize,
}

struct State {
    width: usize,
    slow: bool,
}

impl Lane {
    /// That grows to `most` requests at a time.
    pub fn new(most: usize) -> Self {
        Self { places: Semaphore::new(1), state: Mutex::new(State { width: 1, slow: false }), most }
    }

    /// Whether pieces are to be asked for in parts.
    pub fn is_slow(&self) -> bool {
        self.state.lock().slow
    }

    /// Wait for a place, in the order of asking.
    pub async fn enter(&self) -> Result<Place<'_>, Error> {
        let permit = self.places.acquire().await.map_err(|_| Error::Closed)?;
        Ok(Place { lane: self, permit: Some(permit), goes: false })
    }
}

/// A place in a lane, given back when dropped.
pub(super) struct Place<'a> {
    lane: &'a Lane,
    permit: Option<SemaphorePermit<'a>>,
    /// The lane is one narrower when this place is given back.
    goes: bool,
}

impl Place<'_> {
    /// A request took so long; how many bytes the larger of the two messages had, or why there was no answer.
    pub fn note(&mut self, took: Duration, bytes: Result<usize, &WireError>) {
        let lane = self.lane;
        let mut state = lane.state.lock();
        match bytes {
            Ok(bytes) if bytes < LARGE => {}
            Ok(bytes) => {
                let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
                let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
                let rate = bytes.saturating_mul(1_000_000) / micros;
                state.slow = if state.slow { rate < WHOLE_FROM } else { rate < PARTS_BELOW };
                if took < FAST && state.width < lane.most {
                    state.width += 1;
                    lane.places.add_permits(1);
                } else if took > SLOW {
                    self.narrow(&mut state);
                }
            }
            // The line may be broken or choked: what took long was under way.
            Err(WireError::Timeout | WireError::Unreachable(_)) => {
                state.slow |= took > SLOW;
                self.narrow(&mut state);
            }
            Err(_) => {}
        }
    }

    fn narrow(&mut self, state: &mut State) {
        if state.width > 1 && !self.goes {
            state.width -= 1;
            self.goes = true;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let permit = self.permit.take();
        if self.goes {
            permit.map(SemaphorePermit::forget);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const PIECE: usize = 1 << 20;

    /// So many places can be had at once.
    fn width(lane: &Lane) -> usize {
        let mut places = Vec::new();
        while let Some(place) = lane.enter().now_or_never() {
            places.push(place);
        }
        places.len()
    }

    fn note(lane: &Lane, took: Duration, bytes: Result<usize, &WireError>) {
        let Some(Ok(mut place)) = lane.enter().now_or_never() else { panic!("a place") };
        place.note(took, bytes);
    }

    #[test]
    fn a_lane_widens_with_fast_pieces_and_no_further_than_it_may() {
        let lane = Lane::new(4);
        assert_eq!(width(&lane), 1);
        note(&lane, Duration::ZERO, Ok(100));
        assert_eq!(width(&lane), 1, "a small message says nothing");
        for expected in [2, 3, 4, 4] {
            note(&lane, FAST / 2, Ok(PIECE));
            assert_eq!(width(&lane), expected);
        }
        assert!(!lane.is_slow());
    }

    #[test]
    fn a_slow_lane_narrows_to_one_and_asks_for_parts_until_it_is_faster() {
        let lane = Lane::new(4);
        (0..3).for_each(|_| note(&lane, FAST / 2, Ok(PIECE)));
        for expected in [3, 2, 1, 1] {
            note(&lane, SLOW * 2, Ok(PIECE));
            assert_eq!(width(&lane), expected);
        }
        assert!(lane.is_slow());
        note(&lane, Duration::from_millis(250), Ok(64 << 10));
        assert!(lane.is_slow(), "256 KiB/s");
        note(&lane, Duration::from_millis(100), Ok(64 << 10));
        assert!(!lane.is_slow(), "640 KiB/s");
    }

    #[test]
    fn a_connection_that_breaks_under_load_is_taken_for_a_slow_one_and_a_refused_one_is_not() {
        let broke = WireError::Unreachable("the connection broke".into());
        let lane = Lane::new(4);
        note(&lane, Duration::from_millis(10), Err(&broke));
        assert!(!lane.is_slow(), "nobody is there");
        note(&lane, Duration::from_secs(18), Err(&broke));
        assert!(lane.is_slow());
        assert_eq!(width(&lane), 1);
    }

    #[test]
    fn those_that_fail_together_narrow_together() {
        let lane = Lane::new(4);
        (0..3).for_each(|_| note(&lane, FAST / 2, Ok(PIECE)));
        let mut places: Vec<_> = (0..4).filter_map(|_| lane.enter().now_or_never()?.ok()).collect();
        for place in &mut places {
            place.note(SLOW * 3, Err(&WireError::Timeout));
            place.note(SLOW * 3, Err(&WireError::Timeout));
        }
        drop(places);
        assert_eq!(width(&lane), 1);
    }
}
