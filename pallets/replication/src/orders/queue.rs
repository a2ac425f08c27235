//! The queues of orders: first come, first served, a bounded number of places in a block.
//!
//! A place is never taken out of the middle. An order that is closed or moved leaves its place standing, and whoever comes to
//! it sees that the order is elsewhere. So closing is one step however long a queue is.

use crate::{
    Config, DrawsWaiting, Ends, Lane, Order, Orders, Pallet, Queue, QueueEnds, Queued, RepairBeacons, Stage, Ticket,
};
use frame_support::traits::Get;
use station_primitives::{BlockNumber, ReplicaId, Seed};

impl<T: Config> Pallet<T> {
    /// Put an order into the queue of its rank, to be drawn by the beacon of the outputs after `block`. Nothing is stored of
    /// the order itself.
    pub(crate) fn queue_for_draw(id: ReplicaId, order: &mut Order, block: BlockNumber) {
        let lane = Self::lane_of(id, order);
        RepairBeacons::<T>::mutate(block, |waiting| {
            let waiting = waiting.get_or_insert_with(DrawsWaiting::default);
            waiting.places = waiting.places.saturating_add(1);
        });
        Self::append(id, order, lane, block);
    }

    /// Have an order tried again soon.
    pub(crate) fn queue_for_soon(id: ReplicaId, order: &mut Order) {
        let block = Self::now().saturating_add(Self::clock().heartbeat);
        Self::append(id, order, Lane::Soon, block);
    }

    /// Have an order rest until the next proving period, and start over then.
    pub(crate) fn queue_for_rest(id: ReplicaId, order: &mut Order) {
        let block = Self::now().saturating_add(Self::clock().period);
        Self::append(id, order, Lane::Rest, block);
    }

    /// Queue an order after a draw of it came to nothing: for the next draw, or to rest when it has had its draws.
    pub(crate) fn queue_again(id: ReplicaId, order: &mut Order) {
        if u32::try_from(order.tried.len()).is_ok_and(|tried| tried < T::RepairDraws::get()) {
            Self::queue_for_draw(id, order, Self::now());
        } else {
            Self::queue_for_rest(id, order);
        }
    }

    fn append(id: ReplicaId, order: &mut Order, lane: Lane, block: BlockNumber) {
        let place = QueueEnds::<T>::mutate(lane, |ends| {
            let place = ends.next;
            ends.next = place.saturating_add(1);
            place
        });
        Queue::<T>::insert(lane, place, Queued { order: id, block });
        order.stage = Stage::Waiting(Ticket { lane, place });
    }

    /// What stands at a place.
    pub(crate) fn place_of(ticket: Ticket) -> Option<Queued> {
        Queue::<T>::get(ticket.lane, ticket.place)
    }

    /// Draw the orders of a lane whose beacon is known, at most `most`; returns how many places were passed.
    pub(crate) fn run_orders(lane: Lane, most: u32) -> u32 {
        Self::serve(lane, most, |queued| {
            let waiting = RepairBeacons::<T>::get(queued.block)?;
            waiting.beacon
        })
    }

    /// Queue the orders of a lane whose time has passed for their next draws; returns how many places were passed.
    pub(crate) fn wake_orders(lane: Lane, now: BlockNumber, most: u32) -> u32 {
        Self::serve(lane, most, |queued| (queued.block <= now).then_some(Seed::default()))
    }

    /// Pass the places of a lane from its beginning on, as long as `ready` has something for them.
    fn serve(lane: Lane, most: u32, ready: impl Fn(&Queued) -> Option<Seed>) -> u32 {
        let Ends { mut first, next } = QueueEnds::<T>::get(lane);
        let mut done = 0;
        while done < most && first < next {
            let Some(queued) = Queue::<T>::get(lane, first) else { break };
            let Some(beacon) = ready(&queued) else { break };
            let ticket = Ticket { lane, place: first };
            Queue::<T>::remove(lane, first);
            if lane.is_drawn() {
                Self::drop_place(queued.block);
            }
            first = first.saturating_add(1);
            done = done.saturating_add(1);
            // An order that was closed, or moved on, is not here any more.
            let here = Orders::<T>::get(queued.order).filter(|order| order.stage == Stage::Waiting(ticket));
            if let Some(order) = here {
                if lane.is_drawn() {
                    Self::draw_order(&beacon, queued, order);
                } else {
                    Self::wake_order(lane, queued.order, order);
                }
            }
        }
        if done > 0 {
            QueueEnds::<T>::mutate(lane, |ends| ends.first = first);
        }
        done
    }

    /// One place less needs the beacon of a block.
    fn drop_place(block: BlockNumber) {
        RepairBeacons::<T>::mutate_exists(block, |waiting| {
            if let Some(some) = waiting {
                some.places = some.places.saturating_sub(1);
                if some.places == 0 {
                    *waiting = None;
                }
            }
        });
    }

    /// Give the draws that were queued in `base` their beacon, if there are any.
    pub(crate) fn hand_out_beacon(base: BlockNumber) {
        if RepairBeacons::<T>::contains_key(base) {
            let beacon = Some(Self::beacon(base));
            RepairBeacons::<T>::mutate(base, |waiting| {
                if let Some(waiting) = waiting {
                    waiting.beacon = beacon;
                }
            });
        }
    }

    fn wake_order(lane: Lane, id: ReplicaId, mut order: Order) {
        if lane == Lane::Rest {
            order.tried = Default::default();
            order.fruitless = 0;
        }
        Self::queue_for_draw(id, &mut order, Self::now());
        Orders::<T>::insert(id, order);
    }
}
