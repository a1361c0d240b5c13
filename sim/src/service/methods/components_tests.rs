//! Random calls of IVssComponent against a map that is simple enough to be believed, and facts about a writer's life.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set up fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use vssim_model::api::{BackupComponentsCall, Call, ComponentName, MethodCall, Out, Value};
use vssim_model::catalogue::find;
use vssim_model::documents::{BackupSchema, ComponentType};
use vssim_model::hresult::HResult;
use vssim_model::ids::{Guid, WriterInstanceId};
use vssim_model::states::WriterEvent as E;
use vssim_model::tables::RequesterState;
use vssim_model::time::Ticks;

use super::{Caller, Object};
use crate::fixture::{Small, small};
use crate::plan::{ActorId, OpenChoices};
use crate::service::{Delivery, Effect, Life, Service, Target};

const CREATE: Call = Call::BackupComponents(BackupComponentsCall::CreateVssBackupComponents);

/// A service with one writer, one object, one component in its document.
fn service() -> Service {
    let plan = small(Small { writers: 1, volumes: 1, transactions: None, open: OpenChoices::default() }).unwrap();
    let class = plan.writers[0].class;
    let mut service = Service::new(Arc::new(plan), &[WriterInstanceId(Guid(7))]);
    service.requester_calls(0, 0, 0, &CREATE, Ticks::ZERO);
    let (_, object) = service.objects.iter_mut().next().unwrap();
    object.backup_state.select_components = true;
    let name = ComponentName {
        instance: WriterInstanceId(Guid(7)),
        writer: class,
        logical_path: String::new(),
        name: "Index".to_owned(),
    };
    object.document.0.add_component(&name, ComponentType::FileGroup, BackupSchema(0)).unwrap();
    service
}

fn backup(service: &Service) -> u32 {
    service.objects.iter().next().unwrap().0
}

/// A caller in the handler of an event, or outside of one.
fn caller(service: &mut Service, event: Option<E>) -> Caller {
    let object = backup(service);
    let restore = matches!(event, Some(E::PreRestore | E::PostRestore));
    let state = if restore { RequesterState::PreRestoring } else { RequesterState::PreparingForBackup };
    service.objects.get_mut(object).unwrap().state = state;
    let delivery = event.map(|event| {
        let to = Target::Writer(0, event);
        let object = Some(object);
        service.deliveries.insert(Delivery {
            operation: None,
            to,
            failure: None,
            application: None,
            object,
            given_up: false,
        })
    });
    Caller { actor: ActorId::Writer(0), slot: 0, object: 0, delivery }
}

/// Makes a call; the code, and what was handed back.
fn make(
    service: &mut Service,
    caller: Caller,
    on: Value,
    method: &str,
    with: &[(&str, Value)],
) -> (HResult, BTreeMap<String, Value>) {
    let mut call = MethodCall::new(find(method).unwrap());
    call.on = on;
    call.arguments = with.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    service.take_effects();
    service.method_called(caller, &call, Ticks::ZERO);
    let effects = service.take_effects();
    let returned = effects.into_iter().find_map(|effect| match effect {
        Effect::Return(_, code, out) => Some((code, out)),
        _ => None,
    });
    let (code, out) = returned.unwrap_or((HResult::VSS_S_ASYNC_PENDING, Out::Nothing));
    (code, out.by_parameter(&call))
}

/// Setter, its parameter, getter, its parameter, whether it may be set once only, where it is legal.
type OfText = (&'static str, &'static str, &'static str, &'static str, bool, &'static [E]);

const BACKUP: &[E] = &[E::PrepareForBackup, E::PrepareForSnapshot, E::Freeze, E::Thaw, E::PostSnapshot, E::Abort];
const TEXTS: [OfText; 7] = [
    ("IVssComponent::SetBackupMetadata", "wszData", "IVssComponent::GetBackupMetadata", "pbstrData", true, BACKUP),
    (
        "IVssComponent::SetBackupStamp",
        "wszBackupStamp",
        "IVssComponent::GetBackupStamp",
        "pbstrBackupStamp",
        false,
        BACKUP,
    ),
    (
        "IVssComponent::SetRestoreMetadata",
        "wszRestoreMetadata",
        "IVssComponent::GetRestoreMetadata",
        "pbstrRestoreMetadata",
        true,
        &[E::PreRestore],
    ),
    (
        "IVssComponent::SetPreRestoreFailureMsg",
        "wszPreRestoreFailureMsg",
        "IVssComponent::GetPreRestoreFailureMsg",
        "pbstrPreRestoreFailureMsg",
        false,
        &[E::PreRestore],
    ),
    (
        "IVssComponent::SetPostRestoreFailureMsg",
        "wszPostRestoreFailureMsg",
        "IVssComponent::GetPostRestoreFailureMsg",
        "pbstrPostRestoreFailureMsg",
        false,
        &[E::PreRestore, E::PostRestore],
    ),
    (
        "IVssComponentEx::SetPrepareForBackupFailureMsg",
        "wszFailureMsg",
        "IVssComponentEx::GetPrepareForBackupFailureMsg",
        "pbstrFailureMsg",
        false,
        &[E::PrepareForBackup],
    ),
    (
        "IVssComponentEx::SetPostSnapshotFailureMsg",
        "wszFailureMsg",
        "IVssComponentEx::GetPostSnapshotFailureMsg",
        "pbstrFailureMsg",
        false,
        &[E::PostSnapshot],
    ),
];

/// A random call, and where it is made.
#[derive(Clone, Debug)]
struct Step {
    event: Option<E>,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Set(usize, String),
    Get(usize),
    AddPartial(String),
    GetPartial(usize),
    AddDifferenced(u32),
    GetDifferenced(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = prop::option::weighted(0.9, prop::sample::select(E::ALL));
    let what = prop_oneof![
        (0..TEXTS.len(), "[a-z ]{0,6}").prop_map(|(at, text)| What::Set(at, text)),
        (0..TEXTS.len()).prop_map(What::Get),
        "[a-z]{1,4}".prop_map(What::AddPartial),
        (0..4_usize).prop_map(What::GetPartial),
        any::<u32>().prop_map(What::AddDifferenced),
        (0..4_usize).prop_map(What::GetDifferenced),
    ];
    prop::collection::vec((event, what).prop_map(|(event, what)| Step { event, what }), 1..40)
}

/// What the document holds, as plainly as can be.
#[derive(Default)]
struct Naive {
    texts: BTreeMap<usize, String>,
    partial: Vec<String>,
    differenced: Vec<u32>,
}

impl Naive {
    /// The code that the call must return, and the value that it must hand back.
    fn expected(&mut self, step: &Step) -> (HResult, Option<Value>) {
        let in_backup = step.event.is_some_and(|event| BACKUP.contains(&event));
        match &step.what {
            What::Set(at, text) => {
                let (.., once, legal) = TEXTS[*at];
                if !step.event.is_some_and(|event| legal.contains(&event)) {
                    return (HResult::VSS_E_BAD_STATE, None);
                }
                if once && self.texts.contains_key(at) {
                    return (HResult::VSS_E_OBJECT_ALREADY_EXISTS, None);
                }
                self.texts.insert(*at, text.clone());
                (HResult::S_OK, None)
            }
            What::Get(at) => match self.texts.get(at) {
                Some(text) => (HResult::S_OK, Some(Value::text(text.clone()))),
                None => (HResult::S_FALSE, Some(Value::Null)),
            },
            What::AddPartial(name) if in_backup => {
                self.partial.push(name.clone());
                (HResult::S_OK, None)
            }
            What::AddDifferenced(time) if in_backup => {
                self.differenced.push(*time);
                (HResult::S_OK, None)
            }
            What::AddPartial(_) | What::AddDifferenced(_) => (HResult::VSS_E_BAD_STATE, None),
            What::GetPartial(_) if matches!(step.event, None | Some(E::Identify | E::BackupShutdown)) => {
                (HResult::VSS_E_BAD_STATE, None)
            }
            What::GetPartial(at) => self.partial.get(*at).map_or((HResult::VSS_E_OBJECT_NOT_FOUND, None), |name| {
                (HResult::S_OK, Some(Value::text(name.clone())))
            }),
            What::GetDifferenced(at) => {
                let found = self.differenced.get(*at);
                found.map_or((HResult::VSS_E_OBJECT_NOT_FOUND, None), |time| {
                    (HResult::S_OK, Some(Value::Number(i64::from(*time))))
                })
            }
        }
    }
}

/// The call as it is made, and the parameter that is looked at.
fn call(what: &What) -> (&'static str, Vec<(&'static str, Value)>, &'static str) {
    match what {
        What::Set(at, text) => (TEXTS[*at].0, vec![(TEXTS[*at].1, Value::text(text.clone()))], ""),
        What::Get(at) => (TEXTS[*at].2, Vec::new(), TEXTS[*at].3),
        What::AddPartial(name) => {
            let with = vec![
                ("wszPath", Value::text(r"D:\Part")),
                ("wszFilename", Value::text(name.clone())),
                ("wszRanges", Value::text("0:512")),
            ];
            ("IVssComponent::AddPartialFile", with, "")
        }
        What::GetPartial(at) => {
            ("IVssComponent::GetPartialFile", vec![("iPartialFile", Value::count(*at))], "pbstrFilename")
        }
        What::AddDifferenced(time) => {
            let with = vec![
                ("wszPath", Value::text(r"D:\Whole")),
                ("wszFilespec", Value::text("*")),
                ("bRecursive", Value::Flag(false)),
                ("ftLastModifyTime", Value::Number(i64::from(*time))),
            ];
            ("IVssComponent::AddDifferencedFilesByLastModifyTime", with, "")
        }
        What::GetDifferenced(at) => {
            ("IVssComponent::GetDifferencedFile", vec![("iDifferencedFile", Value::count(*at))], "pftLastModifyTime")
        }
    }
}

proptest! {
    #[test]
    fn a_component_holds_what_a_map_would(steps in steps()) {
        let mut service = service();
        let mut naive = Naive::default();
        let first = caller(&mut service, Some(E::PrepareForBackup));
        let object = Object::Component { backup: backup(&service), writer: 0, component: 0 };
        let on = service.hand_out(first, object);
        for step in steps {
            let who = caller(&mut service, step.event);
            let (method, with, parameter) = call(&step.what);
            let before = service.objects.get(backup(&service)).unwrap().document.0.to_xml();
            let (code, out) = make(&mut service, who, on.clone(), method, &with);
            let (expected, value) = naive.expected(&step);
            prop_assert_eq!(code, expected, "{:?}", step);
            if let Some(value) = value {
                prop_assert_eq!(out.get(parameter), Some(&value), "{:?}", step);
            }
            let after = service.objects.get(backup(&service)).unwrap().document.0.to_xml();
            prop_assert!(code.is_success() || before == after, "a failure changed the document: {:?}", step);
        }
    }
}

#[test]
fn a_handler_that_was_given_up_changes_nothing() {
    let mut service = service();
    let who = caller(&mut service, Some(E::PrepareForBackup));
    let component = Object::Component { backup: backup(&service), writer: 0, component: 0 };
    let on = service.hand_out(who, component);
    service.deliveries.get_mut(who.delivery.unwrap()).unwrap().given_up = true;
    let with = [("wszBackupStamp", Value::text("late"))];
    let (code, _) = make(&mut service, who, on, "IVssComponent::SetBackupStamp", &with);
    assert_eq!(code, HResult::VSS_E_BAD_STATE);
    let failure = [("hr", Value::text("VSS_E_WRITERERROR_RETRYABLE"))];
    let (code, _) = make(&mut service, who, Value::Null, "CVssWriter::SetWriterFailure", &failure);
    assert_eq!(code, HResult::VSS_E_BAD_STATE);
}

#[test]
fn p_component_counts_what_is_in_the_document() {
    let mut service = service();
    let who = caller(&mut service, Some(E::PrepareForBackup));
    let (code, out) = make(&mut service, who, Value::Null, "IVssWriterComponents::GetComponentCount", &[]);
    assert_eq!((code, out.get("pcComponents")), (HResult::S_OK, Some(&Value::Number(1))));
    let freeze = caller(&mut service, Some(E::Freeze));
    let (code, _) = make(&mut service, freeze, Value::Null, "IVssWriterComponents::GetComponentCount", &[]);
    assert_eq!(code, HResult::E_INVALIDARG, "OnFreeze has no pComponent");
}

#[test]
fn a_writer_is_another_instance_each_time_that_it_joins() {
    let mut service = service();
    service.id_bits.0 = vec![1, 2, 3, 4];
    let who = caller(&mut service, None);
    let first = service.writers[0].instance.0;
    let class = service.plan.writers[0].class;
    let initialize = [
        ("WriterId", Value::guid(class.0)),
        ("wszWriterName", Value::text("Writer")),
        ("ut", Value::text("VSS_UT_USERDATA")),
        ("st", Value::text("VSS_ST_OTHER")),
    ];
    for (method, with, code) in [
        ("CVssWriter::Subscribe", &[][..], HResult::VSS_E_WRITER_ALREADY_SUBSCRIBED),
        ("CVssWriter::~CVssWriter", &[], HResult::S_OK),
        ("CVssWriter::Subscribe", &[], HResult::VSS_E_UNEXPECTED),
        ("CVssWriter::CVssWriter", &[], HResult::S_OK),
        ("CVssWriter::Initialize", &initialize, HResult::S_OK),
        ("CVssWriter::Initialize", &initialize, HResult::VSS_E_UNEXPECTED),
        ("CVssWriter::Subscribe", &[], HResult::S_OK),
    ] {
        assert_eq!(make(&mut service, who, Value::Null, method, with).0, code, "{method}");
    }
    assert_ne!(service.writers[0].instance.0, first);
    assert_eq!(service.writers[0].subscription.life, Life::Subscribed);
}

#[test]
fn unsubscribe_waits_for_the_handler_that_runs() {
    let mut service = service();
    let handler = caller(&mut service, Some(E::PrepareForBackup));
    let main = Caller { delivery: None, ..handler };
    let (code, _) = make(&mut service, main, Value::Null, "CVssWriter::Unsubscribe", &[]);
    assert_eq!(code, HResult::VSS_S_ASYNC_PENDING, "it has not returned");
    let (_, out) = make(&mut service, handler, Value::Null, "CVssWriterEx2::IsWriterShuttingDown", &[]);
    assert_eq!(out.get("return"), Some(&Value::Flag(true)));
    let answer = crate::message::Answer::Handled { returned: true, failure: None };
    service.answered(handler.delivery.unwrap(), &answer, Ticks::ZERO);
    let returned = service.take_effects().iter().any(|effect| matches!(effect, Effect::Return(0, HResult::S_OK, _)));
    assert!(returned);
    assert_eq!(service.writers[0].subscription.life, Life::Initialized);
}
