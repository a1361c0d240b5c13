//! What the process of a writer does outside of its handlers, as a script.

use std::collections::BTreeMap;
use std::sync::Arc;

use vssim_model::api::Value;
use vssim_model::catalogue::find;
use vssim_model::ids::WriterClassId;
use vssim_model::states::ApplicationLevel;
use vssim_sim::plan::{Argument, MethodOp, Op, Script};

use super::Stager;
use super::machine::span;
use super::methods::{MethodExpectation, Places};
use crate::shown::Shows;
use crate::syntax::requester::Privileges;
use crate::syntax::writer::{MainStep, Metadata, Source, Usage, Writer};

/// The freeze window of a writer that says nothing, in milliseconds.
const FREEZE_TIMEOUT: i64 = 60_000;

impl Stager<'_> {
    /// The main script; none for a writer that is subscribed from the start.
    pub(super) fn main(&self, writer: &Writer, class: WriterClassId, places: &mut Places) -> Option<Script> {
        let mut ops = Vec::new();
        let Some(steps) = &writer.main else {
            // A writer that may not join is never subscribed.
            let may = self.scenario.document.machine.registry.permits(writer.account.as_ref(), 1);
            return (!may).then(|| Arc::from(ops));
        };
        for step in steps {
            match &step.value {
                MainStep::Call(call) => ops.extend(self.method(call, places)),
                MainStep::Subscribe(_) => ops.extend(self.subscribe(writer, class, step.pos.line)),
                MainStep::Sleep(takes) => ops.push(Op::Takes(span(**takes))),
                MainStep::Privileges(held) => ops.push(Op::Privileges(**held == Privileges::Backup)),
                MainStep::Stop(_) => ops.push(Op::Stop(None)),
                MainStep::Restart(again) => ops.push(Op::Stop(Some(span(*again.after)))),
            }
        }
        Some(Arc::from(ops))
    }

    /// The three calls by which a writer joins.
    fn subscribe(&self, writer: &Writer, class: WriterClassId, line: u32) -> Vec<Op> {
        let (usage, source) = match &writer.metadata.value {
            Metadata::Inline(inline) => (inline.usage.value, inline.source.value),
            Metadata::File(_) => (Usage::default(), Source::default()),
        };
        let window = writer.freeze_timeout.as_ref().and_then(|window| i64::try_from(window.0.0 / 10_000).ok());
        let level: ApplicationLevel = writer.level.0;
        let name = writer.reports_name.as_ref().unwrap_or(&writer.name).0.clone();
        let initialize = [
            ("WriterId", Value::guid(class.0)),
            ("wszWriterName", Value::text(name)),
            ("ut", Value::text(super::documents::usage(usage).name())),
            ("st", Value::text(super::documents::source(source).name())),
            ("nLevel", Value::text(level.name())),
            ("dwTimeoutFreeze", Value::Number(window.unwrap_or(FREEZE_TIMEOUT))),
            ("wszWriterInstanceName", Value::optional(writer.instance_name.as_ref().map(|name| name.0.clone()))),
        ];
        let calls = [
            ("CVssWriter::CVssWriter", Vec::new()),
            ("CVssWriter::Initialize", initialize.to_vec()),
            ("CVssWriter::Subscribe", Vec::new()),
        ];
        calls.into_iter().filter_map(|(method, arguments)| self.made(method, &arguments, line)).collect()
    }

    fn made(&self, method: &str, arguments: &[(&str, Value)], line: u32) -> Option<Op> {
        let found = find(method)?;
        let step = u32::try_from(self.methods.borrow().len() + 1).unwrap_or(u32::MAX);
        let (name, gives) = (method.to_owned(), BTreeMap::new());
        self.methods.borrow_mut().push(MethodExpectation {
            step,
            name,
            line,
            code: None,
            gives,
            save: None,
            shows: Shows::new(),
        });
        let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), Argument::Value(value.clone())));
        let arguments = arguments.collect();
        Some(Op::Method(MethodOp { method: found, on: None, arguments, injected: None, step, save: None }.into()))
    }
}
