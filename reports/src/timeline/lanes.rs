//! The lanes of a timeline: one a part, in the order in which a backup calls them; who stands in which.
//!
//! ```text
//!      time   requester
//!             │   VSS
//!             │   │   writers
//!     0.000   backup calls
//!     0.265   │   │   a writer answers
//! ```

use std::collections::BTreeSet;

use vssim_model::trace::{Role, Trace};

use crate::index::Index;
use crate::text::name;

/// The columns of the time and the gap behind it.
const TIME: usize = 10;
const GAP: usize = 3;

/// A lane, by the part that its actors play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    Requester,
    Service,
    Writer,
    Provider,
    Kernel,
    Application,
    /// Actors that the header does not declare.
    Unknown,
}

impl Lane {
    pub(crate) fn of(role: Option<&Role>) -> Lane {
        match role {
            Some(Role::Requester) => Lane::Requester,
            Some(Role::Service) => Lane::Service,
            Some(Role::Writer { .. }) => Lane::Writer,
            Some(Role::Provider { .. }) => Lane::Provider,
            Some(Role::Kernel) => Lane::Kernel,
            Some(Role::Application) => Lane::Application,
            _ => Lane::Unknown,
        }
    }

    const fn plural(self) -> &'static str {
        match self {
            Lane::Requester => "requesters",
            Lane::Service => "VSS",
            Lane::Writer => "writers",
            Lane::Provider => "providers",
            Lane::Kernel => "kernel",
            Lane::Application => "applications",
            Lane::Unknown => "not declared",
        }
    }

    const fn singular(self) -> &'static str {
        match self {
            Lane::Requester => "requester",
            Lane::Writer => "writer",
            Lane::Provider => "provider",
            Lane::Application => "application",
            other => other.plural(),
        }
    }
}

/// The lanes that a trace has, and what is printed before the text of a line.
pub(crate) struct Lanes {
    /// Each lane with the name of its only actor, where it has one only.
    lanes: Vec<(Lane, Option<String>)>,
    /// The columns that the record's number takes; none when it is not shown.
    number: usize,
}

impl Lanes {
    /// The lanes of the declared actors, and one for those that records name beside them.
    pub(crate) fn of(trace: &Trace, index: &Index<'_>, numbered: bool) -> Lanes {
        let mut actors: BTreeSet<(Lane, &str)> = BTreeSet::new();
        for actor in &trace.header.actors {
            actors.insert((Lane::of(Some(&actor.role)), &actor.name));
        }
        for record in &trace.records {
            if index.role(&record.actor).is_none() {
                actors.insert((Lane::Unknown, &record.actor));
            }
        }
        let mut lanes: Vec<(Lane, Option<String>)> = Vec::new();
        for (lane, actor) in actors {
            match lanes.last_mut() {
                Some((last, only)) if *last == lane => *only = None,
                _ => lanes.push((lane, Some(name(actor)))),
            }
        }
        let number = if numbered { trace.records.len().to_string().len() + 3 } else { 0 };
        Lanes { lanes, number }
    }

    /// The heading: a step down for each lane.
    pub(crate) fn heading(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (at, (lane, only)) in self.lanes.iter().enumerate() {
            let title = if at == 0 { "time (s)" } else { "" };
            let label = match (lane, only) {
                (Lane::Service | Lane::Kernel | Lane::Unknown, _) => lane.plural().to_owned(),
                (lane, Some(actor)) => format!("{}: {actor}", lane.singular()),
                (lane, None) => lane.plural().to_owned(),
            };
            lines.push(format!("{}{title:>TIME$}{}{}{label}", " ".repeat(self.number), " ".repeat(GAP), bars(at)));
        }
        lines
    }

    /// Whether a line of the lane must say which actor it is about.
    pub(crate) fn names_actors(&self, lane: Lane) -> bool {
        match lane {
            Lane::Service | Lane::Kernel => false,
            lane => self.lanes.iter().all(|(other, only)| *other != lane || only.is_none()),
        }
    }

    /// What stands before the first line of a text.
    pub(crate) fn lead(&self, number: u64, time: &str, lane: Lane) -> String {
        format!("{}{time:>TIME$}{}{}", self.number(number), " ".repeat(GAP), bars(self.place(lane)))
    }

    /// What stands before its further lines.
    pub(crate) fn further(&self, lane: Lane) -> String {
        format!("{}{}  ", " ".repeat(self.number + TIME + GAP), bars(self.place(lane)))
    }

    /// What stands before a line across all lanes.
    pub(crate) fn ruler(&self, number: u64, time: &str) -> String {
        format!("{}{time:>TIME$}{}", self.number(number), " ".repeat(GAP))
    }

    fn number(&self, n: u64) -> String {
        let width = self.number;
        match n {
            0 => " ".repeat(width),
            _ if width == 0 => String::new(),
            n => format!("{:>width$}", format!("#{n}")),
        }
    }

    fn place(&self, lane: Lane) -> usize {
        self.lanes.iter().position(|(other, _)| *other == lane).unwrap_or_default()
    }
}

fn bars(lanes: usize) -> String {
    "│   ".repeat(lanes)
}
