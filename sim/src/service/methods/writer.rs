//! CVssWriter and its successors.
//!
//! ```text
//! CVssWriter, Initialize(Ex), Subscribe(Ex) ─► events ─► Unsubscribe, ~CVssWriter      the object's life
//! inside a handler: what the event is about (Get…, Is…, Are…), and SetWriterFailure(Ex)
//! ```
//!
//! Methods without an HRESULT hand their value back as `return`. Outside of a handler there is nothing that they could
//! tell of: they answer with nothing, zero, or the undefined value of their type.

use vssim_model::api::{BackupType, MethodCall, Out, Value};
use vssim_model::catalogue::RETURN;
use vssim_model::documents::{ExaminedMetadata, RestoreType};
use vssim_model::file_spec::{FileSet, expand};
use vssim_model::hresult::HResult;
use vssim_model::states::{ApplicationLevel, WriterEvent as E};
use vssim_model::time::Ticks;

use super::{Caller, Done, Object};
use crate::service::subscription::DEFAULT_MASK;
use crate::service::{ApplicationFailure, Life, Service, Set};

/// What Initialize takes for dwTimeoutFreeze where nothing is said, in milliseconds.
const FREEZE_TIMEOUT: i64 = 60_000;
/// What VSS could call, but never does: reserved (pages of these methods).
const RESERVED: [&str; 5] = [
    "InstallAlternateWriter",
    "OnBackOffIOOnVolume",
    "OnContinueIOOnVolume",
    "OnVSSApplicationStartup",
    "OnVSSShutdown",
];

impl Service {
    pub(super) fn writer_method(&mut self, caller: Caller, call: &MethodCall, now: Ticks) -> Result<Done, HResult> {
        // A requester has no writer's object.
        let writer = Self::writer_of(caller.actor).ok_or(HResult::E_INVALIDARG)?;
        let method = call.method.method.name;
        match method {
            "CVssWriter" => {
                self.live(writer, |life| if life == Life::Absent { Life::Constructed } else { life });
                Done::nothing()
            }
            "~CVssWriter" => {
                self.writer_left(writer, Life::Absent, now);
                Done::nothing()
            }
            "Initialize" | "InitializeEx" => self.initialize_writer(writer, call),
            "Subscribe" | "SubscribeEx" => self.subscribe_writer(writer, call),
            "Unsubscribe" => self.unsubscribe_writer(caller, writer, now),
            "SetWriterFailure" | "SetWriterFailureEx" => self.set_failure(caller, call),
            "GetSnapshotDeviceName" => self.snapshot_device_name(caller, call),
            "GetIdentifyInformation" => self.identify_information(caller, writer),
            "GetSessionId" => {
                let handling = self.handling(caller).ok_or(HResult::VSS_E_BAD_STATE)?;
                let id = self.session_id(handling.object).ok_or(HResult::VSS_E_BAD_STATE)?;
                Done::ok(Out::values([("idSession", Value::guid(id))]))
            }
            _ if RESERVED.contains(&method) => Done::nothing(),
            // The base class does nothing and returns true; so it does where a writer calls it itself.
            _ if method.starts_with("On") => plain(Value::Flag(true)),
            _ => plain(self.value_of(caller, writer, call)),
        }
    }

    /// The free functions of vswriter.h.
    pub(super) fn writer_function(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        self.express_function(caller, call)
    }

    fn live(&mut self, writer: u16, change: impl FnOnce(Life) -> Life) {
        if let Some(found) = self.writers.get_mut(usize::from(writer)) {
            found.subscription.life = change(found.subscription.life);
        }
    }

    fn life(&self, writer: u16) -> Life {
        self.writers.get(usize::from(writer)).map_or(Life::Absent, |found| found.subscription.life)
    }

    /// Initialize and InitializeEx. A second one is as unexpected as one without an object.
    fn initialize_writer(&mut self, writer: u16, call: &MethodCall) -> Result<Done, HResult> {
        let given =
            |parameter: &str, default: i64| call.arguments.get(parameter).and_then(Value::as_number).unwrap_or(default);
        let plan = self.plan.writers.get(usize::from(writer)).ok_or(HResult::E_INVALIDARG)?;
        let level = ApplicationLevel::from_number(given("nLevel", ApplicationLevel::FrontEnd.value().into()));
        let level = level.filter(|level| ApplicationLevel::FREEZE_ORDER.contains(level));
        let window = u32::try_from(given("dwTimeoutFreeze", FREEZE_TIMEOUT)).ok().filter(|window| *window > 0);
        let (Some(level), Some(window)) = (level, window) else { return Err(HResult::E_INVALIDARG) };
        // VSS_UT_UNDEFINED and VSS_ST_UNDEFINED are errors of the writer; aws and bIOThrottlingOnly are reserved. The class is
        // the one that the writer's metadata names (docs/choices.md, writer-objects).
        let valid = call.guid("WriterId") == plan.class.0
            && call.text("wszWriterName").is_some_and(|name| !name.is_empty())
            && call.number("ut") > 0
            && call.number("st") > 0
            && given("aws", 1) == 1
            && !call.flag("bIOThrottlingOnly");
        if !valid {
            return Err(HResult::E_INVALIDARG);
        }
        if self.life(writer) != Life::Constructed {
            return Err(self.unexpected());
        }
        if self.plan.safe_mode {
            return Ok(Done::Now(HResult::S_FALSE, Out::Nothing));
        }
        self.writer_initialized(writer, level, Ticks::from_millis(u64::from(window)));
        Done::nothing()
    }

    fn subscribe_writer(&mut self, writer: u16, call: &MethodCall) -> Result<Done, HResult> {
        match self.life(writer) {
            Life::Subscribed => return Err(HResult::VSS_E_WRITER_ALREADY_SUBSCRIBED),
            Life::Initialized => {}
            // Not initialised, also where Initialize gave S_FALSE: no page has a code for it.
            Life::Absent | Life::Constructed => return Err(self.unexpected()),
        }
        let mask = call.arguments.get("dwEventFlags").and_then(Value::as_number).unwrap_or(DEFAULT_MASK.into());
        let wait = call.arguments.get("dwUnsubscribeTimeout").and_then(Value::as_number);
        let wait = wait.and_then(|wait| u64::try_from(wait).ok()).map(Ticks::from_millis);
        self.writer_subscribed(writer, u32::try_from(mask).unwrap_or(u32::MAX), wait);
        Done::nothing()
    }

    fn unsubscribe_writer(&mut self, caller: Caller, writer: u16, now: Ticks) -> Result<Done, HResult> {
        let leaving = self.writers.get(usize::from(writer)).is_some_and(|found| found.subscription.leaving.is_some());
        if self.life(writer) == Life::Subscribed
            && !leaving
            && self.unsubscribe(caller.slot, writer, caller.delivery, now)
        {
            return Ok(Done::Later);
        }
        Done::nothing()
    }

    /// SetWriterFailure and SetWriterFailureEx: only in a handler, never in that of Identify.
    fn set_failure(&mut self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let extended = call.method.method.name == "SetWriterFailureEx";
        let code = hresult(call, if extended { "hrWriter" } else { "hr" });
        let of_extended = [HResult::S_OK, HResult::VSS_E_WRITERERROR_PARTIAL_FAILURE];
        let documented = HResult::WRITER_FAILURES.contains(&code) || extended && of_extended.contains(&code);
        if !documented {
            return Err(HResult::E_INVALIDARG);
        }
        let handling = self.handling(caller).filter(|handling| handling.event != E::Identify);
        let sent =
            caller.delivery.filter(|_| handling.is_some()).and_then(|delivery| self.deliveries.get_mut(delivery));
        let sent = sent.ok_or(HResult::VSS_E_BAD_STATE)?;
        sent.failure = Some(code).filter(|code| code.is_failure());
        sent.application = extended.then(|| ApplicationFailure {
            hresult: hresult(call, "hrApplication"),
            message: call.text("wszApplicationMessage").filter(|text| !text.is_empty()).map(str::to_owned),
        });
        Done::nothing()
    }

    fn snapshot_device_name(&self, caller: Caller, call: &MethodCall) -> Result<Done, HResult> {
        let handling = self.handling(caller).filter(|handling| handling.event == E::PostSnapshot);
        handling.ok_or(HResult::VSS_E_BAD_STATE)?;
        let volume = self.volume(call.text("wszOriginalVolume").unwrap_or_default())?;
        let set = self.current_set(caller).ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?;
        let shadow = set.shadows.iter().find(|shadow| shadow.volume == volume);
        let device = shadow.ok_or(HResult::VSS_E_OBJECT_NOT_FOUND)?.device.0;
        let name = format!(r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy{device}");
        Done::ok(Out::values([("ppwszSnapshotDevice", Value::text(name))]))
    }

    /// The metadata that the writer reported last, in three handlers (page of GetIdentifyInformation).
    fn identify_information(&mut self, caller: Caller, writer: u16) -> Result<Done, HResult> {
        let event = self.handling(caller).map(|handling| handling.event);
        if !matches!(event, Some(E::PrepareForBackup | E::PrepareForSnapshot | E::PostSnapshot)) {
            return Err(HResult::E_FAIL);
        }
        let object = self.own_metadata(writer).ok_or(HResult::E_FAIL)?;
        let object = self.hand_out(caller, object);
        Done::ok(Out::values([("ppMetadata", object)]))
    }

    fn own_metadata(&self, writer: u16) -> Option<Object> {
        let instance = self.writers.get(usize::from(writer))?.instance.0;
        let document = &self.current_metadata(writer)?.document;
        Some(Object::Examine(ExaminedMetadata::from(&document.with_instance(instance)).into()))
    }

    /// The methods that hand a plain value back.
    fn value_of(&self, caller: Caller, writer: u16, call: &MethodCall) -> Value {
        let session = self.session(caller);
        let state = session.map(|object| object.backup_state);
        let set = self.current_set(caller);
        match call.method.method.name {
            "AreComponentsSelected" => Value::Flag(state.is_some_and(|state| state.select_components)),
            "IsBootableSystemStateBackedUp" => Value::Flag(state.is_some_and(|state| state.bootable_system_state)),
            "IsPartialFileSupportEnabled" => Value::Flag(state.is_some_and(|state| state.partial_file_support)),
            "GetBackupType" => Value::text(state.map_or(BackupType::Undefined, |state| state.backup_type).name()),
            "GetRestoreType" => {
                // Undefined in a backup, too.
                let restore = session.filter(|object| object.state.is_restore());
                Value::text(restore.map_or(RestoreType::Undefined, |object| object.document.0.restore_type()).name())
            }
            "GetContext" => Value::Number(session.map_or(0, |object| object.context).into()),
            "GetCurrentLevel" => {
                let level = self.writers.get(usize::from(writer)).map(|found| found.subscription.level);
                Value::text(level.unwrap_or(ApplicationLevel::FrontEnd).name())
            }
            "GetCurrentSnapshotSetId" => {
                // Not to be asked outside of the handlers, nor once PostSnapshot is over.
                let event = self.handling(caller).map(|handling| handling.event);
                let set = set.filter(|_| !matches!(event, None | Some(E::BackupComplete | E::BackupShutdown)));
                Value::guid(set.map(|set| set.id.0.0).unwrap_or_default())
            }
            "GetCurrentVolumeCount" => Value::count(set.map_or(0, |set| set.shadows.len())),
            "GetCurrentVolumeArray" => Value::List(set.map(|set| self.volume_names(set)).unwrap_or_default()),
            "IsPathAffected" => Value::Flag(set.is_some_and(|set| self.is_affected(set, call))),
            "IsWriterShuttingDown" => {
                let found = self.writers.get(usize::from(writer));
                Value::Flag(found.is_some_and(|found| found.subscription.leaving.is_some()))
            }
            _ => Value::Null,
        }
    }

    fn volume_names(&self, set: &Set) -> Vec<Value> {
        let volumes = set.shadows.iter().filter_map(|shadow| self.plan.volumes.get(usize::from(shadow.volume)));
        volumes.map(|volume| Value::text(volume.id.guid_name())).collect()
    }

    /// Whether a path lies on a volume of the set. Its variables are expanded; wildcards make it no path.
    fn is_affected(&self, set: &Set, call: &MethodCall) -> bool {
        let path = call.text("wszPath").unwrap_or_default();
        if FileSet::new(path, "*", false).is_err() {
            return false;
        }
        let Ok(path) = expand(path, &self.plan.variables) else { return false };
        let lies_on = |name: &str| {
            let name = name.trim_end_matches('\\');
            let head = path.get(..name.len());
            let rest = path.get(name.len()..).unwrap_or_default();
            head.is_some_and(|head| head.eq_ignore_ascii_case(name)) && (rest.is_empty() || rest.starts_with('\\'))
        };
        // A volume mounted in a folder of another one is the longer name.
        let volumes = (0_u16..).zip(&self.plan.volumes);
        let on = volumes
            .filter_map(|(index, volume)| {
                let guid = volume.id.guid_name();
                let found = [&*volume.name, guid.as_str()].into_iter().filter(|name| lies_on(name)).map(str::len).max();
                found.map(|length| (length, index))
            })
            .max();
        on.is_some_and(|(_, volume)| set.shadows.iter().any(|shadow| shadow.volume == volume))
    }
}

/// A value without an HRESULT.
fn plain(value: Value) -> Result<Done, HResult> {
    Done::ok(Out::values([(RETURN, value)]))
}

/// An HRESULT that was passed, by name or number.
pub(super) fn hresult(call: &MethodCall, parameter: &str) -> HResult {
    let number = call.number(parameter);
    HResult(i32::try_from(number).map_or_else(|_| u32::try_from(number).unwrap_or(u32::MAX), i32::cast_unsigned))
}
