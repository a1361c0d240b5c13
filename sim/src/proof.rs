//! Whether a call that failed changed anything.
//!
//! ```text
//!   digest ──► the call ──► all that the service wants done is done ──► digest
//! ```
//!
//! The digest is taken of the whole machine: the service with documents, ids and objects, which a state's identity leaves
//! out; storage with the moments of files, kernel, applications, backups, what processes remember; what is under way and what is due.
//! Left out are the answer to the call itself, the list of writes that power cuts are tried on, and what only counts: numbers of
//! records and calls, the random bits that wait to be used.

use std::fmt::{self, Write};
use std::hash::Hash;

use vssim_model::api::Call;
use vssim_model::hresult::HResult;
use vssim_model::trace::What;
use xxhash_rust::xxh3::Xxh3;

use crate::identity::Ids;
use crate::message::Slot;
use crate::plan::ActorId;
use crate::service::methods::Caller;
use crate::storage::{BlockStore, Snapshot, Volume};
use crate::world::{Event, Step, World};

/// What was before a call.
pub(crate) struct Proof {
    digest: u128,
    /// The blocks of every volume. They share their pages with the volume until somebody writes to it.
    blocks: Vec<BlockStore>,
    /// For a call that is ordered to fail: what it would have returned.
    ordered: Option<Option<HResult>>,
}

/// Takes a digest of what is written to it.
struct Digest(Xxh3);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl World {
    /// Before a call: what it is compared with, if it has to be.
    pub(crate) fn proof_begins(&self, caller: Caller, call: &Call) -> Option<Proof> {
        let ordered = match call {
            Call::Method(method) if method.injected.is_some() => {
                Some(self.service.would_return(caller, method, self.now))
            }
            _ => None,
        };
        (ordered.is_some() || self.watch.demands_proof()).then(|| Proof {
            digest: self.digest_but(caller.slot, false),
            blocks: self.storage.volumes().iter().map(|volume| volume.store().clone()).collect(),
            ordered,
        })
    }

    /// After a call that failed.
    pub(crate) fn proof_ends(&mut self, proof: &Proof, slot: Slot, call: &Call, step: &mut Step<'_>) {
        #[cfg(test)]
        if let Some(leak) = self.leak {
            leak(self);
        }
        let mut volumes = self.storage.volumes().iter().zip(&proof.blocks);
        let written = volumes.any(|(volume, before)| !volume.store().shares_all_with(before));
        let after = self.digest_but(slot, written);
        if after != proof.digest {
            let (interface, method) = call.name();
            self.watch.changed_by_failure(format!("{interface}::{method}"));
        }
        if let Some(reached) = proof.ordered {
            let hex = |digest: u128| format!("{digest:032x}");
            let (before, after) = (hex(proof.digest), hex(after));
            self.record(step, ActorId::Service, || What::RanOut { reached, before, after });
        }
    }

    /// A digest of the whole machine but for the answer to a call. `written`: whether a volume was written to, whose
    /// structures of VSS have no part in the digest of its blocks.
    fn digest_but(&self, slot: Slot, written: bool) -> u128 {
        // Every field is named, so that a new one cannot be forgotten. What no call changes is left out, and what only counts.
        let World {
            plan: _,
            now: _,
            queue,
            service,
            processes,
            applications,
            kernel,
            storage,
            store,
            copying,
            compared: _,
            restores,
            calls,
            watch,
            names: _,
            instances,
            documents,
            calls_made: _,
            cause: _,
            salt: _,
            #[cfg(test)]
                leak: _,
        } = self;
        let mut digest = Digest(Xxh3::new());
        service.digest().hash(&mut digest.0);
        storage.hash(&mut digest.0);
        storage.digest_of_ids().hash(&mut digest.0);
        let copies = storage.volumes().iter().filter_map(|volume| storage.snapshots(volume.id()).ok()).flatten();
        let tables = storage.volumes().iter().map(Volume::files).chain(copies.map(Snapshot::file_table));
        for files in tables {
            for (file, _) in files.files() {
                files.modified(file).hash(&mut digest.0);
            }
        }
        // `Debug` knows no exceptions as `Hash` does, but of bytes it shows only how many there are.
        store.hash_with(&Ids::default(), &mut digest.0);
        // Writing to a digest cannot fail.
        let _ = write!(digest, "{written}{processes:?}{applications:?}{kernel:?}{store:?}{copying:?}{restores:?}");
        let _ = write!(digest, "{calls:?}{watch:?}{instances:?}{documents:?}");
        for entry in queue.iter() {
            if !matches!(entry.event, Event::Answer(to, _) | Event::WaitOver(to) if to == slot) {
                let _ = write!(digest, "{}{:?}{:?}", entry.at, entry.class, entry.event);
            }
        }
        digest.0.digest128()
    }
}

#[cfg(test)]
mod tests;
