//! From records to lines and rulers: one pass that joins begin and end and follows what the whole machine is in.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::{AsyncId, Call, Out};
use vssim_model::hresult::HResult;
use vssim_model::states::WriterState;
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, Consistency, Edge, Io, Phase, ProcessEdge, Record, Role, TimerEdge, What};

use super::batch::{Batch, Batches};
use super::lanes::{Lane, Lanes};
use super::line::{Item, Line, Ruler, Run, Shape, until_text};
use crate::index::Index;
use crate::record::{Words, change, equals, handled, phase};
use crate::style::Tone;
use crate::text::{count, list, name, number, size, span};

/// How many writers of a batch are named.
const NAMED: usize = 6;
/// What the diff area saves at once.
const BLOCK: u64 = 16 << 10;

/// What a timeline that is not verbose leaves out.
#[derive(Default)]
pub(crate) struct Hidden {
    pub(crate) documents: u64,
    pub(crate) timers: u64,
}

/// The items of a timeline, and what it leaves out.
pub(crate) fn walk(index: &Index<'_>, lanes: &Lanes, verbose: bool) -> (Vec<Item>, Hidden) {
    let mut walk = Walk {
        index,
        words: Words { index: Some(index) },
        lanes,
        verbose,
        batches: if verbose { Batches::none() } else { Batches::find(index) },
        shown: vec![false; index.trace.records.len()],
        items: Vec::with_capacity(index.trace.records.len()),
        hidden: Hidden::default(),
        phases: BTreeMap::new(),
        frozen: BTreeSet::new(),
        frozen_since: Ticks::ZERO,
        held: BTreeMap::new(),
        named: Vec::new(),
    };
    for at in 0..index.trace.records.len() {
        if !walk.shown[at] {
            walk.shown[at] = true;
            walk.record(at);
        }
    }
    (walk.items, walk.hidden)
}

struct Walk<'i, 't> {
    index: &'i Index<'t>,
    words: Words<'i, 't>,
    lanes: &'i Lanes,
    verbose: bool,
    batches: Batches<'t>,
    /// The records that an earlier line has shown already.
    shown: Vec<bool>,
    items: Vec<Item>,
    hidden: Hidden,
    phases: BTreeMap<(&'t str, Phase), Ticks>,
    frozen: BTreeSet<&'t str>,
    frozen_since: Ticks,
    held: BTreeMap<&'t str, Ticks>,
    /// The writers of the last batch; they are not named again.
    named: Vec<&'t str>,
}

impl<'t> Walk<'_, 't> {
    fn at(&self, at: usize) -> Option<&'t Record> {
        self.index.trace.records.get(at)
    }

    /// Shows the record at this place, and with it what belongs to it.
    fn record(&mut self, at: usize) {
        let Some(record) = self.at(at) else { return };
        if self.batches.of(at).is_some() {
            self.batched(at, record);
            return;
        }
        match &record.what {
            What::Call { .. } | What::Event { .. } | What::Callback { .. } => self.begin(at, record),
            What::Return { .. } | What::Handled { .. } | What::CallbackReturn { .. } => self.end(at, record),
            What::WriterState { from, to, failure, .. } => {
                let bad = to.is_failed() || *failure != HResult::S_OK;
                self.line(record, self.words.what(record), if bad { Tone::Bad } else { Tone::Plain });
                self.freeze(record, *from, *to);
            }
            What::SnapshotState { snapshot, volume, from, to, .. } => {
                let set = self.index.set_to_tell_apart(*snapshot);
                let of = set.map_or_else(String::new, |set| format!("in {}: ", self.words.set(set)));
                let head = format!("{of}{from} → {to}");
                let run = Run { shape: Shape::Volumes, head: head.clone(), item: name(volume) };
                self.line(record, format!("{} {head}", name(volume)), Tone::Plain);
                self.run(run);
            }
            What::AsyncEnd { operation, hresult } => self.operation_ended(record, *operation, *hresult),
            What::Phase { name, edge } => self.phase(at, record, *name, *edge),
            What::Hold { .. } | What::Release { .. } | What::Commit { .. } => self.instant(at, record),
            What::Io { .. } if !self.verbose => self.io(at),
            What::Timer { edge: TimerEdge::Set(_) | TimerEdge::Stopped, .. } if !self.verbose => {
                self.hidden.timers += 1;
            }
            What::Document { .. } if !self.verbose => match self.index.express(at) {
                Some(express) => {
                    let text = format!("metadata of the express writer {}", name(&express.name));
                    self.line(record, text, Tone::Plain);
                }
                None => self.hidden.documents += 1,
            },
            What::Process(edge) => {
                let text = self.words.what(record);
                let tone = if *edge == ProcessEdge::Crashed { Tone::Bad } else { Tone::Plain };
                self.line(record, text.clone(), tone);
                self.run_of_actors(text);
            }
            _ => self.plain(record),
        }
    }

    /// A record whose words say it all.
    fn plain(&mut self, record: &'t Record) {
        let tone = match &record.what {
            What::Timer { edge: TimerEdge::Fired, .. } | What::Invariant { .. } => Tone::Bad,
            What::EventLog(_) => Tone::Odd,
            What::Io { io: Io::Leaked { .. }, .. } => Tone::Bad,
            What::Consistency { state: Consistency::Clean, .. } | What::Compared { different: 0, .. } => Tone::Good,
            What::Consistency { state: Consistency::CrashConsistent, .. } => Tone::Odd,
            What::Consistency { .. } | What::Compared { .. } => Tone::Bad,
            What::Document { .. } => Tone::Dim,
            _ => Tone::Plain,
        };
        self.line(record, self.words.what(record), tone);
        if tone == Tone::Good {
            self.milestone();
        }
    }

    fn line(&mut self, record: &'t Record, text: String, tone: Tone) {
        let lane = Lane::of(self.index.role(&record.actor));
        let actor = self.lanes.names_actors(lane).then(|| name(&record.actor));
        let Record { n, t, .. } = *record;
        self.items.push(Item::Line(Line { n, t, lane, actor, text, tone, milestone: false, run: None }));
    }

    /// Marks the last line as one of a run.
    fn run(&mut self, run: Run) {
        if let Some(Item::Line(line)) = self.items.last_mut() {
            line.run = Some(run);
        }
    }

    /// Marks the last line as one of a run of actors that do the same.
    fn run_of_actors(&mut self, head: String) {
        if let Some(Item::Line(line)) = self.items.last_mut() {
            let item = line.actor.take().unwrap_or_default();
            if !item.is_empty() {
                line.text = format!("{item}: {}", line.text);
            }
            line.run = Some(Run { shape: Shape::Repeated, head, item });
        }
    }

    fn milestone(&mut self) {
        if let Some(Item::Line(line)) = self.items.last_mut() {
            line.milestone = true;
        }
    }

    /// A ruler for a record.
    fn ruler(&mut self, record: &Record, stroke: char, tone: Tone, text: String) {
        let Record { n, t, .. } = *record;
        self.items.push(Item::Ruler(Ruler { n, t, stroke, text, tone }));
    }

    /// A ruler for what a record led to, beside the record's own line.
    fn consequence(&mut self, t: Ticks, text: String) {
        self.items.push(Item::Ruler(Ruler { n: 0, t, stroke: '─', text, tone: Tone::Strong }));
    }

    /// The next record that a line is to be seen of.
    fn next_seen(&self, at: usize) -> Option<usize> {
        (at + 1..self.index.trace.records.len()).find(|next| {
            !self.shown[*next]
                && match self.index.trace.records.get(*next).map(|record| &record.what) {
                    Some(What::Document { .. }) => self.verbose || self.index.express(*next).is_some(),
                    Some(What::Timer { edge: TimerEdge::Set(_) | TimerEdge::Stopped, .. }) => self.verbose,
                    _ => self.batches.of(*next).is_none_or(|batch| *next == batch.first || *next == batch.last),
                }
        })
    }

    /// The begin of a call, event or callback; with its end, if nothing is to be seen between.
    fn begin(&mut self, at: usize, record: &'t Record) {
        let next = if self.verbose { None } else { self.next_seen(at) };
        let span = self.index.span(&record.what).filter(|span| span.begin == at);
        if let Some(next) = next.filter(|next| span.is_some_and(|span| span.end == Some(*next)))
            && let Some(end) = self.at(next)
        {
            self.shown[next] = true;
            self.whole(record, end);
            return;
        }
        let text = match &record.what {
            What::Call { object, call, .. } => format!("→ {}", self.words.call_on(*object, call)),
            What::Callback { call, .. } => format!("▶ {}", self.words.call(call)),
            What::Event { event, .. } => format!("▶ {}", self.words.event(&record.what, *event)),
            _ => return,
        };
        self.line(record, text, Tone::Plain);
    }

    /// A begin and its end in one line.
    fn whole(&mut self, begin: &'t Record, end: &'t Record) {
        let took = end.t - begin.t;
        match (&begin.what, &end.what) {
            (What::Call { object, call, .. }, What::Return { hresult, out, .. }) => {
                let text = format!("{}{}", self.words.call_on(*object, call), answer(self.words, *hresult, out, took));
                self.line(begin, text, call_tone(*hresult, out));
                self.run_of_calls(*object, call, *hresult, out);
            }
            (What::Callback { call, .. }, What::CallbackReturn { hresult, .. }) => {
                let text = format!("{}{}", self.words.call(call), answer(self.words, *hresult, &Out::Nothing, took));
                self.line(begin, text, tone_of(*hresult));
            }
            (What::Event { event, .. }, What::Handled { returned, failure, .. }) => {
                let event = self.words.event(&begin.what, *event);
                let text = format!("{event}{}{}", handled(*returned, *failure), duration(took));
                self.line(begin, text, handler_tone(*returned, *failure));
            }
            _ => {}
        }
    }

    /// Calls of one method with one code are a run, whatever their arguments.
    fn run_of_calls(&mut self, object: u32, call: &Call, hresult: HResult, out: &Out) {
        let method = call.name().1;
        let code = if hresult == HResult::S_OK { String::new() } else { format!(" → {hresult}") };
        let code = self.words.on(object) + &code;
        let (head, item) = match (method, out) {
            (_, Out::Status(status)) => (format!("{method} = {status}{code}"), String::new()),
            ("GetWriterMetadata", _) => (format!("{method}{code}"), String::new()),
            (_, Out::WriterStatus(status)) => {
                (format!("{method}{code}"), format!("{} {}", name(&status.name), status.state))
            }
            _ => (format!("{method}{code}"), self.words.arguments(call)),
        };
        self.run(Run { shape: Shape::Repeated, head, item });
    }

    /// An end that stands apart from its begin, or has none.
    fn end(&mut self, at: usize, record: &'t Record) {
        let took = self.index.duration(at).map(duration).unwrap_or_default();
        let known = self.index.begin_of(at).is_some();
        match &record.what {
            What::Return { id, hresult, out } => {
                let code = answer(self.words, *hresult, out, Ticks::ZERO);
                self.line(record, format!("← {}{code}{took}", self.called(record, known, *id)), tone_of(*hresult));
            }
            What::CallbackReturn { id, hresult } => {
                let code = answer(self.words, *hresult, &Out::Nothing, Ticks::ZERO);
                self.line(record, format!("◀ {}{code}{took}", self.called(record, known, *id)), tone_of(*hresult));
            }
            What::Handled { event, returned, failure, .. } => {
                let tone = handler_tone(*returned, *failure);
                let event = self.words.event(&record.what, *event);
                self.line(record, format!("◀ {event}{}{took}", handled(*returned, *failure)), tone);
            }
            _ => {}
        }
    }

    /// What a return answers; its number alone, where that names nothing.
    fn called(&self, record: &Record, known: bool, id: CallId) -> String {
        match self.index.call_of(&record.what) {
            Some(call) if known => match call {
                Call::Async(_) => self.words.call(call),
                call => call.name().1.to_owned(),
            },
            _ => format!("(no call {})", id.0),
        }
    }

    /// A record that a batch stands for: its begin and its end are lines, what lies between is not.
    fn batched(&mut self, at: usize, record: &'t Record) {
        if let Some(text) = self.batches.of(at).filter(|batch| batch.first == at).map(|batch| self.batch_begin(batch)) {
            self.whole_batch(record, text);
        }
        let last = self.batches.of(at).filter(|batch| batch.last == at && batch.first != at);
        if let Some((end, states)) = last
            .map(|batch| (batch_end(batch, &self.batch_event(batch)), batch_states(batch, &self.batch_whose(batch))))
        {
            self.whole_batch(record, end);
            self.milestone();
            for text in states {
                self.whole_batch(record, text);
            }
        }
        if let Some(batch) = self.batches.of(at).filter(|batch| batch.first == at) {
            self.named.clone_from(&batch.writers);
        }
        if let What::WriterState { from, to, .. } = record.what {
            self.freeze(record, from, to);
        }
    }

    /// The begin of a batch; the writers of the one before are not named again.
    fn batch_begin(&self, batch: &Batch<'_>) -> String {
        let writers = count(batch.writers.len() as u64, "writer");
        let event = self.batch_event(batch);
        if self.named == batch.writers {
            return format!("▶ {event} to the same {writers}");
        }
        let names: Vec<String> = batch.writers.iter().map(|writer| name(writer)).collect();
        format!("▶ {event} to {writers}: {}", list(&names, NAMED))
    }

    /// The event of a batch, with whose it is where that must be told.
    fn batch_event(&self, batch: &Batch<'_>) -> String {
        self.at(batch.first).map_or_else(String::new, |first| self.words.event(&first.what, batch.event))
    }

    /// Whose the states of a batch are, where that must be told.
    fn batch_whose(&self, batch: &Batch<'_>) -> String {
        let whose = self.at(batch.first).and_then(|first| self.words.whose(&first.what));
        whose.map_or_else(String::new, |whose| format!(" for {whose}"))
    }

    /// A line about many writers.
    fn whole_batch(&mut self, record: &'t Record, text: String) {
        self.line(record, text, Tone::Plain);
        if let Some(Item::Line(line)) = self.items.last_mut() {
            (line.lane, line.actor) = (Lane::Writer, None);
        }
    }

    /// Draws a ruler when the first writer is frozen, and when none is any more.
    fn freeze(&mut self, record: &'t Record, from: WriterState, to: WriterState) {
        if to == WriterState::WaitingForThaw {
            if self.frozen.is_empty() {
                self.frozen_since = record.t;
                self.consequence(record.t, "writers frozen from here on".to_owned());
            }
            self.frozen.insert(&record.actor);
        } else if from == WriterState::WaitingForThaw && self.frozen.remove(&*record.actor) && self.frozen.is_empty() {
            let text = format!("no writer frozen any more, after {}", span(record.t - self.frozen_since));
            self.consequence(record.t, text);
        }
    }

    fn operation_ended(&mut self, record: &'t Record, operation: AsyncId, hresult: HResult) {
        let text = format!("{} ended → {hresult}", self.words.operation(operation.0, operation));
        let tone = match hresult {
            HResult::VSS_S_ASYNC_FINISHED => Tone::Good,
            other => match tone_of(other) {
                Tone::Plain => Tone::Odd,
                tone => tone,
            },
        };
        self.line(record, text, tone);
        self.milestone();
    }

    /// A requester's phase is a ruler; one of the service or the kernel is a line, or two.
    fn phase(&mut self, at: usize, record: &'t Record, which: Phase, edge: Edge) {
        let word = phase(which);
        if matches!(self.index.role(&record.actor), Some(Role::Requester)) {
            match edge {
                Edge::Enter => {
                    self.phases.insert((&record.actor, which), record.t);
                    let whose = self.index.sessions.overlap().then(|| format!(" of {}", name(&record.actor)));
                    self.ruler(record, '─', Tone::Dim, word + &whose.unwrap_or_default());
                }
                Edge::Leave => {
                    let took = self.phases.remove(&(&*record.actor, which)).map(|begin| duration(record.t - begin));
                    self.line(record, format!("{word} ends{}", took.unwrap_or_default()), Tone::Dim);
                }
            }
            return;
        }
        match edge {
            Edge::Enter => {
                let next = if self.verbose { None } else { self.next_seen(at) };
                let end = next.and_then(|next| self.at(next)).filter(|end| {
                    end.actor == record.actor && end.what == What::Phase { name: which, edge: Edge::Leave }
                });
                if let (Some(next), Some(end)) = (next, end) {
                    self.shown[next] = true;
                    self.line(record, format!("{word}{}", duration(end.t - record.t)), Tone::Dim);
                } else {
                    self.phases.insert((&record.actor, which), record.t);
                    self.line(record, format!("{word} begins"), Tone::Dim);
                }
            }
            Edge::Leave => {
                let took = self.phases.remove(&(&*record.actor, which)).map(|begin| duration(record.t - begin));
                self.line(record, format!("{word} ends{}", took.unwrap_or_default()), Tone::Dim);
            }
        }
    }

    /// Hold, release and commit: one ruler for all the volumes that follow each other.
    fn instant(&mut self, at: usize, record: &'t Record) {
        let mut volumes = Vec::new();
        let mut queued = 0_u64;
        let mut longest = Ticks::ZERO;
        let mut next = Some(at);
        while let Some(at) = next {
            let Some(other) = self.at(at) else { break };
            match (&record.what, &other.what) {
                (What::Hold { .. }, What::Hold { volume }) => {
                    self.held.entry(volume).or_insert(other.t);
                    volumes.push(name(volume));
                }
                (What::Release { .. }, What::Release { volume, queued: n }) => {
                    let since = self.held.remove(&**volume).unwrap_or(other.t);
                    longest = longest.max(other.t - since);
                    queued += u64::from(*n);
                    volumes.push(name(volume));
                }
                // Volumes committed at different instants must be seen as such.
                (What::Commit { .. }, What::Commit { volume, .. }) if other.t == record.t => volumes.push(name(volume)),
                _ => break,
            }
            self.shown[at] = true;
            next = if self.verbose { None } else { self.next_seen(at) };
        }
        let volumes = list(&volumes, NAMED);
        match &record.what {
            What::Hold { .. } => self.ruler(record, '═', Tone::Strong, format!("writes held on {volumes}")),
            What::Release { .. } => {
                let landed =
                    if queued == 0 { String::new() } else { format!(", {} land", count(queued, "queued write")) };
                let text = format!("writes released on {volumes} after {}{landed}", span(longest));
                self.ruler(record, '═', Tone::Strong, text);
            }
            _ => self.ruler(record, '━', Tone::Strong, format!("COMMIT INSTANT of {volumes}")),
        }
    }

    /// A stretch of I/O, summed up by kind and volume.
    fn io(&mut self, at: usize) {
        let mut groups: BTreeMap<(u8, &'t str, &'t str), IoGroup<'t>> = BTreeMap::new();
        let mut next = Some(at);
        while let Some(at) = next {
            let Some(record) = self.at(at) else { break };
            let What::Io { volume, io } = &record.what else { break };
            self.shown[at] = true;
            let (kind, bytes) = kind_of(*io);
            let group = groups.entry((kind, volume, &record.actor)).or_insert(IoGroup {
                first: record,
                volume,
                io: *io,
                times: 0,
                bytes: 0,
                files: 0,
                last: record.t,
            });
            group.times += 1;
            group.bytes = group.bytes.saturating_add(bytes);
            if let Io::BulkRead { files, .. } = *io {
                group.files = group.files.saturating_add(files);
            }
            group.last = record.t;
            next = self.next_seen(at);
        }
        let mut groups: Vec<IoGroup<'t>> = groups.into_values().collect();
        groups.sort_by_key(|group| group.first.n);
        for group in groups {
            if group.times == 1 {
                self.plain(group.first);
            } else {
                let tone = if matches!(group.io, Io::Leaked { .. }) { Tone::Bad } else { Tone::Plain };
                self.line(group.first, group.text(), tone);
            }
        }
    }
}

/// I/O of one kind on one volume.
struct IoGroup<'t> {
    first: &'t Record,
    volume: &'t str,
    io: Io,
    times: u64,
    bytes: u64,
    files: u64,
    last: Ticks,
}

impl IoGroup<'_> {
    fn text(&self) -> String {
        let (n, volume, bytes) = (number(self.times), name(self.volume), size(self.bytes));
        let text = match self.io {
            Io::FirstCopy { .. } => format!("{n} first copies of blocks on {volume} ({bytes})"),
            Io::Queued { .. } => format!("{n} application writes queued on {volume} ({bytes})"),
            Io::Leaked { .. } => format!("{n} writes WENT THROUGH to held {volume} ({bytes})"),
            Io::BulkRead { .. } => {
                format!("read {} ({bytes}) from the shadow copy of {volume}, in {n} parts", count(self.files, "file"))
            }
            Io::SnapshotWrite { .. } => format!("{n} writes into the shadow copy of {volume} ({bytes})"),
            _ => format!("{n} times other I/O on {volume}"),
        };
        text + &until_text(self.first.t, self.last)
    }
}

/// A number for each kind of I/O, and how many bytes it moved.
const fn kind_of(io: Io) -> (u8, u64) {
    match io {
        Io::FirstCopy { .. } => (0, BLOCK),
        Io::Queued { length, .. } => (1, length),
        Io::Leaked { length, .. } => (2, length),
        Io::BulkRead { bytes, .. } => (3, bytes),
        Io::SnapshotWrite { length, .. } => (4, length),
        _ => (5, 0),
    }
}

fn batch_end(batch: &Batch<'_>, event: &str) -> String {
    let all = batch.writers.len();
    let who =
        if batch.kept == all { format!("all {}", number(all as u64)) } else { format!("{} of {}", batch.kept, all) };
    let longest = match batch.longest {
        Some((took, writer)) if took > Ticks::ZERO => format!("  longest {} ({})", span(took), name(writer)),
        _ => String::new(),
    };
    format!("◀ {event} → TRUE from {who}{longest}")
}

fn batch_states(batch: &Batch<'_>, whose: &str) -> Vec<String> {
    let all = batch.writers.len();
    let line = |((from, to), n): (&(WriterState, WriterState), &usize)| {
        let who = if *n == all { format!("all {all}") } else { format!("{n} of {all}") };
        format!("{who}{whose}: {}", change(*from, *to))
    };
    batch.states.iter().map(line).collect()
}

/// What a call gave back: the code where it is not `S_OK`, what came with it, how long it took.
fn answer(words: Words<'_, '_>, hresult: HResult, out: &Out, took: Ticks) -> String {
    let code = if hresult == HResult::S_OK { String::new() } else { format!(" → {hresult}") };
    let value = match out {
        Out::Async(_) => "  (asynchronous)".to_owned(),
        out => equals(&words.out(out)),
    };
    format!("{value}{code}{}", duration(took))
}

/// `  0.327 s`, or nothing where no time passed.
fn duration(took: Ticks) -> String {
    if took == Ticks::ZERO { String::new() } else { format!("  {}", span(took)) }
}

fn tone_of(hresult: HResult) -> Tone {
    if hresult.is_failure() { Tone::Bad } else { Tone::Plain }
}

/// A call that reports the failure of something else is marked as one that fails.
fn call_tone(hresult: HResult, out: &Out) -> Tone {
    match out {
        Out::Status(status) => tone_of(*status),
        Out::WriterStatus(status) => tone_of(status.failure),
        _ => tone_of(hresult),
    }
}

fn handler_tone(returned: bool, failure: Option<HResult>) -> Tone {
    if returned && failure.is_none_or(HResult::is_success) { Tone::Plain } else { Tone::Bad }
}
