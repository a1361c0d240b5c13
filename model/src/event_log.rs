//! What Windows writes into its event logs about shadow copies: one constructor for each entry.
//!
//! The service, its requesters, writers and providers write to the Application log under the source `VSS`, the driver
//! to the System log under `volsnap` (LOG-001). The ids are Windows' own, the words are ours. An entry stands here only
//! if its id and meaning are public:
//!
//! - the message tables of VSSVC.EXE and volsnap.sys, as libyal/winevt-kb lists them (`MessageFile-vssvc.exe.md`,
//!   `MessageFile-volsnap.sys.md`); an id is the low 16 bits of the message's identifier. Every entry but 8231 is there;
//! - Microsoft's pages "VSS Writer Operations", "Volume Snapshot Driver Integrity" and "Diff Area Integrity" for Windows
//!   Server 2008 R2, and articles of its knowledge base;
//! - event logs that were recorded.
//!
//! Where a page or a recording confirms the table, the constructor names it. The entry 8222 of the source `VSSAudit` (a
//! shadow copy was created) is left out, because it goes to the Security log.
//!
//! Since Windows Vista an entry also tells operation and context (LOG-003): [`with_context`] adds them. Not every
//! release has every entry: [`is_written_by`] tells which has.

use std::fmt::Display;

use crate::hresult::HResult;
use crate::ids::{ProviderId, SnapshotSetId, WriterClassId, WriterInstanceId};
use crate::release::{Generation, Release};
use crate::states::WriterEvent;
use crate::trace::{EventLog, EventLogEntry};

/// The source of the service, its requesters, writers and providers.
pub const VSS: &str = "VSS";
/// The source of the driver.
pub const VOLSNAP: &str = "volsnap";

fn vss(id: u32, message: String) -> EventLogEntry {
    EventLogEntry { log: EventLog::Application, source: VSS.to_owned(), id: Some(id), message }
}

fn volsnap(id: u32, message: String) -> EventLogEntry {
    EventLogEntry { log: EventLog::System, source: VOLSNAP.to_owned(), id: Some(id), message }
}

/// A code with its number, as the entries of Windows show it.
fn code(hresult: HResult) -> String {
    match hresult.known() {
        Some(known) => format!("0x{:08x} ({})", hresult.0, known.name),
        None => format!("0x{:08x}", hresult.0),
    }
}

/// Whether the release can write this entry, by the first message table that has its id. Entries of other sources, or
/// without an id, are anybody's own.
#[must_use]
pub fn is_written_by(entry: &EventLogEntry, release: Release) -> bool {
    let since = match (entry.source.as_str(), entry.id) {
        (VSS, Some(8229 | 12366)) => Generation::Seven,
        (VSS, Some(4003 | 8219 | 8220 | 8224 | 8225 | 12323 | 12324 | 12338 | 12340 | 12349)) => Generation::Vista,
        (VSS, Some(12310)) | (VOLSNAP, Some(30 | 33 | 35 | 36 | 38 | 40 | 58)) => Generation::Server2003,
        // In no table; recorded on Windows 10 or later.
        (VSS, Some(8231)) => Generation::Ten,
        _ => Generation::Xp,
    };
    release.generation() >= since
}

/// Adds what was being done and for whom (LOG-003). Windows Vista and later write it.
#[must_use]
pub fn with_context(mut entry: EventLogEntry, operation: &str, context: &[(&str, &str)]) -> EventLogEntry {
    entry.message.push_str("\n\nOperation: ");
    entry.message.push_str(operation);
    for (name, value) in context {
        entry.message.push_str(&format!("\n{name}: {value}"));
    }
    entry
}

/// The entry as the release writes it, if it has it at all. Before Windows Vista there is no context.
#[must_use]
pub fn of_release(mut entry: EventLogEntry, release: Release) -> Option<EventLogEntry> {
    if !release.logs_context()
        && let Some(at) = entry.message.find("\n\nOperation: ")
    {
        entry.message.truncate(at);
    }
    is_written_by(&entry, release).then_some(entry)
}

/// A writer, as the entries name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedWriter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its class.
    pub class: WriterClassId,
    /// Its instance.
    pub instance: WriterInstanceId,
}

fn of_writer(entry: EventLogEntry, operation: &dyn Display, writer: LoggedWriter<'_>) -> EventLogEntry {
    let (class, instance) = (writer.class.to_string(), writer.instance.to_string());
    let context = [("Writer class", class.as_str()), ("Writer", writer.name), ("Writer instance", instance.as_str())];
    with_context(entry, &operation.to_string(), &context)
}

/// VSS 4003: a writer has been frozen for more than two minutes and still waits for Thaw or Abort; a warning.
#[must_use]
pub fn writer_still_frozen(writer: LoggedWriter<'_>) -> EventLogEntry {
    let message = "The writer was frozen more than two minutes ago and still waits for Thaw or Abort.";
    of_writer(vss(4003, message.to_owned()), &WriterEvent::Freeze, writer)
}

/// VSS 8193: a routine of the system failed unexpectedly. Recorded.
#[must_use]
pub fn routine_failed(routine: &str, hresult: HResult) -> EventLogEntry {
    vss(8193, format!("The routine {routine} failed unexpectedly with {}.", code(hresult)))
}

/// VSS 8194: a writer could not get at its requester's callback, mostly for want of access rights; the backup may still
/// succeed. Recorded.
#[must_use]
pub fn writer_callback_refused(writer: LoggedWriter<'_>, hresult: HResult) -> EventLogEntry {
    let message = format!("Asking for the writer callback interface failed with {}.", code(hresult));
    of_writer(vss(8194, message), &"gathering writer data", writer)
}

/// VSS 8219: the time was over while a file specification to be deleted from the shadow copy was expanded. Recorded.
#[must_use]
pub fn expansion_ran_out_of_time(writer: LoggedWriter<'_>, path: &str, spec: &str) -> EventLogEntry {
    let message = format!("No time was left to expand the file specification {path}\\{spec}.");
    of_writer(vss(8219, message), &WriterEvent::PostSnapshot, writer)
}

/// VSS 8220: the time was over while files were deleted from the shadow copy. Recorded.
#[must_use]
pub fn deletion_ran_out_of_time(writer: LoggedWriter<'_>) -> EventLogEntry {
    of_writer(vss(8220, "No time was left to delete files.".to_owned()), &WriterEvent::PostSnapshot, writer)
}

/// VSS 8224: the service ends because nobody uses it. Recorded, 180 s after the last use.
#[must_use]
pub fn service_idle_shutdown() -> EventLogEntry {
    vss(8224, "The service ends because it was idle.".to_owned())
}

/// VSS 8225: the service ends because it was told to.
#[must_use]
pub fn service_stopped() -> EventLogEntry {
    vss(8225, "The service ends because the service control manager stops it.".to_owned())
}

/// VSS 8229: a writer has rejected an event. Confirmed by "VSS Writer Operations" (message) and by Microsoft's support
/// articles on backups of domain controllers and of SQL Server (id and message).
#[must_use]
pub fn writer_rejected_event(writer: LoggedWriter<'_>, event: WriterEvent, hresult: HResult) -> EventLogEntry {
    let message = format!(
        "A writer has rejected an event with {}. What it changed in its components meanwhile does not reach the requester.",
        code(hresult)
    );
    of_writer(vss(8229, message), &event, writer)
}

/// VSS 8231: the creation of a shadow copy set begins. Recorded on a recent release; not in the message tables.
#[must_use]
pub fn creation_begins(set: SnapshotSetId, command_line: &str) -> EventLogEntry {
    vss(8231, format!("The creation of the shadow copy set {set} begins for the process {command_line}."))
}

/// VSS 12289: something failed unexpectedly. Confirmed by KB 978773, which quotes it for a writer session that was left
/// over.
#[must_use]
pub fn unexpected_error(what: &str, hresult: HResult) -> EventLogEntry {
    with_context(vss(12289, format!("Unexpected error: {what} failed with {}.", code(hresult))), what, &[])
}

/// VSS 12292: a provider could not be started. Confirmed by a published entry.
#[must_use]
pub fn provider_not_created(provider: ProviderId, hresult: HResult) -> EventLogEntry {
    vss(12292, format!("The provider {provider} could not be created: {}.", code(hresult)))
}

/// VSS 12293: a provider failed in a call. Confirmed by KB 972135.
#[must_use]
pub fn provider_error(provider: ProviderId, routine: &str, hresult: HResult) -> EventLogEntry {
    let entry = vss(12293, format!("The provider {provider} failed in {routine} with {}.", code(hresult)));
    with_context(entry, routine, &[("Provider", provider.to_string().as_str())])
}

/// VSS 12294: a provider answered `E_INVALIDARG` to a call.
#[must_use]
pub fn provider_invalid_argument(provider: ProviderId, routine: &str) -> EventLogEntry {
    vss(12294, format!("The provider {provider} answered E_INVALIDARG to {routine}."))
}

/// VSS 12297: writes to a volume could not be flushed during the creation. `index` numbers the volume in the set.
#[must_use]
pub fn vss_flush_writes(volume: &str, index: u32, flush: HResult, release: HResult) -> EventLogEntry {
    vss(12297, of_volume("flushed", volume, index, flush, release))
}

/// VSS 12298: writes to a volume could not be held during the creation. `index` numbers the volume in the set.
/// Confirmed by published entries: a hold that ended by itself is told at the release, with
/// `VSS_E_HOLD_WRITES_TIMEOUT`.
#[must_use]
pub fn vss_hold_writes(volume: &str, index: u32, flush: HResult, release: HResult) -> EventLogEntry {
    let entry = vss(12298, of_volume("held", volume, index, flush, release));
    with_context(entry, "creating a shadow copy set", &[("Volume", volume)])
}

fn of_volume(what: &str, volume: &str, index: u32, flush: HResult, release: HResult) -> String {
    let (flush, release) = (code(flush), code(release));
    format!(
        "Writes to the volume {volume}, number {index} of the set, could not be {what}: flush {flush}, release {release}."
    )
}

/// VSS 12299: a provider committed another number of shadow copies than it had to.
#[must_use]
pub fn wrong_number_committed(expected: u32, committed: u32) -> EventLogEntry {
    vss(12299, format!("A provider committed {committed} shadow copies in place of {expected}."))
}

/// VSS 12301: a writer does not answer GatherWriterStatus. Confirmed by "VSS Writer Operations" (message).
#[must_use]
pub fn writer_not_responding(writer: &str) -> EventLogEntry {
    vss(12301, format!("The writer {writer} did not answer GatherWriterStatus."))
}

/// VSS 12302: writers cannot be reached.
#[must_use]
pub fn writers_unreachable() -> EventLogEntry {
    let message = "The writers could not be reached; the event service and VSS have to run.";
    with_context(vss(12302, message.to_owned()), "raising an event to the writers", &[])
}

/// VSS 12305: a volume or disk is not connected or not found.
#[must_use]
pub fn volume_not_found(where_met: &str) -> EventLogEntry {
    vss(12305, format!("A volume or disk is not connected or not found: {where_met}."))
}

/// VSS 12310: the shadow copy could not be committed in time.
#[must_use]
pub fn commit_timed_out(where_met: &str) -> EventLogEntry {
    vss(12310, format!("The shadow copy could not be committed in time: {where_met}."))
}

/// VSS 12323: the kernel transaction manager could not be frozen in time.
#[must_use]
pub fn transaction_freeze_timeout(seconds: u32) -> EventLogEntry {
    let entry = vss(12323, format!("The kernel transaction manager was not frozen within {seconds} s."));
    with_context(entry, "creating a shadow copy set", &[])
}

/// VSS 12324: the kernel transaction manager had to stay frozen for too long.
#[must_use]
pub fn transaction_thaw_timeout(seconds: u32) -> EventLogEntry {
    let entry = vss(12324, format!("The kernel transaction manager was not thawed within {seconds} s."));
    with_context(entry, "creating a shadow copy set", &[])
}

/// VSS 12338: opening and flushing the volumes took so long that one of them waited in vain for writes to be held.
#[must_use]
pub fn open_and_flush_too_slow(seconds: u32, volume: &str) -> EventLogEntry {
    let message =
        format!("Opening and flushing all volumes took more than {seconds} s; {volume} waited in vain for the hold.");
    vss(12338, message)
}

/// VSS 12340: flushing the volumes took so long that one of them waited in vain for writes to be released.
#[must_use]
pub fn flush_too_slow(seconds: u32, volume: &str) -> EventLogEntry {
    vss(12340, format!("Flushing all volumes took more than {seconds} s; {volume} waited in vain for the release."))
}

/// VSS 12349: a writer took very long over Freeze; a warning.
#[must_use]
pub fn writer_slow_in_freeze(writer: LoggedWriter<'_>) -> EventLogEntry {
    let message = "The writer took too long over Freeze; it and others may run out of time.";
    of_writer(vss(12349, message.to_owned()), &WriterEvent::Freeze, writer)
}

/// VSS 12366: a writer's handler threw an exception. Confirmed by "VSS Writer Operations" (message).
#[must_use]
pub fn writer_exception(writer: LoggedWriter<'_>, event: WriterEvent) -> EventLogEntry {
    let message = "A handler of the writer threw an exception; the process that hosts the writer has to be restarted.";
    of_writer(vss(12366, message.to_owned()), &event, writer)
}

/// volsnap 1: the storage area of a new shadow copy could not be made.
#[must_use]
pub fn volsnap_storage_not_created(volume: &str, storage: &str) -> EventLogEntry {
    volsnap(1, format!("No storage area could be made on {storage} for the shadow copy of {volume}."))
}

/// volsnap 8: writes were held until the time was over, because no release came. Confirmed by "Volume Snapshot Driver
/// Integrity".
#[must_use]
pub fn volsnap_flush_and_hold_timeout(volume: &str) -> EventLogEntry {
    volsnap(8, format!("Flush and hold on volume {volume} ran out of time waiting for the release of writes."))
}

/// volsnap 9: the file system did not finish its flush in time. Confirmed by "Volume Snapshot Driver Integrity".
#[must_use]
pub fn volsnap_file_system_flush_timeout(volume: &str) -> EventLogEntry {
    volsnap(9, format!("Flush and hold on volume {volume} ran out of time waiting for the file system."))
}

/// volsnap 10: a shadow copy took too long to become usable.
#[must_use]
pub fn volsnap_install_timeout(volume: &str) -> EventLogEntry {
    volsnap(10, format!("The shadow copy of volume {volume} took too long to be installed."))
}

/// volsnap 13: the storage area could not grow while a shadow copy was made.
#[must_use]
pub fn volsnap_storage_could_not_grow(volume: &str, storage: &str) -> EventLogEntry {
    volsnap(13, format!("The storage area on {storage} for the shadow copy of {volume} could not grow."))
}

/// volsnap 14: a read or write failed, so that all shadow copies of the volume are gone. Confirmed by "Diff Area
/// Integrity".
#[must_use]
pub fn volsnap_io_failure(volume: &str, failed: &str) -> EventLogEntry {
    volsnap(14, aborted(volume, &format!("a read or write on volume {failed} failed")))
}

/// volsnap 16: the volume of the storage area was dismounted by force. Confirmed by a published entry.
#[must_use]
pub fn volsnap_storage_force_dismounted(volume: &str, storage: &str) -> EventLogEntry {
    volsnap(16, aborted(volume, &format!("volume {storage} with its storage area was dismounted by force")))
}

/// volsnap 17: a second flush and hold came while one was running.
#[must_use]
pub fn volsnap_flush_and_hold_in_progress(volume: &str) -> EventLogEntry {
    volsnap(17, format!("Flush and hold on volume {volume} was asked for while one was in progress."))
}

/// volsnap 23: the volume of the storage area lacks the space for a new shadow copy. Its creation then fails with
/// `VSS_E_INSUFFICIENT_STORAGE`.
#[must_use]
pub fn volsnap_no_space_to_create(volume: &str, storage: &str) -> EventLogEntry {
    volsnap(23, format!("Volume {storage} lacks the space for the storage area of a shadow copy of {volume}."))
}

/// volsnap 24: the volume of the storage area lacks the space to grow it; a warning. Confirmed by KB 312067.
#[must_use]
pub fn volsnap_no_space_to_grow(volume: &str, storage: &str) -> EventLogEntry {
    let message = format!(
        "Volume {storage} lacks the space to grow the storage area; the shadow copies of {volume} are at risk."
    );
    volsnap(24, message)
}

/// volsnap 25: the storage area did not grow as fast as the volume was written to. Confirmed by "Diff Area Integrity"
/// and KB 826936.
#[must_use]
pub fn volsnap_storage_grew_too_slowly(volume: &str) -> EventLogEntry {
    volsnap(25, aborted(volume, "the storage area could not grow in time"))
}

/// volsnap 30: a shadow copy whose creation did not end was deleted; a warning.
#[must_use]
pub fn volsnap_unfinished_deleted(volume: &str) -> EventLogEntry {
    volsnap(30, format!("A shadow copy of volume {volume} that was never finished was deleted."))
}

/// volsnap 33: the oldest shadow copy was deleted to keep within the limit of space; for information. Recorded.
#[must_use]
pub fn volsnap_oldest_deleted_for_space(volume: &str) -> EventLogEntry {
    let message =
        format!("The oldest shadow copy of volume {volume} was deleted to stay below the limit of disk space.");
    volsnap(33, message)
}

/// volsnap 35: the storage area failed to grow.
#[must_use]
pub fn volsnap_storage_failed_to_grow(volume: &str) -> EventLogEntry {
    volsnap(35, aborted(volume, "the storage area failed to grow"))
}

/// volsnap 36: the storage area reached the limit that the user set. Confirmed by published entries.
#[must_use]
pub fn volsnap_storage_limit_reached(volume: &str) -> EventLogEntry {
    volsnap(36, aborted(volume, "the storage area reached the limit set by the user"))
}

/// volsnap 38: the limit that the user set keeps the storage area from growing; a warning.
#[must_use]
pub fn volsnap_storage_limit_near(volume: &str, storage: &str) -> EventLogEntry {
    let message = format!(
        "The limit set by the user keeps the storage area on {storage} from growing; the shadow copies of {volume} are at risk."
    );
    volsnap(38, message)
}

/// volsnap 40: the volume itself was dismounted, while its storage area lay elsewhere. Confirmed by "Diff Area Integrity".
#[must_use]
pub fn volsnap_original_dismounted(volume: &str) -> EventLogEntry {
    volsnap(40, aborted(volume, "the volume was dismounted"))
}

/// volsnap 58: the oldest shadow copy was deleted to keep within the limit of their number; for information.
#[must_use]
pub fn volsnap_oldest_deleted_for_number(volume: &str) -> EventLogEntry {
    let message =
        format!("The oldest shadow copy of volume {volume} was deleted to stay below the limit of their number.");
    volsnap(58, message)
}

fn aborted(volume: &str, why: &str) -> String {
    format!("All shadow copies of volume {volume} were lost because {why}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus;
    use crate::ids::Guid;

    fn writer() -> LoggedWriter<'static> {
        let class = "e8132975-6f93-4464-a53e-1050253ae220".parse().unwrap();
        LoggedWriter { name: "System Writer", class, instance: WriterInstanceId(Guid(1)) }
    }

    #[test]
    fn a_rejected_event_names_the_writer_the_event_and_the_code() {
        let entry = writer_rejected_event(writer(), WriterEvent::Freeze, HResult::VSS_E_WRITERERROR_TIMEOUT);
        assert_eq!((entry.log, entry.source.as_str(), entry.id), (EventLog::Application, "VSS", Some(8229)));
        for part in ["0x800423f2", "Freeze", "System Writer", "{e8132975-6f93-4464-a53e-1050253ae220}"] {
            assert!(entry.message.contains(part), "{part} in {}", entry.message);
        }
    }

    #[test]
    fn a_lost_hold_is_told_by_the_driver_and_by_the_service() {
        let driver = volsnap_flush_and_hold_timeout("C:");
        assert_eq!((driver.log, driver.source.as_str(), driver.id), (EventLog::System, "volsnap", Some(8)));
        let service = vss_hold_writes("C:\\", 0, HResult::S_OK, HResult::VSS_E_HOLD_WRITES_TIMEOUT);
        assert_eq!((service.log, service.id), (EventLog::Application, Some(12298)));
        assert!(service.message.contains("0x80042314"), "{}", service.message);
    }

    #[test]
    fn a_code_without_a_name_is_shown_by_its_number() {
        assert!(routine_failed("CreateFileW", HResult(0x8007_0001)).message.ends_with("0x80070001."));
    }

    #[test]
    fn a_release_writes_only_what_its_message_table_has() {
        let rejected = writer_rejected_event(writer(), WriterEvent::Freeze, HResult::E_FAIL);
        assert!(!is_written_by(&rejected, Release::Server2008) && is_written_by(&rejected, Release::Server2008R2));
        assert!(!is_written_by(&service_idle_shutdown(), Release::Server2003));
        let driver = volsnap_flush_and_hold_timeout("C:");
        assert!(Release::ALL.iter().all(|release| is_written_by(&driver, *release)));
    }

    #[test]
    fn context_came_with_windows_vista() {
        let entry = unexpected_error("raising BackupComplete", HResult::E_FAIL);
        let text = |release| of_release(entry.clone(), release).map(|entry| entry.message).unwrap_or_default();
        assert!(text(Release::Vista).ends_with("Operation: raising BackupComplete"), "{}", text(Release::Vista));
        assert!(text(Release::Server2003).ends_with("(E_FAIL)."), "{}", text(Release::Server2003));
    }

    #[test]
    fn recorded_logs_have_the_ids_under_the_same_sources() {
        let mut recorded = String::new();
        for file in ["vss_events_from_evtx.jsonl", "vss_events_from_otrf.jsonl"] {
            let Some(text) = corpus::read(&format!("recorded/eventlogs/{file}")) else { return };
            recorded.push_str(&text);
        }
        let mut seen = std::collections::BTreeSet::new();
        for line in recorded.lines() {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let system = &event["event"]["System"];
            let id = system["EventID"]["#text"].as_u64().or_else(|| system["EventID"].as_u64());
            if let (Some(source), Some(id)) = (system["Provider"]["#attributes"]["Name"].as_str(), id) {
                seen.insert((system["Channel"].as_str().unwrap().to_owned(), source.to_lowercase(), id));
            }
        }
        let ours = [
            routine_failed("", HResult::E_FAIL),
            expansion_ran_out_of_time(writer(), "", ""),
            deletion_ran_out_of_time(writer()),
            service_idle_shutdown(),
            volsnap_oldest_deleted_for_space(""),
        ];
        for entry in ours {
            let id = entry.id.map(u64::from).unwrap();
            assert!(seen.contains(&(format!("{:?}", entry.log), entry.source.to_lowercase(), id)), "{entry:?}");
        }
    }
}
