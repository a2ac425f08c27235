//! Tests, by topic. The mock checks all invariants after every test, and in every block that its helpers let pass.

mod audits;
mod bounds;
mod draws;
mod ending;
mod faults;
mod forgeries;
mod money;
mod onboarding;
mod ticks;

use crate::{mock::*, Event};

/// The events of this pallet in the present block.
fn events() -> Vec<Event<Test>> {
    let ours = |record: frame_system::EventRecord<RuntimeEvent, _>| match record.event {
        RuntimeEvent::Replication(event) => Some(event),
        _ => None,
    };
    System::events().into_iter().filter_map(ours).collect()
}
