//! What a timeline consists of: lines in lanes and rulers across them; and runs of similar lines made one.

use vssim_model::time::Ticks;

use super::lanes::{Lane, Lanes};
use crate::style::{Page, Style, Tone};
use crate::text::{self, clock, list, number};

/// A line in a lane, or a ruler across all of them.
pub(crate) enum Item {
    Line(Line),
    Ruler(Ruler),
}

/// Something that happened in a lane.
pub(crate) struct Line {
    pub(crate) n: u64,
    pub(crate) t: Ticks,
    pub(crate) lane: Lane,
    /// Who, where the lane alone does not tell.
    pub(crate) actor: Option<String>,
    pub(crate) text: String,
    pub(crate) tone: Tone,
    /// Whether a brief timeline shows it.
    pub(crate) milestone: bool,
    /// What makes it similar to its neighbours.
    pub(crate) run: Option<Run>,
}

/// What similar lines have in common, and the part in which they differ.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) shape: Shape,
    pub(crate) head: String,
    pub(crate) item: String,
}

/// How a run reads as one line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `AddComponent × 12  a, b, c, d and 8 more  until 0.390`
    Repeated,
    /// `C:, D: VSS_SS_PREPARING → VSS_SS_PREPARED`
    Volumes,
}

impl Shape {
    /// How many lines make a run.
    const fn least(self) -> usize {
        match self {
            Shape::Repeated => 4,
            Shape::Volumes => 2,
        }
    }
}

/// A line across all lanes.
pub(crate) struct Ruler {
    /// The record it stands for; 0 for none.
    pub(crate) n: u64,
    pub(crate) t: Ticks,
    /// The character it is drawn with.
    pub(crate) stroke: char,
    pub(crate) text: String,
    pub(crate) tone: Tone,
}

/// How many of the differing parts of a run are shown.
const SHOWN: usize = 4;

/// Makes each run of similar lines one line.
pub(crate) fn collapse(items: Vec<Item>) -> Vec<Item> {
    let mut kept: Vec<Item> = Vec::with_capacity(items.len());
    let mut run: Vec<Line> = Vec::new();
    for item in items {
        match item {
            Item::Line(line) if run.last().is_some_and(|last| similar(last, &line)) => run.push(line),
            Item::Line(line) => {
                close(&mut run, &mut kept);
                run.push(line);
            }
            ruler @ Item::Ruler(_) => {
                close(&mut run, &mut kept);
                kept.push(ruler);
            }
        }
    }
    close(&mut run, &mut kept);
    kept
}

fn similar(a: &Line, b: &Line) -> bool {
    match (&a.run, &b.run) {
        (Some(one), Some(other)) => {
            one.shape == other.shape && one.head == other.head && a.lane == b.lane && a.actor == b.actor
        }
        _ => false,
    }
}

/// Ends a run: one line for all of it if it is long enough.
fn close(run: &mut Vec<Line>, kept: &mut Vec<Item>) {
    let lines = std::mem::take(run);
    let Some(Run { shape, head, .. }) = lines.first().and_then(|line| line.run.clone()) else {
        kept.extend(lines.into_iter().map(Item::Line));
        return;
    };
    if lines.len() < shape.least() {
        kept.extend(lines.into_iter().map(Item::Line));
        return;
    }
    let until = lines.last().map_or(Ticks::ZERO, |line| line.t);
    let mut items: Vec<String> =
        lines.iter().filter_map(|line| line.run.as_ref()).map(|run| run.item.clone()).collect();
    items.dedup();
    items.retain(|item| !item.is_empty());
    let number = number(lines.len() as u64);
    let Some(mut first) = lines.into_iter().next() else { return };
    first.text = match shape {
        Shape::Volumes => format!("{} {head}", list(&items, SHOWN)),
        Shape::Repeated if items.is_empty() => format!("{head} × {number}"),
        Shape::Repeated => format!("{head} × {number}: {}", list(&items, SHOWN)),
    };
    first.text.push_str(&until_text(first.t, until));
    kept.push(Item::Line(first));
}

/// `  until 4.203 s`, where the moment differs in what the time column shows.
pub(crate) fn until_text(from: Ticks, to: Ticks) -> String {
    let end = clock(to);
    if clock(from) == end { String::new() } else { format!("  until {end} s") }
}

/// Prints the items.
pub(crate) fn print(page: &mut Page<'_>, style: &Style, lanes: &Lanes, items: &[Item]) {
    let mut last_time = String::new();
    for item in items {
        match item {
            Item::Line(line) => {
                let time = clock(line.t);
                // A moment is printed once; below it the column stays empty, so that simultaneous events stand out.
                let shown = if time == last_time { "" } else { time.as_str() };
                let text = match &line.actor {
                    Some(actor) => format!("{actor}: {}", line.text),
                    None => line.text.clone(),
                };
                page.hang(&lanes.lead(line.n, shown, line.lane), &lanes.further(line.lane), line.tone, &text);
                last_time = time;
            }
            Item::Ruler(ruler) => {
                let time = clock(ruler.t);
                let lead = lanes.ruler(ruler.n, &time);
                let room = style.columns().min(110).saturating_sub(text::columns(&lead));
                let used = text::columns(&ruler.text) + 4;
                let stroke = |n: usize| ruler.stroke.to_string().repeat(n);
                let text = format!("{} {} {}", stroke(2), ruler.text, stroke(room.saturating_sub(used).max(2)));
                page.hang(&lead, &lanes.ruler(0, ""), ruler.tone, &text);
                last_time = time;
            }
        }
    }
}
