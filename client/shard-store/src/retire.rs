//! Giving a replica up.

use crate::{
    error::{Error, Result},
    index::Stage,
    open::{remove_files, Phase, LOG},
    Store,
};
use station_primitives::ReplicaId;

impl Store {
    /// Forgets a replica and removes its files, whatever its state; `false` if there was none. One that is being sealed
    /// goes as soon as the sealing stops, at the latest when it ends.
    pub fn retire(&self, replica: ReplicaId) -> Result<bool> {
        let slot = match self.slot(replica) {
            Ok(slot) => slot,
            Err(Error::Unknown(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        // Held to the end: nobody may expect the replica anew before its files are gone.
        let mut phase = slot.phase.lock();
        match &mut *phase {
            Phase::Sealing { doomed: true, .. } => return Ok(true),
            // Gone through another caller, or only in part because removing failed.
            Phase::Gone if !self.is_current(&slot) => return Ok(false),
            _ => {}
        }
        // Written down first: a crash from here on ends with the replica gone.
        self.index.put(replica, &slot.record(Stage::Retiring))?;
        fails!("store:retiring")?;
        if let Phase::Sealing { doomed, .. } = &mut *phase {
            *doomed = true;
            return Ok(true);
        }
        *phase = Phase::Gone;
        self.remove_retired(replica)?;
        tracing::debug!(target: LOG, %replica, "retired");
        Ok(true)
    }

    /// Removes what there is of a replica whose slot is `Gone`, and locked by the caller.
    pub(crate) fn remove_retired(&self, replica: ReplicaId) -> Result<()> {
        self.hot.lock().forget(replica);
        remove_files(&self.folders, replica)?;
        fails!("store:retired-files")?;
        self.index.delete(replica)?;
        self.slots.lock().remove(&replica);
        Ok(())
    }
}
