//! A digest of all that the service holds.
//!
//! A state's identity leaves ids, documents and numbers of the trace out; to say that a call changed nothing, they must
//! be in. So everything is written as `Debug` shows it, which knows no exceptions, and the digest is taken of that. Documents that do
//! not change stand there by their SHA-256.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use xxhash_rust::xxh3::Xxh3;

use super::{Effect, Service};
use crate::message::Slot;

/// Takes a digest of what is written to it.
struct Digest(Xxh3);

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Service {
    /// A digest of the whole state.
    #[must_use]
    pub fn digest(&self) -> u128 {
        // Every field is named, so that a new one cannot be forgotten. What a call cannot change is left out, and the
        // random bits that wait to be used, which say nothing.
        let Service {
            plan: _,
            objects,
            sets,
            writers,
            asyncs,
            operations,
            deliveries,
            lock,
            held,
            unregistered,
            asked,
            reverts,
            building,
            built,
            store,
            writers_unreachable,
            saved,
            documents: _,
            objects_made,
            devices_made,
            effects: _,
            id_bits: _,
        } = self;
        let mut digest = Digest(Xxh3::new());
        let made = (objects_made, devices_made);
        // Of whole documents the SHA-256 is enough, which was taken when they were made.
        let saved = saved.digest();
        let built: BTreeMap<u16, &str> =
            built.iter().map(|(writer, built)| (*writer, &*built.document.sha256)).collect();
        let apart = (saved, building, built, store, unregistered, asked, reverts, writers_unreachable, made);
        // Writing to a digest cannot fail.
        let _ = write!(
            digest,
            "{objects:?}{sets:?}{writers:?}{asyncs:?}{operations:?}{deliveries:?}{lock:?}{held:?}{apart:?}"
        );
        digest.0.digest128()
    }

    /// Whether the call that has just been made failed at once.
    #[must_use]
    pub fn has_failed(&self, slot: Slot) -> bool {
        let failed = |effect: &Effect| matches!(effect, Effect::Return(answered, code, _) if *answered == slot && code.is_failure());
        self.effects.iter().any(failed)
    }
}
