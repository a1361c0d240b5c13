use insta::assert_snapshot;
use vssim_model::hresult::HResult;
use vssim_model::states::{WriterEvent, WriterState};
use vssim_model::time::Ticks;
use vssim_model::trace::{CallId, Edge, Phase, What};

use super::*;
use crate::testing::{Ill, backup, two_at_once};

const TWO: [&str; 2] = ["SQL Writer", "Registry Writer"];

fn plain(trace: &Trace) -> String {
    timeline(trace, &Style::default())
}

#[test]
fn a_full_backup_of_two_writers() {
    assert_snapshot!(plain(&backup("full-backup", &TWO, Ill::Nothing)));
}

#[test]
fn a_full_backup_of_eleven_writers_shows_events_as_batches() {
    let names: Vec<String> = (1..=11).map(|n| format!("Writer {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_snapshot!(plain(&backup("dc", &names, Ill::Nothing)));
}

#[test]
fn a_veto_in_a_batch_stands_by_itself() {
    let names: Vec<String> = (1..=11).map(|n| format!("Writer {n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut trace = backup("dc", &names, Ill::Nothing);
    for record in trace.records.iter_mut().filter(|record| &*record.actor == "Writer 5") {
        match &mut record.what {
            What::Handled { event: WriterEvent::PrepareForSnapshot, returned, failure, .. } => {
                (*returned, *failure) = (false, Some(HResult::VSS_E_WRITERERROR_RETRYABLE));
            }
            What::WriterState { to: to @ WriterState::WaitingForFreeze, failure, .. } => {
                (*to, *failure) = (WriterState::FailedAtPrepareSnapshot, HResult::VSS_E_WRITERERROR_RETRYABLE);
            }
            _ => {}
        }
    }
    let text = plain(&trace);
    let from = text.lines().skip_while(|line| !line.contains("▶ PrepareForSnapshot"));
    assert_snapshot!(from.take(6).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_freeze_window_that_runs_out() {
    assert_snapshot!(plain(&backup("slow-provider", &TWO, Ill::FreezeWindow)));
}

#[test]
fn a_veto_of_the_provider_in_brief() {
    let style = Style { verbosity: Verbosity::Brief, ..Style::default() };
    assert_snapshot!(timeline(&backup("provider-veto", &TWO, Ill::ProviderVeto), &style));
}

#[test]
fn a_hold_limit_that_runs_out_in_ascii() {
    let style = Style { ascii: true, width: 100, ..Style::default() };
    let text = timeline(&backup("hold-limit", &TWO, Ill::HoldLimit), &style);
    assert!(text.is_ascii());
    assert_snapshot!(text);
}

#[test]
fn a_verbose_timeline_shows_every_record_by_its_number() {
    let trace = backup("full-backup", &TWO, Ill::Nothing);
    let text = timeline(&trace, &Style { verbosity: Verbosity::Verbose, ..Style::default() });
    let numbered = text.lines().filter(|line| line.trim_start().starts_with('#')).count();
    assert_eq!(numbered, trace.records.len());
}

#[test]
fn the_first_lines_of_a_verbose_timeline() {
    let trace = backup("full-backup", &TWO, Ill::Nothing);
    let text = timeline(&trace, &Style { verbosity: Verbosity::Verbose, ..Style::default() });
    let shown: Vec<&str> = text.lines().take(110).collect();
    assert_snapshot!(shown.join("\n"));
}

#[test]
fn events_and_states_of_two_backups_at_once_say_whose_they_are() {
    assert_snapshot!(plain(&two_at_once(&["Index Writer"], ["Slow", "Quick"], true)));
}

#[test]
fn a_phase_of_one_of_several_backups_at_once_says_whose_it_is() {
    let mut trace = two_at_once(&["Index Writer"], ["Slow", "Quick"], false);
    let (actor, what) = ("Quick".into(), What::Phase { name: Phase::GetState, edge: Edge::Enter });
    trace.records.push(vssim_model::trace::Record { n: 0, t: Ticks::from_secs(9), actor, what, cause: 0 });
    let text = plain(&trace);
    assert!(text.contains("── GETSTATE of Quick ──"), "{text}");
}

#[test]
fn two_backups_of_one_requester_are_told_apart_by_their_objects() {
    let text = plain(&two_at_once(&["Index Writer"], ["Backup", "Backup"], false));
    for words in [
        "CreateVssBackupComponents (object 2)",
        "Freeze for Backup (object 2) → TRUE",
        "for Backup (object 1): VSS_WS_STABLE → VSS_WS_WAITING_FOR_FREEZE",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_batch_says_whose_backup_it_is() {
    let writers = ["w1", "w2", "w3", "w4", "w5"];
    let text = plain(&two_at_once(&writers, ["Slow", "Quick"], false));
    for words in [
        "▶ Freeze for Quick to the same 5 writers",
        "◀ Freeze for Quick → TRUE from all 5",
        "all 5 for Quick: VSS_WS_WAITING_FOR_FREEZE → VSS_WS_WAITING_FOR_THAW",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn events_of_two_backups_that_come_between_each_other_are_two_batches() {
    let writers = ["w1", "w2", "w3", "w4", "w5"];
    let mut trace = two_at_once(&writers, ["Slow", "Quick"], false);
    let ends = |(n, writer): (usize, &&str)| {
        [2, 1].map(|object| vssim_model::trace::Record {
            n: 0,
            t: Ticks::from_secs(100),
            actor: (*writer).into(),
            what: What::Event {
                id: CallId(1_000 + n as u64 * 2 + u64::from(object)),
                event: WriterEvent::BackupShutdown,
                set: None,
                object: Some(object),
            },
            cause: 0,
        })
    };
    trace.records.extend(writers.iter().enumerate().flat_map(ends));
    let text = plain(&trace);
    assert!(text.contains("▶ BackupShutdown for Quick to the same 5 writers"), "{text}");
    assert!(text.contains("▶ BackupShutdown for Slow to the same 5 writers"), "{text}");
    assert_eq!(text.matches("▶ BackupShutdown").count(), 2, "{text}");
}

#[test]
fn backups_one_after_the_other_do_not_say_whose_they_are() {
    // The first object is released before the second backup begins.
    let mut trace = two_at_once(&["Index Writer"], ["Slow", "Quick"], true);
    let release = trace.records.len() - 2;
    let second = trace.records.iter().position(|record| &*record.actor == "Quick").unwrap_or_default();
    let call = trace.records.remove(release);
    assert!(matches!(&call.what, What::Call { object: 1, .. }));
    trace.records.insert(second, call);
    let text = plain(&trace);
    assert!(text.contains("Freeze → TRUE") && !text.contains("for Slow") && !text.contains("for Quick"), "{text}");
    assert!(!crate::writers(&trace).contains("For "));
}

#[test]
fn colours_change_nothing_but_colours() {
    let trace = backup("full-backup", &TWO, Ill::HoldLimit);
    let mut colored = timeline(&trace, &Style { color: true, ..Style::default() });
    for code in ["\u{1b}[0m", "\u{1b}[2m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1;31m", "\u{1b}[1m"] {
        colored = colored.replace(code, "");
    }
    assert_eq!(colored, plain(&trace));
}

#[test]
fn no_line_is_wider_than_the_page_or_ends_in_a_space() {
    for width in [60, 80, 120] {
        let style = Style { width, ..Style::default() };
        for line in timeline(&backup("full-backup", &TWO, Ill::Nothing), &style).lines() {
            assert!(line.chars().count() <= width && line.trim_end() == line, "{line}");
        }
    }
}
