//! Which express writers stood in the store when, by the calls of IVssExpressWriter.
//!
//! An express writer has no process: it is no actor, gets no event and answers no Identify. That there is one is seen in
//! the calls that registered it alone.

use std::collections::BTreeMap;

use vssim_model::api::{Call, Value};
use vssim_model::ids::WriterClassId;

use super::{CallFact, Facts, Mark};
use crate::metadata::Metadata;

/// An express writer in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its class.
    pub class: WriterClassId,
    /// When Register returned.
    pub from: Mark,
    /// When Unregister was called, if it was.
    pub to: Option<Mark>,
}

/// The registrations of a trace, in order. An object of IVssExpressWriter registers what it was given last.
pub(super) fn collect(calls: &[CallFact<'_>], metadata: &BTreeMap<&str, (Mark, Metadata)>) -> Vec<Registration> {
    let mut given: BTreeMap<u32, WriterClassId> = BTreeMap::new();
    let mut all: Vec<Registration> = Vec::new();
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
                all.extend(given.get(&object).map(|&class| Registration { class, from, to: None }));
            }
            "Unregister" => {
                let stands = |one: &&mut Registration| one.to.is_none() && Some(one.class) == named();
                if let Some(stood) = all.iter_mut().find(stands) {
                    stood.to = Some(fact.begin);
                }
            }
            _ => {}
        }
    }
    all
}

impl Facts<'_> {
    /// Whether an express writer of a class stood in the store all the time between two marks.
    #[must_use]
    pub fn is_express(&self, class: WriterClassId, from: Mark, to: Mark) -> bool {
        self.express.iter().any(|one| one.class == class && one.from <= from && one.to.is_none_or(|end| to <= end))
    }

    /// Whether an express writer of a class stood in the store at some moment between two marks.
    #[must_use]
    pub fn was_express(&self, class: WriterClassId, from: Mark, to: Mark) -> bool {
        self.express.iter().any(|one| one.class == class && one.from <= to && one.to.is_none_or(|end| from <= end))
    }
}
