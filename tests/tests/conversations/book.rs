//! Which objects live: a naive book of what calls handed out and what took it back, by the trace alone.
//!
//! ```text
//!  a return ──► object, interface, holder, parent        Release, a crash, the calls that make pointers invalid ──► gone
//! ```
//!
//! Only a call on what is no object, none of the interface, or none of the caller's may be answered with a code that its page
//! does not name (docs/choices.md, S-01). What cannot be told from the trace counts as gone.

use std::collections::{BTreeMap, BTreeSet};

use vssim_model::api::{AsyncId, BackupComponentsCall, Call, MethodCall, Out, Value};
use vssim_model::catalogue::MethodRef;
use vssim_model::states::WriterEvent;
use vssim_model::time::Ticks;
use vssim_model::trace::{Actor, CallId, Record, Role, TimerEdge, TimerName, Trace, What};

/// How long VSS waits for the answer to an event; afterwards the calls of its handler come too late (S-03).
const LIMIT: Ticks = Ticks::from_secs(600);
/// What makes pointers into the document of a backup components object invalid
/// (nf-vsbackup-ivssbackupcomponents-getwritercomponents.md).
const INVALIDATES: [&str; 5] = ["PrepareForBackup", "DoSnapshotSet", "BackupComplete", "PreRestore", "PostRestore"];
/// The events whose handlers are given IVssWriterComponents.
const WITH_COMPONENTS: [WriterEvent; 5] = [
    WriterEvent::PrepareForBackup,
    WriterEvent::PostSnapshot,
    WriterEvent::BackupComplete,
    WriterEvent::PreRestore,
    WriterEvent::PostRestore,
];

/// What an object's life depends on, besides its holder's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parent {
    None,
    /// A backup components object.
    Backup(u32),
    /// One of the backup components objects, that of the writer's handler.
    OneOfThem,
}

struct Object<'t> {
    holder: &'t str,
    family: &'static str,
    parent: Parent,
}

/// A call until it returns.
struct Open<'t> {
    object: u32,
    method: Option<MethodRef>,
    call: &'t Call,
}

/// The book, as far as the trace was read.
#[derive(Default)]
pub(crate) struct Book<'t> {
    writers: BTreeSet<&'t str>,
    /// The backup components objects that live, with their holders.
    backups: BTreeMap<u32, &'t str>,
    objects: BTreeMap<u32, Object<'t>>,
    operations: BTreeMap<AsyncId, &'t str>,
    /// The handlers that run, by writer.
    handlers: BTreeMap<CallId, (&'t str, WriterEvent, Ticks)>,
    /// Writers without an object of their own.
    destroyed: BTreeSet<&'t str>,
    /// Writers whose freeze window ran out: VSS waits no longer for what they handle. The next event begins anew.
    late: BTreeSet<&'t str>,
    open: BTreeMap<CallId, Open<'t>>,
}

/// The name that an interface has in common with its successors, which are the same object.
fn family(interface: &'static str) -> &'static str {
    let bare = interface.trim_end_matches(['*', ' ', '2', '3', '4']);
    bare.strip_suffix("Ext").or_else(|| bare.strip_suffix("Ex")).unwrap_or(bare)
}

impl<'t> Book<'t> {
    pub(crate) fn of(trace: &'t Trace) -> Book<'t> {
        let is_writer = |actor: &&Actor| matches!(actor.role, Role::Writer { .. });
        let writers = trace.header.actors.iter().filter(is_writer).map(|actor| &*actor.name).collect();
        Book { writers, ..Book::default() }
    }

    /// Reads the next record.
    pub(crate) fn read(&mut self, record: &'t Record, method: Option<MethodRef>) {
        let actor = &*record.actor;
        match &record.what {
            What::Call { id, object, call } => {
                if matches!(call, Call::BackupComponents(BackupComponentsCall::Release)) {
                    self.backup_gone(*object);
                }
                if call.name().1 == "~CVssWriter" {
                    self.destroyed.insert(actor);
                }
                self.open.insert(*id, Open { object: *object, method, call });
            }
            What::Return { id, hresult, out } => {
                let Some(open) = self.open.remove(id) else { return };
                if hresult.is_success() {
                    if INVALIDATES.contains(&open.call.name().1) {
                        self.objects
                            .retain(|_, held| held.holder != actor || held.parent != Parent::Backup(open.object));
                    }
                    self.handed_out(actor, &open, out);
                }
            }
            What::Event { id, event, .. } => {
                // One that still runs stays late.
                if !self.handlers.values().any(|(writer, ..)| *writer == actor) {
                    self.late.remove(actor);
                }
                self.handlers.insert(*id, (actor, *event, record.t));
            }
            What::Handled { id, .. } => drop(self.handlers.remove(id)),
            What::Timer { name: TimerName::FreezeWindow(writer), edge: TimerEdge::Fired } => {
                self.late.insert(&**writer);
            }
            What::Process(_) => self.holder_gone(actor),
            _ => {}
        }
    }

    fn handed_out(&mut self, actor: &'t str, open: &Open<'t>, out: &Out) {
        match out {
            Out::Object(number) => drop(self.backups.insert(*number, actor)),
            Out::Async(operation) => drop(self.operations.insert(*operation, actor)),
            Out::Values(values) => {
                for (name, value) in values {
                    match value {
                        Value::Async { operation } => drop(self.operations.insert(AsyncId(*operation), actor)),
                        Value::BackupComponents { backup_components } => {
                            self.backups.insert(*backup_components, actor);
                        }
                        Value::Object { object } => {
                            let parameter = open.method.and_then(|method| method.method.parameter(name));
                            let Some(family) = parameter.map(|parameter| family(parameter.c_type)) else { continue };
                            let parent = self.parent_of(family, open);
                            self.objects.insert(*object, Object { holder: actor, family, parent });
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    /// What of a Backup Components Document is read live goes with the document.
    fn parent_of(&self, family: &str, open: &Open<'t>) -> Parent {
        match (family, open.call) {
            ("IVssWriterComponents", _) => Parent::Backup(open.object),
            ("IVssComponent", Call::Method(call)) => {
                let from = call.on.as_object().and_then(|number| self.objects.get(&number));
                from.map_or(Parent::OneOfThem, |from| from.parent)
            }
            _ => Parent::None,
        }
    }

    fn backup_gone(&mut self, number: u32) {
        self.backups.remove(&number);
        self.objects.retain(|_, held| held.parent != Parent::Backup(number) && held.parent != Parent::OneOfThem);
    }

    fn holder_gone(&mut self, actor: &str) {
        self.objects.retain(|_, held| held.holder != actor);
        self.operations.retain(|_, holder| *holder != actor);
        self.handlers.retain(|_, (writer, ..)| *writer != actor);
        let backups: Vec<u32> =
            self.backups.iter().filter(|(_, holder)| **holder == actor).map(|(number, _)| *number).collect();
        backups.into_iter().for_each(|number| self.backup_gone(number));
    }

    /// Whether what a call is made on lives for certain, is of the method's interface and the caller's own.
    pub(crate) fn lives(&self, actor: &str, object: u32, call: &Call, now: Ticks) -> bool {
        let backup = || self.backups.get(&object).is_some_and(|holder| *holder == actor);
        let Call::Method(call) = call else { return !matches!(call, Call::BackupComponents(_)) || backup() };
        match call.method.interface.name {
            "vsbackup.h" | "vswriter.h" => true,
            name if name.starts_with("CVssWriter") => self.writers.contains(actor) && !self.unsure(actor),
            name if name.starts_with("IVssBackupComponents") => {
                matches!(call.on, Value::Null | Value::BackupComponents { .. }) && backup()
            }
            "IVssAsync" => match call.on {
                Value::Async { operation } => {
                    self.operations.get(&AsyncId(operation)).is_some_and(|holder| *holder == actor)
                }
                _ => false,
            },
            "IVssWriterComponents" if call.on.is_null() => self.handles(actor, &WITH_COMPONENTS, now),
            "IVssCreateWriterMetadata" | "IVssCreateWriterMetadataEx" if call.on.is_null() => {
                self.handles(actor, &[WriterEvent::Identify], now)
            }
            name => self.holds(actor, family(name), call),
        }
    }

    fn holds(&self, actor: &str, family: &str, call: &MethodCall) -> bool {
        let held = call.on.as_object().and_then(|number| self.objects.get(&number));
        held.is_some_and(|held| held.holder == actor && held.family == family)
    }

    fn unsure(&self, writer: &str) -> bool {
        self.destroyed.contains(writer) || self.late.contains(writer)
    }

    /// Whether a writer is in the handler of one of these events, in no other one, and VSS waits for it.
    fn handles(&self, actor: &str, events: &[WriterEvent], now: Ticks) -> bool {
        let mut running = self.handlers.values().filter(|(writer, ..)| *writer == actor);
        let waited_for = |at: Ticks| now < at + LIMIT && !self.unsure(actor);
        let one = running.next().is_some_and(|(_, event, at)| events.contains(event) && waited_for(*at));
        one && running.next().is_none()
    }
}

#[test]
fn only_a_freeze_window_that_ran_out_makes_a_writer_late_and_only_until_its_next_event() {
    use vssim_model::catalogue::find;

    let mut header = vssim_tests::samples::header();
    header.actors.retain(|actor| matches!(actor.role, Role::Writer { .. }));
    let writer = header.actors.first().expect("a writer").name.clone();
    let event = |id, event| What::Event { id: CallId(id), event, set: None, object: Some(1) };
    let handled = |id, event| What::Handled { id: CallId(id), event, returned: true, failure: None };
    let window = |edge| What::Timer { name: TimerName::FreezeWindow(writer.clone()), edge };
    let call = Call::Method(MethodCall::new(find("CVssWriter::GetCurrentLevel").expect("a documented method")));
    let lives = |records: &[What]| {
        let record =
            |(n, what): (u64, &What)| Record { n, t: Ticks(n), actor: writer.clone(), what: what.clone(), cause: 0 };
        let trace = Trace { header: header.clone(), records: (1..).zip(records).map(record).collect() };
        let mut book = Book::of(&trace);
        trace.records.iter().for_each(|record| book.read(record, None));
        book.lives(&writer, 0, &call, Ticks(99))
    };
    let (freeze, thaw, abort) = (WriterEvent::Freeze, WriterEvent::Thaw, WriterEvent::Abort);
    let frozen = [event(1, freeze), window(TimerEdge::Set(Ticks(50))), handled(1, freeze)];
    assert!(lives(&frozen));
    assert!(lives(&[frozen.to_vec(), vec![window(TimerEdge::Stopped), event(2, thaw)]].concat()));
    let ran_out = [frozen.to_vec(), vec![window(TimerEdge::Fired)]].concat();
    assert!(!lives(&ran_out));
    assert!(lives(&[ran_out, vec![event(2, abort)]].concat()));
    let hanging = vec![event(1, freeze), window(TimerEdge::Fired), event(2, abort)];
    assert!(!lives(&hanging), "its handler still runs");
}
