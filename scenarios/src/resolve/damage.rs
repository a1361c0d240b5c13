//! Checks of planted faults: the document has such an element, and the element such an attribute.

use std::collections::BTreeMap;

use vssim_model::documents::Document;

use super::Resolver;
use crate::error::{ErrorKind, Problem, one_of, shortened};
use crate::syntax::damage::{Damage, DamagedDocument};
use crate::yaml::Pos;

impl Resolver<'_> {
    /// A planted fault. `names` are what earlier calls handed back; `of_requester` tells who plants it.
    pub(super) fn damage(&mut self, damage: &Damage, names: &BTreeMap<String, Pos>, of_requester: bool) {
        if let Some(on) = &damage.on {
            self.argument(on, None, names);
        }
        if let Some(writer) = &damage.writer {
            self.a_writer(writer);
        }
        let metadata = damage.document.value == DamagedDocument::Metadata;
        if metadata && of_requester && damage.writer.is_none() == damage.on.is_none() {
            let problem = Problem::new(ErrorKind::Contradiction, "it is not clear whose metadata is meant")
                .expected("`writer`, whose metadata was gathered, or `on`, the object that holds the document");
            self.problem(problem, damage.document.pos);
        }
        let document = if metadata { Document::WriterMetadata } else { Document::BackupComponents };
        let element = damage.element.0.as_str();
        let Some(attributes) = document.attributes(element) else {
            let known = document.elements();
            let what = format!("the document has no element `{}`", shortened(element));
            let problem = Problem::new(ErrorKind::UnknownWord, what)
                .expected(one_of(known.iter().copied()))
                .near(element, known.iter().copied());
            return self.problem(problem, damage.element.pos);
        };
        match (&damage.attribute, &damage.value) {
            (Some(name), _) if !attributes.contains(&name.0.as_str()) => {
                let what = format!("{element} has no attribute `{}`", shortened(&name.0));
                let problem = Problem::new(ErrorKind::UnknownWord, what)
                    .expected(one_of(attributes.iter().copied()))
                    .near(&name.0, attributes.iter().copied());
                self.problem(problem, name.pos);
            }
            (None, Some(value)) => {
                let problem = Problem::new(ErrorKind::MissingKey, "an element has no value of its own")
                    .expected("the key `attribute`, or no `value`, with which the element goes");
                self.problem(problem, value.pos);
            }
            _ => {}
        }
    }
}
