//! Sealing what was received, several replicas in lockstep.

use crate::{
    disk::{self, Section},
    error::{Error, Result},
    header::{self, LABELS_AT},
    index::Stage,
    open::{Phase, Slot, LOG},
    Store,
};
use station_porep::{data, io::WriteAt, seal, tree::Rows, unseal::unseal_range, ReplicaKey, SizeClass};
use station_primitives::{Commitment, ReplicaId};
use std::{fs::File, path::PathBuf, sync::Arc};

impl Store {
    /// Seals replicas whose data is complete, and returns their `comm_r` in the order of the jobs.
    ///
    /// Replicas of one size are sealed up to four at a time in the lanes of this thread's core; to use more cores, call it
    /// from more threads. What is sealed for the same key already costs nothing; what is sealed for another key is unsealed
    /// first. `progress` is called with the bytes sealed since it was called last, over all jobs.
    ///
    /// An error concerns the group it came up in: what was sealed before stays sealed, and what was not stays received.
    /// Replicas retired meanwhile are left out of the result.
    pub fn seal(
        &self,
        jobs: &[(ReplicaId, ReplicaKey)],
        progress: &(dyn Fn(u64) + Sync),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<(ReplicaId, Commitment)>> {
        let mut claims = Vec::with_capacity(jobs.len());
        let mut sealed = Vec::with_capacity(jobs.len());
        for (replica, key) in jobs {
            match self.claim(*replica, *key)? {
                Claimed::Done(comm_r) => sealed.push((*replica, comm_r)),
                Claimed::ToDo(claim) => claims.push(claim),
            }
        }
        claims.sort_by_key(|claim| claim.slot.class);
        while let Some(class) = claims.last().map(|claim| claim.slot.class) {
            let of_class = claims.iter().filter(|claim| claim.slot.class == class).count();
            // Five are sealed as three and two, not as four and one: a lane left empty is time lost.
            let group = of_class.div_ceil(of_class.div_ceil(seal::LANES));
            let group = claims.split_off(claims.len() - group);
            sealed.extend(self.seal_group(class, group, progress, cancelled)?);
        }
        sealed.sort_by_key(|(replica, _)| jobs.iter().position(|(job, _)| job == replica));
        Ok(sealed)
    }

    /// Takes a replica for this call.
    fn claim(&self, replica: ReplicaId, key: ReplicaKey) -> Result<Claimed<'_>> {
        let slot = self.slot(replica)?;
        let before = {
            let mut phase = slot.phase.lock();
            let before = match &*phase {
                Phase::Receiving { .. } => return Err(Error::Incomplete(replica)),
                Phase::Sealing { .. } => return Err(Error::BeingSealed(replica)),
                Phase::Damaged { .. } => return Err(Error::Damaged(replica)),
                Phase::Gone => return Err(Error::Unknown(replica)),
                Phase::Sealed { key: old, comm_r } if *old == key => {
                    // Left over if removing it failed after sealing.
                    disk::remove(&self.folders.received(replica))?;
                    return Ok(Claimed::Done(*comm_r));
                }
                Phase::Sealed { key: old, comm_r } => Some((*old, *comm_r)),
                Phase::Received => None,
            };
            *phase = Phase::Sealing { key, doomed: false };
            before
        };
        let mut claim = Claim { store: self, slot, key, before, finished: false };
        if let Some((old, _)) = before {
            tracing::info!(target: LOG, %replica, "unsealing, to seal it for another key");
            self.unseal_whole(&claim.slot, old)?;
            claim.before = None;
            disk::remove(&self.folders.sealed(replica))?;
        }
        Ok(Claimed::ToDo(claim))
    }

    /// Makes a received file from a sealed one, which stays.
    fn unseal_whole(&self, slot: &Slot, key: ReplicaKey) -> Result<()> {
        let (replica, class) = (slot.replica, slot.class);
        let (sealed_path, part) = (self.folders.sealed(replica), self.folders.incoming(replica));
        let sealed = File::open(&sealed_path).map_err(|error| Error::file("open", &sealed_path, error))?;
        let header = slot.header(None);
        let plain = {
            let _room = self.room.lock();
            disk::allocate(&part, header.file_bytes())?
        };
        let labels = Section { file: &sealed, base: LABELS_AT };
        let target = Section { file: &plain, base: LABELS_AT };
        let mut buffer = vec![0; class.piece_bytes()];
        for piece in 0..class.pieces() {
            let offset = crate::receive::piece_offset(class, piece);
            unseal_range(&key, class, &labels, offset, &mut buffer)
                .map_err(|error| Error::Proof { replica, reason: error.to_string() })?;
            target.write_at(offset, &buffer).map_err(|error| Error::file("write", &part, error))?;
        }
        let (comm_d, _) = data::commit(&target, class).map_err(|error| Error::file("read", &part, error))?;
        if comm_d != slot.comm_d {
            return Err(Error::Rotted(replica));
        }
        header.write(&plain, &part)?;
        disk::publish(&plain, &part, &self.folders.received(replica))?;
        fails!("store:unsealed")?;
        self.index.put(replica, &slot.record(Stage::Received))?;
        self.hot.lock().forget(replica);
        Ok(())
    }

    /// Seals up to four replicas of one class. The claims give themselves back on any error.
    fn seal_group(
        &self,
        class: SizeClass,
        mut claims: Vec<Claim<'_>>,
        progress: &(dyn Fn(u64) + Sync),
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<(ReplicaId, Commitment)>> {
        let mut files = Vec::with_capacity(claims.len());
        for claim in &claims {
            files.push(self.open_files(claim)?);
        }
        fails!("store:sealing")?;
        // Every replica of the group is wanted no more: there is nothing to wait for.
        let stop = || cancelled() || claims.iter().all(Claim::is_doomed);
        let mut sealed = {
            let sections: Vec<_> = files
                .iter()
                .map(|files| {
                    let data = Section { file: &files.data, base: LABELS_AT };
                    let out = Section { file: &files.out, base: LABELS_AT };
                    (data, out)
                })
                .collect();
            let jobs: Vec<_> = claims
                .iter()
                .zip(&sections)
                .map(|(claim, (data, out))| seal::SealJob { key: claim.key, class, data, out })
                .collect();
            match seal::seal_lockstep(&jobs, progress, &stop) {
                Ok(sealed) => sealed,
                Err(seal::SealError::Cancelled) => return Err(Error::Cancelled),
                Err(seal::SealError::Io(error)) => {
                    return Err(Error::file("seal into", &self.folders.sealing, error));
                }
                Err(error) => return Err(error.into()),
            }
        };
        let mut done = Vec::with_capacity(claims.len());
        for ((claim, files), sealed) in claims.iter_mut().zip(&files).zip(sealed.drain(..)) {
            if self.finish(claim, files, sealed.comm_r, &sealed.rows)? {
                done.push((claim.slot.replica, sealed.comm_r));
            }
        }
        Ok(done)
    }

    /// Opens the plain data, checks it, takes space for the sealed file and writes the rows of `comm_d` into it.
    fn open_files(&self, claim: &Claim<'_>) -> Result<Files> {
        let slot = &claim.slot;
        let (replica, class) = (slot.replica, slot.class);
        let data_path = self.folders.received(replica);
        let data = File::open(&data_path).map_err(|error| Error::file("open", &data_path, error))?;
        let section = Section { file: &data, base: LABELS_AT };
        let (comm_d, rows) = data::commit(&section, class).map_err(|error| Error::file("read", &data_path, error))?;
        if comm_d != slot.comm_d {
            tracing::error!(target: LOG, %replica, "the received data has rotted; it is received again");
            claim.start_over()?;
            return Err(Error::Rotted(replica));
        }
        let out_path = self.folders.sealing(replica);
        let out = {
            let _room = self.room.lock();
            disk::allocate(&out_path, header::sealed_file_bytes(class))?
        };
        WriteAt::write_at(&out, header::data_rows_at(class), rows.as_bytes())
            .map_err(|error| Error::file("write", &out_path, error))?;
        Ok(Files { data, out, out_path })
    }

    /// Makes the sealed file what it is called; `false` if the replica was retired meanwhile.
    fn finish(&self, claim: &mut Claim<'_>, files: &Files, comm_r: Commitment, rows: &Rows) -> Result<bool> {
        let slot = Arc::clone(&claim.slot);
        let (replica, key) = (slot.replica, claim.key);
        let Files { out, out_path, .. } = files;
        WriteAt::write_at(out, header::rows_at(slot.class), rows.as_bytes())
            .map_err(|error| Error::file("write", out_path, error))?;
        slot.header(Some((key, comm_r))).write(out, out_path)?;
        // Syncing may take a second; the lock is not needed for it.
        out.sync_all().map_err(|error| Error::file("sync", out_path, error))?;
        fails!("store:sealed-written")?;

        let mut phase = slot.phase.lock();
        if matches!(*phase, Phase::Sealing { doomed: true, .. }) {
            return Ok(false);
        }
        disk::rename(out_path, &self.folders.sealed(replica))?;
        fails!("store:sealed-renamed")?;
        self.index.put(replica, &slot.record(Stage::Sealed { key, comm_r }))?;
        *phase = Phase::Sealed { key, comm_r };
        claim.finished = true;
        drop(phase);
        fails!("store:sealed-recorded")?;
        if let Err(error) = disk::remove(&self.folders.received(replica)) {
            // It is sealed all the same; the next start removes what was left.
            tracing::warn!(target: LOG, %replica, %error, "the plain copy stays for now");
        }
        tracing::debug!(target: LOG, %replica, class = %slot.class, "sealed");
        Ok(true)
    }
}

struct Files {
    data: File,
    out: File,
    out_path: PathBuf,
}

enum Claimed<'a> {
    /// Sealed for this key already.
    Done(Commitment),
    ToDo(Claim<'a>),
}

/// A replica that this call seals. Given back when dropped.
struct Claim<'a> {
    store: &'a Store,
    slot: Arc<Slot>,
    key: ReplicaKey,
    /// Key and root of the sealed file that is still there, if it was sealed for another key.
    before: Option<(ReplicaKey, Commitment)>,
    finished: bool,
}

impl Claim<'_> {
    fn is_doomed(&self) -> bool {
        matches!(*self.slot.phase.lock(), Phase::Sealing { doomed: true, .. })
    }

    fn start_over(&self) -> Result<()> {
        let mut phase = self.slot.phase.lock();
        if matches!(*phase, Phase::Sealing { doomed: false, .. }) {
            self.store.start_over(&self.slot, &mut phase)?;
        }
        Ok(())
    }

    fn give_back(&self) -> Result<()> {
        let Store { folders, .. } = self.store;
        let replica = self.slot.replica;
        // Under the lock: the next call must not find the files of this one.
        let mut phase = self.slot.phase.lock();
        let Phase::Sealing { doomed, .. } = *phase else { return Ok(()) };
        *phase = match self.before {
            _ if doomed => Phase::Gone,
            Some((key, comm_r)) => Phase::Sealed { key, comm_r },
            None => Phase::Received,
        };
        if doomed {
            return self.store.remove_retired(replica);
        }
        disk::remove(&folders.sealing(replica))?;
        if self.before.is_some() {
            disk::remove(&folders.incoming(replica))?;
            disk::remove(&folders.received(replica))?;
        } else {
            // Renamed, but not in the index: the next start would take it over while we say it is not there.
            disk::remove(&folders.sealed(replica))?;
        }
        Ok(())
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        if let Err(error) = self.give_back() {
            // What is left over is put right at the next start.
            tracing::error!(target: LOG, replica = %self.slot.replica, %error, "cleaning up after sealing failed");
        }
    }
}
