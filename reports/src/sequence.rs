//! A Mermaid sequence diagram of a trace: who called whom, in order.
//!
//! Participants are the actors. A call that returns before anything else happens is one arrow; one that takes time is
//! an arrow and its answer. Equal arrows in a row are one, with their count. Held writes, the commit instant and failed
//! writers are notes. A diagram of more than [`LIMIT`] steps is unreadable: what is beyond is counted in a last note.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use vssim_model::hresult::HResult;
use vssim_model::trace::{Name, ProcessEdge, Record, Role, TimerEdge, Trace, What};

use crate::index::Index;
use crate::record::{Words, handled};
use crate::text::{NAME, name};

/// The most arrows and notes that a diagram has.
pub const LIMIT: usize = 400;

/// The Mermaid text of the sequence diagram of a trace.
#[must_use]
pub fn sequence_diagram(trace: &Trace) -> String {
    let mut diagram = Diagram::new(trace);
    for (at, record) in trace.records.iter().enumerate() {
        diagram.record(at, record);
    }
    diagram.finish()
}

/// One arrow or note, and how often it repeats.
struct Step {
    /// Everything before the text: the arrow with its ends, or over whom a note stands.
    head: String,
    text: String,
    /// What must be equal for two steps to be one; empty for those that stand alone.
    key: String,
    times: u64,
}

struct Diagram<'t> {
    index: Index<'t>,
    aliases: BTreeMap<&'t str, String>,
    participants: String,
    service: String,
    steps: Vec<Step>,
    left_out: u64,
    joined: Option<usize>,
}

impl<'t> Diagram<'t> {
    fn new(trace: &'t Trace) -> Diagram<'t> {
        let mut diagram = Diagram {
            index: Index::of(trace),
            aliases: BTreeMap::new(),
            participants: String::new(),
            service: "VSS".to_owned(),
            steps: Vec::new(),
            left_out: 0,
            joined: None,
        };
        let mut service = false;
        for actor in &trace.header.actors {
            // Applications neither call nor are called.
            if actor.role == Role::Application || diagram.aliases.contains_key(&*actor.name) {
                continue;
            }
            let alias = diagram.participant(&actor.name);
            if actor.role == Role::Service && !std::mem::replace(&mut service, true) {
                diagram.service = alias;
            }
        }
        if !service {
            let _ = writeln!(diagram.participants, "    participant VSS");
        }
        diagram
    }

    fn participant(&mut self, actor: &'t Name) -> String {
        let alias = format!("A{}", self.aliases.len());
        let _ = writeln!(self.participants, "    participant {alias} as {}", escaped(&name(actor)));
        self.aliases.insert(actor, alias.clone());
        alias
    }

    /// The alias of an actor; of one that the header does not declare, made up to the limit.
    fn alias(&mut self, actor: &'t Name) -> String {
        match self.aliases.get(&**actor) {
            Some(alias) => alias.clone(),
            None if self.aliases.len() < LIMIT => self.participant(actor),
            None => self.service.clone(),
        }
    }

    fn step(&mut self, head: String, text: &str, key: String) {
        if let Some(last) = self.steps.last_mut()
            && !key.is_empty()
            && (last.key == key && last.head == head)
        {
            last.times += 1;
        } else if self.steps.len() < LIMIT {
            self.steps.push(Step { head, text: escaped(text), key, times: 1 });
        } else {
            self.left_out += 1;
        }
    }

    fn note(&mut self, actor: &'t Name, text: &str) {
        let over = self.alias(actor);
        self.step(format!("Note over {over}"), text, String::new());
    }

    /// A note over everybody, one for all the volumes that follow each other.
    fn instant(&mut self, what: &str, volume: &str) {
        if let Some(last) = self.steps.last_mut()
            && last.key == what
        {
            if last.text.len() < NAME * 4 {
                last.text.push_str(", ");
                last.text.push_str(&escaped(&name(volume)));
            } else if !last.text.ends_with('…') {
                last.text.push_str(", …");
            }
            return;
        }
        let last = self.aliases.len().saturating_sub(1);
        let over = if last == 0 { self.service.clone() } else { format!("A0,A{last}") };
        self.step(format!("Note over {over}"), &format!("{what} {}", name(volume)), what.to_owned());
    }

    fn record(&mut self, at: usize, record: &'t Record) {
        match &record.what {
            What::Call { .. } | What::Event { .. } | What::Callback { .. } => self.begin(at, record),
            What::Return { .. } | What::Handled { .. } | What::CallbackReturn { .. } => self.end(at, record),
            What::WriterState { to, failure, .. } if to.is_failed() => {
                let code = if *failure == HResult::S_OK { String::new() } else { format!(", {failure}") };
                let whose = self.index.whose(&record.what).map_or_else(String::new, |whose| format!("for {whose}: "));
                self.note(&record.actor, &format!("{whose}{to}{code}"));
            }
            What::Hold { volume } => self.instant("writes held on", volume),
            What::Release { volume, .. } => self.instant("writes released on", volume),
            What::Commit { volume, .. } => self.instant("commit instant of", volume),
            What::Timer { edge: TimerEdge::Fired, .. }
            | What::Process(ProcessEdge::Crashed)
            | What::Invariant { .. } => {
                let text = Words { index: None }.what(record);
                self.note(&record.actor, &text);
            }
            What::AsyncEnd { operation, hresult } => {
                let operation = Words { index: Some(&self.index) }.operation(operation.0, *operation);
                let (service, actor) = (self.service.clone(), self.alias(&record.actor));
                self.step(format!("{service}--){actor}"), &format!("{operation} ended {hresult}"), String::new());
            }
            _ => {}
        }
    }

    /// An arrow, with the answer in it if that is the next record.
    fn begin(&mut self, at: usize, record: &'t Record) {
        let actor = self.alias(&record.actor);
        let service = self.service.clone();
        let words = Words { index: Some(&self.index) };
        let (head, text, key) = match &record.what {
            What::Call { call, object, .. } => {
                let key = format!("{}{}", call.name().1, words.on(*object));
                (format!("{actor}->>{service}"), words.call_on(*object, call), key)
            }
            What::Callback { call, .. } => (format!("{service}->>{actor}"), words.call(call), call.name().1.to_owned()),
            What::Event { event, .. } => {
                (format!("{service}->>{actor}"), words.event(&record.what, *event), String::new())
            }
            _ => return,
        };
        let end = self.index.span(&record.what).filter(|span| span.begin == at && span.end == Some(at + 1));
        match end.and_then(|_| self.index.trace.records.get(at + 1)) {
            Some(end) => {
                let answer = answer(&end.what, false);
                let key = if key.is_empty() { String::new() } else { format!("{key}{answer}") };
                self.joined = Some(at + 1);
                self.step(head, &format!("{text}{answer}"), key);
            }
            None => self.step(head, &text, String::new()),
        }
    }

    fn end(&mut self, at: usize, record: &'t Record) {
        if self.joined == Some(at) {
            return;
        }
        let (actor, service) = (self.alias(&record.actor), self.service.clone());
        let head = match record.what {
            What::Return { .. } => format!("{service}-->>{actor}"),
            _ => format!("{actor}-->>{service}"),
        };
        let method = match &record.what {
            What::Handled { event, .. } => Words { index: Some(&self.index) }.event(&record.what, *event),
            what => self.index.call_of(what).map_or("answer", |call| call.name().1).to_owned(),
        };
        self.step(head, &format!("{method}{}", answer(&record.what, true)), String::new());
    }

    fn finish(mut self) -> String {
        if self.left_out > 0 {
            let text = format!("{} further steps left out", self.left_out);
            let over = self.service.clone();
            self.steps.push(Step { head: format!("Note over {over}"), text, key: String::new(), times: 1 });
        }
        let mut text = format!("sequenceDiagram\n{}", self.participants);
        for step in &self.steps {
            let _ = match step {
                Step { head, text: words, times: 1, .. } => writeln!(text, "    {head}: {words}"),
                Step { head, key, times, .. } => writeln!(text, "    {head}: {} × {times}", escaped(key)),
            };
        }
        text
    }
}

/// What an end adds: the code where it is not plain success, or where it stands `alone`.
fn answer(what: &What, alone: bool) -> String {
    match what {
        What::Handled { returned, failure, .. } => handled(*returned, *failure),
        What::Return { hresult, .. } | What::CallbackReturn { hresult, .. } if alone || *hresult != HResult::S_OK => {
            format!(" → {hresult}")
        }
        _ => String::new(),
    }
}

/// The text with what Mermaid reads as its own syntax written as entities.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '#' => safe.push_str("#35;"),
            ';' => safe.push_str("#59;"),
            '<' => safe.push_str("#lt;"),
            '>' => safe.push_str("#gt;"),
            '"' => safe.push_str("#quot;"),
            '%' => safe.push_str("#37;"),
            '`' => safe.push_str("#96;"),
            c => safe.push(c),
        }
    }
    // The word "end" closes a block of Mermaid wherever it stands.
    let words: Vec<&str> =
        safe.trim_end().split(' ').map(|word| if word.eq_ignore_ascii_case("end") { "(end)" } else { word }).collect();
    words.join(" ")
}
