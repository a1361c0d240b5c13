//! Checks of calls by the names of the headers: parameters, what names stand for, types of arguments.

use std::collections::BTreeMap;

use vssim_model::api::Value;
use vssim_model::catalogue::{Parameter, Type};
use vssim_model::ids::Guid;

use super::Resolver;
use crate::error::{ErrorKind, Problem, one_of, shortened};
use crate::syntax::method::{Argument, MethodStep};
use crate::yaml::{Node, Pos};

/// The mappings that stand for something that only the machine knows.
pub(crate) const FORMS: [&str; 4] = ["instance_of", "class_of", "guid_name_of", "repeat"];
/// The most bytes of repeated text in one scenario.
const ALL_LONG_TEXT: i64 = 16 << 20;
/// The longest text that a scenario may ask for, in bytes.
const LONGEST_TEXT: i64 = 1 << 20;

impl Resolver<'_> {
    /// A call. `names` are what earlier calls handed back.
    pub(super) fn method(&mut self, step: &MethodStep, names: &mut BTreeMap<String, Pos>) {
        let Some(method) = step.method.0 else { return };
        if let Some(on) = &step.on {
            self.argument(on, None, names);
        }
        for (name, argument) in &step.with {
            let parameter = method.method.parameter(name);
            if parameter.is_none() {
                self.no_parameter(name, method.method.parameters.iter().map(|known| known.name), argument.pos);
            }
            self.argument(argument, parameter, names);
            if let Some(parameter) = parameter.filter(|parameter| !parameter.is_given())
                && argument.value != Argument::Null
            {
                let what = format!("`{}` is filled in by the call", parameter.name);
                let problem = Problem::new(ErrorKind::WrongShape, what)
                    .expected("`null`, to pass NULL; what it must hand back stands under `gives`");
                self.problem(problem, argument.pos);
            }
        }
        for (name, argument) in &step.gives {
            let plain = method.method.hands_back_a_value().then_some(vssim_model::catalogue::RETURN);
            let known = || {
                let out = method.method.parameters.iter().filter(|known| !known.is_given()).map(|known| known.name);
                out.chain(plain)
            };
            if !known().any(|known| known == name) {
                self.no_parameter(name, known(), argument.pos);
            }
            self.argument(argument, None, names);
        }
        if let Some(code) = &step.inject
            && !method.method.documents(&code.0.to_string())
        {
            let what = format!("the page of {method} does not name {}", code.0);
            self.problem(
                Problem::new(ErrorKind::Contradiction, what).expected(one_of(method.method.codes())),
                code.pos,
            );
        }
        if let Some(name) = &step.name {
            names.insert(name.0.clone(), name.pos);
        }
    }

    fn no_parameter<'b>(&mut self, name: &str, known: impl Iterator<Item = &'b str> + Clone, pos: Pos) {
        let expected = if known.clone().next().is_none() { "no parameters".to_owned() } else { one_of(known.clone()) };
        let problem =
            Problem::new(ErrorKind::UnknownName, format!("the method has no parameter `{}` here", shortened(name)))
                .expected(expected)
                .near(name, known);
        self.problem(problem, pos);
    }

    pub(super) fn argument(
        &mut self,
        argument: &Node<Argument>,
        parameter: Option<&'static Parameter>,
        names: &BTreeMap<String, Pos>,
    ) {
        match &argument.value {
            Argument::Text(text) => match text.strip_prefix('$') {
                Some(path) => self.reference(path, argument.pos, names),
                None => self.literal(text, parameter, argument.pos),
            },
            Argument::List(all) => all.iter().for_each(|one| self.argument(one, None, names)),
            Argument::Mapping(all) => self.mapping(all, argument.pos, names),
            Argument::Null | Argument::Flag(_) | Argument::Number(_) => {}
        }
    }

    fn reference(&mut self, path: &str, pos: Pos, names: &BTreeMap<String, Pos>) {
        let name = path.split('.').next().unwrap_or_default();
        if names.contains_key(name) || self.is_full() {
            return;
        }
        let known: Vec<&str> = names.keys().map(String::as_str).collect();
        let expected = if known.is_empty() {
            "an earlier call with the key `as`".to_owned()
        } else {
            one_of(known.iter().copied())
        };
        let problem = Problem::new(
            ErrorKind::UnknownName,
            format!("no earlier call names what it hands back `{}`", shortened(name)),
        )
        .expected(expected)
        .near(name, known.iter().copied());
        self.problem(problem, pos);
    }

    fn literal(&mut self, text: &str, parameter: Option<&'static Parameter>, pos: Pos) {
        let Some(parameter) = parameter else { return };
        let (fits, expected) = match parameter.value_type() {
            Type::Guid => {
                (text == "GUID_NULL" || text.parse::<Guid>().is_ok(), "a GUID in braces, or `GUID_NULL`".to_owned())
            }
            Type::Number => (number(text).is_some(), "a whole number, or a name of the headers".to_owned()),
            Type::Enumeration(name) => (number(text).is_some(), format!("a value of {name}, by name or number")),
            Type::Flag => (false, "`true` or `false`".to_owned()),
            Type::Text | Type::Other => return,
        };
        if !fits {
            let what = format!("`{}` is nothing that `{}` takes", shortened(text), parameter.name);
            let known: Vec<&str> = match parameter.value_type() {
                Type::Enumeration(name) => {
                    let known = vssim_model::catalogue::enumeration(name);
                    known.into_iter().flat_map(|known| known.values.iter().map(|(name, _)| *name)).collect()
                }
                _ => Vec::new(),
            };
            self.problem(
                Problem::new(ErrorKind::UnknownWord, what).expected(expected).near(text, known.iter().copied()),
                pos,
            );
        }
    }

    /// Whether the scenario may still ask for so many bytes of repeated text.
    fn takes_long_text(&mut self, bytes: i64) -> bool {
        self.long_text = self.long_text.saturating_add(bytes);
        self.long_text <= ALL_LONG_TEXT
    }

    fn mapping(&mut self, all: &BTreeMap<String, Node<Argument>>, pos: Pos, names: &BTreeMap<String, Pos>) {
        let form = FORMS.iter().find(|form| all.contains_key(**form));
        let Some(form) = form else {
            return all.values().for_each(|one| self.argument(one, None, names));
        };
        let text = match all.get(*form).map(|node| &node.value) {
            Some(Argument::Text(text)) => text.as_str(),
            _ => "",
        };
        let known = match *form {
            "instance_of" | "class_of" => self.document.machine.writers.iter().any(|writer| writer.name.0 == text),
            "guid_name_of" => self.document.machine.volumes.iter().any(|volume| volume.name.0 == text),
            _ => {
                let times = all.get("times").map(|node| &node.value);
                let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
                let fits = |times: i64| times >= 0 && length.saturating_mul(times) <= LONGEST_TEXT;
                matches!(times, Some(Argument::Number(times)) if fits(*times) && self.takes_long_text(length * times))
            }
        };
        if !known {
            let expected = match *form {
                "instance_of" | "class_of" => "the name of a writer of the scenario",
                "guid_name_of" => "the name of a volume of the scenario",
                _ => "`{repeat: x, times: n}`, with at most 1 MiB in all, and 16 MiB in a scenario",
            };
            let what = format!("`{form}: {}` stands for nothing", shortened(text));
            self.problem(Problem::new(ErrorKind::UnknownName, what).expected(expected), pos);
        }
    }
}

/// A number by name: one value of an enumeration, several joined by `|`, an HRESULT.
pub(crate) fn number(text: &str) -> Option<i64> {
    if text.contains('|') {
        return text.split('|').try_fold(0, |all, one| Some(all | Value::text(one.trim()).as_number()?));
    }
    Value::text(text).as_number()
}
