//! Calls by the names of the headers: from what is written to what a script holds.

use std::collections::BTreeMap;

use vssim_model::api::Value;
use vssim_model::catalogue::{Parameter, Type};
use vssim_model::hresult::HResult;
use vssim_sim::plan::{Argument as Staged, MethodOp, Op};

use super::{Stager, index};
use crate::resolve::number;
use crate::shown::Shows;
use crate::syntax::method::{Argument, MethodStep};

/// What a call must return and hand back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodExpectation {
    /// The number of the step in the trace.
    pub step: u32,
    /// The method.
    pub name: String,
    /// The line of the scenario.
    pub line: u32,
    /// The code; none for any of success.
    pub code: Option<HResult>,
    /// What it must hand back, by out-parameter.
    pub gives: BTreeMap<String, Staged>,
    /// Where the script keeps what it hands back.
    pub save: Option<u16>,
    /// What this shows, if it comes out so.
    pub shows: Shows,
}

/// Where a script keeps what calls hand back, by name.
pub(super) type Places = BTreeMap<String, u16>;

impl Stager<'_> {
    /// A call becomes an instruction; what it must return is noted.
    pub(super) fn method(&self, step: &MethodStep, places: &mut Places) -> Option<Op> {
        let method = step.method.0?;
        let number = u32::try_from(self.methods.borrow().len() + 1).unwrap_or(u32::MAX);
        let on = step.on.as_ref().map(|on| self.method_argument(&on.value, None, places));
        let arguments = step
            .with
            .iter()
            .map(|(name, argument)| {
                let parameter = method.method.parameter(name);
                (name.clone(), self.method_argument(&argument.value, parameter, places))
            })
            .collect();
        let gives = step.gives.iter().map(|(name, argument)| {
            (name.clone(), self.method_argument(&argument.value, method.method.parameter(name), places))
        });
        let gives = gives.collect();
        let save = step.name.as_ref().map(|name| {
            let next = u16::try_from(places.len()).unwrap_or(u16::MAX);
            *places.entry(name.0.clone()).or_insert(next)
        });
        let injected = step.inject.as_ref().map(|code| code.0);
        let expectation = MethodExpectation {
            step: number,
            name: method.to_string(),
            line: step.method.pos.line,
            code: step.expect.as_ref().map(|code| code.0).or(injected),
            gives,
            save,
            shows: step.shows.clone(),
        };
        self.methods.borrow_mut().push(expectation);
        Some(Op::Method(MethodOp { method, on, arguments, injected, step: number, save }.into()))
    }

    pub(super) fn method_argument(
        &self,
        argument: &Argument,
        parameter: Option<&Parameter>,
        places: &Places,
    ) -> Staged {
        let each = |all: &[crate::yaml::Node<Argument>]| {
            all.iter().map(|one| self.method_argument(&one.value, None, places)).collect()
        };
        match argument {
            Argument::Null => Staged::Value(Value::Null),
            Argument::Flag(flag) => Staged::Value(Value::Flag(*flag)),
            Argument::Number(number) => Staged::Value(Value::Number(*number)),
            Argument::Text(text) => match text.strip_prefix('$') {
                Some(path) => {
                    let mut path = path.split('.').map(str::to_owned);
                    let place = path.next().and_then(|name| places.get(&name).copied()).unwrap_or(u16::MAX);
                    Staged::Saved { place, path: path.collect() }
                }
                None => Staged::Value(literal(text, parameter)),
            },
            Argument::List(all) => Staged::List(each(all)),
            Argument::Mapping(all) => self.method_form(all, places),
        }
    }

    fn method_form(&self, all: &BTreeMap<String, crate::yaml::Node<Argument>>, places: &Places) -> Staged {
        let text = |form: &str| match all.get(form).map(|node| &node.value) {
            Some(Argument::Text(text)) => Some(text.as_str()),
            _ => None,
        };
        if let Some(writer) = text("instance_of").and_then(|name| self.scenario.names.writer(name)) {
            return Staged::InstanceOf(index(writer));
        }
        if let Some(writer) = text("class_of").and_then(|name| self.scenario.names.writer(name)) {
            return Staged::Value(Value::guid(self.classes.get(writer).copied().unwrap_or_default().0));
        }
        if let Some(volume) = text("guid_name_of").and_then(|name| self.scenario.names.volume(name)) {
            return Staged::Value(Value::text(self.volume_id(volume).guid_name()));
        }
        if let Some(text) = text("repeat") {
            let times = match all.get("times").map(|node| &node.value) {
                Some(Argument::Number(times)) => usize::try_from(*times).unwrap_or(0),
                _ => 0,
            };
            return Staged::Value(Value::text(text.repeat(times)));
        }
        let each = all.iter().map(|(name, one)| (name.clone(), self.method_argument(&one.value, None, places)));
        Staged::Fields(each.collect())
    }
}

/// A text as the parameter takes it: a number where several names are joined, itself otherwise.
fn literal(text: &str, parameter: Option<&Parameter>) -> Value {
    let takes_number = matches!(parameter.map(Parameter::value_type), Some(Type::Number | Type::Enumeration(_)));
    match number(text) {
        Some(number) if takes_number && text.contains('|') => Value::Number(number),
        _ => Value::text(text),
    }
}
