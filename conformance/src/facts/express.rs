//! Which express writers stood in the store when, by the calls of IVssExpressWriter.
//!
//! An express writer has no process: it is no actor, gets no event and answers no Identify. That there is one is seen in
//! the calls that registered it alone.

use std::collections::BTreeMap;

use vssim_model::api::{Call, Value};
use vssim_model::ids::WriterClassId;
use vssim_model::time::Ticks;

use super::{CallFact, Facts, Mark};
use crate::metadata::Metadata;

/// The express writers of the store, by class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registrations(BTreeMap<WriterClassId, Vec<Stay>>);

/// How long express writers of a class stood in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stay {
    /// When Register returned.
    from: Mark,
    /// When Unregister was called for the last one of this stay and those before it; the end of time, if it was not.
    until: Mark,
}

/// Behind every mark.
const NEVER: Mark = Mark { n: u64::MAX, t: Ticks(u64::MAX) };

impl Registrations {
    /// The classes that were ever registered.
    pub fn classes(&self) -> impl Iterator<Item = WriterClassId> {
        self.0.keys().copied()
    }

    /// Whether a writer of the class was registered by one mark and not unregistered before the other.
    fn stood(&self, class: WriterClassId, by: Mark, until: Mark) -> bool {
        let Some(stays) = self.0.get(&class) else { return false };
        let begun = stays.partition_point(|stay| stay.from <= by);
        stays.get(..begun).and_then(<[Stay]>::last).is_some_and(|stay| until <= stay.until)
    }
}

/// The registrations of a trace, in order. An object of IVssExpressWriter registers what it was given last.
pub(super) fn collect(calls: &[CallFact<'_>], metadata: &BTreeMap<&str, (Mark, Metadata)>) -> Registrations {
    let mut given: BTreeMap<u32, WriterClassId> = BTreeMap::new();
    let mut all: BTreeMap<WriterClassId, Vec<Stay>> = BTreeMap::new();
    // How many of a class left the store: the first one that stands leaves.
    let mut left: BTreeMap<WriterClassId, usize> = BTreeMap::new();
    for fact in calls.iter().filter(|fact| fact.accepted()) {
        let Call::Method(call) = fact.call else { continue };
        let ("IVssExpressWriter", method) = call.method.name() else { continue };
        let named = || call.arguments.get("writerId").and_then(Value::as_guid).map(WriterClassId);
        let Some(object) = call.on.as_object() else { continue };
        match method {
            "CreateMetadata" => given.extend(named().map(|class| (object, class))),
            "LoadMetadata" => {
                // The text itself, or the SHA-256 of one that an earlier call handed back.
                let text = call.text("metadata").unwrap_or_default();
                let class = match metadata.get(text) {
                    Some((_, known)) => known.class,
                    None => Metadata::read(text).class,
                };
                given.extend(class.map(|class| (object, class)));
            }
            "Register" => {
                let from = fact.end.unwrap_or(fact.begin);
                if let Some(class) = given.get(&object) {
                    all.entry(*class).or_default().push(Stay { from, until: NEVER });
                }
            }
            "Unregister" => {
                let Some(class) = named() else { continue };
                let left = left.entry(class).or_default();
                if let Some(stood) = all.get_mut(&class).and_then(|stays| stays.get_mut(*left)) {
                    stood.until = fact.begin;
                    *left += 1;
                }
            }
            _ => {}
        }
    }
    for stays in all.values_mut() {
        stays.sort_by_key(|stay| stay.from);
        let mut until = Mark::default();
        for stay in stays {
            until = until.max(stay.until);
            stay.until = until;
        }
    }
    Registrations(all)
}

impl Facts<'_> {
    /// Whether an express writer of a class stood in the store all the time between two marks.
    #[must_use]
    pub fn is_express(&self, class: WriterClassId, from: Mark, to: Mark) -> bool {
        self.express.stood(class, from, to)
    }

    /// Whether an express writer of a class stood in the store at some moment between two marks.
    #[must_use]
    pub fn was_express(&self, class: WriterClassId, from: Mark, to: Mark) -> bool {
        self.express.stood(class, to, from)
    }
}
