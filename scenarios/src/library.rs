//! The ready scenarios, embedded.

/// What a ready scenario is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shelf {
    /// It teaches something.
    Lesson,
    /// It breaks a rule, so that one sees the rule catch it.
    Broken,
}

/// A ready scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its short name: that of the file and of the `name` key.
    pub name: &'static str,
    /// What it is for.
    pub shelf: Shelf,
    /// The folder that it lies in, with a slash at its end: its subject; empty for those about the protocol as a whole.
    pub subject: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Entry {
    /// Its title: what stands behind the key, so that a list takes no parsing.
    #[must_use]
    pub fn title(&self) -> &'static str {
        let line = self.text.lines().find_map(|line| line.strip_prefix("title:"));
        line.map_or("", |title| title.trim().trim_matches('\''))
    }

    /// Its subject, by name; empty for the protocol as a whole.
    #[must_use]
    pub fn subject_name(&self) -> &'static str {
        self.subject.trim_end_matches('/')
    }

    /// Whether it reads documents of the recorded corpus.
    #[must_use]
    pub fn needs_corpus(&self) -> bool {
        self.text.contains("corpus:")
    }
}

macro_rules! library {
    ($($shelf:ident in $folder:literal { $($name:literal,)* })+) => {
        /// Every ready scenario, shelf by shelf, by name.
        pub const LIBRARY: &[Entry] = &[$($(Entry {
            name: $name,
            shelf: Shelf::$shelf,
            subject: $folder,
            text: include_str!(concat!("../library/", $folder, $name, ".yaml")),
        },)*)+];
    };
}

library! {
    Lesson in "" {
        "backup",
        "broken-hold",
        "client-accessible-limit",
        "database-on-two-volumes",
        "diff-area-grows-too-slowly",
        "diff-area-host-full",
        "diff-area-io-error",
        "diff-area-limit-reached",
        "diff-area-volume-dismounted",
        "five-hundred-and-thirteenth-copy",
        "forgotten-freeze",
        "freeze-window-contents",
        "freeze-window-exceeded",
        "full-area-loses-the-oldest",
        "full-area-loses-the-only-copy",
        "full-backup",
        "full-backup-of-recorded-writers",
        "hold-limit-exceeded",
        "power-cut-auto-recovery",
        "power-cut-full-area",
        "power-cut-full-backup",
        "power-cut-growth",
        "power-cut-redirected-area",
        "power-cut-stacked-copies",
        "requester-crash-after-freeze",
        "restore",
        "second-requester",
        "shadow-copy-without-writers",
        "two-databases-on-two-volumes",
        "veto-at-freeze",
        "veto-at-post-snapshot",
        "veto-at-prepare-for-backup",
        "veto-at-prepare-for-snapshot",
        "window-around-the-commit",
        "writers-left-out",
        "writes-around-the-commit",
    }
    Lesson in "backup/" {
        "alternate-path",
        "backup-type-masks",
        "component-sets-files",
        "copies-made-for-the-backup",
        "damaged-ranges",
        "differenced-by-stamp",
        "differenced-partial-and-the-rest",
        "differential-after-incremental",
        "excluded-files",
        "excluded-from-the-shadow-copy",
        "file-made-after-identify",
        "file-set-of-a-missing-file",
        "files-not-to-backup",
        "files-not-to-snapshot",
        "files-that-come-and-go",
        "logs-freed-and-kept",
        "never-mixed",
        "no-exclusion-without-auto-recovery",
        "no-partial-file-support",
        "partial-and-differenced",
        "partial-file-on-another-volume",
        "partial-files",
        "ranges-file",
        "schema-missing",
        "stamps-of-a-chain",
        "trees-and-wildcards",
        "two-keys-and-a-shadow-copy",
        "type-copy",
        "type-differential",
        "type-incremental",
        "type-log",
        "type-other",
        "user-profiles-not-expanded",
        "without-a-shadow-copy",
    }
    Lesson in "calls/" {
        "backup-on-server-2003",
        "backup-on-server-2008",
        "backup-on-windows-xp",
        "create-and-initialize",
        "failures-told-by-query-status",
        "flush-of-three-volumes",
        "flush-takes-too-long",
        "given-up-before-do-snapshot-set",
        "injected-failures",
        "nested-virtual-disks",
        "no-privileges",
        "null-pointers",
        "restart-pending",
        "second-copy-on-windows-xp",
        "sixty-five-volumes",
        "stored-documents",
        "transactions-do-not-freeze",
        "transactions-do-not-thaw",
        "volumes-that-are-not-added",
        "wait-on-server-2003",
        "who-may-call",
        "writer-components",
        "writers-enabled-and-disabled",
        "writers-unreachable",
    }
    Lesson in "complaints/" {
        "bad-state-at-start",
        "busy-writer-tried-again",
        "cancel-at-each-stage",
        "document-saved-too-early",
        "pending-is-no-failure",
        "set-in-progress-not-retried",
        "set-in-progress-retried",
        "set-left-in-progress",
        "writer-forgets-backup-complete",
        "writer-stuck-in-failed",
    }
    Lesson in "contexts/" {
        "contexts-refused",
        "ctrl-c-leaves-copies",
        "every-context",
        "file-systems",
        "mechanisms-and-providers",
        "providers-chosen",
        "reboot",
        "reboot-during-a-creation",
        "server-2003-knows",
        "windows-xp-has-one-context",
        "writers-by-context",
    }
    Lesson in "express/" {
        "damaged-express-metadata",
        "express-writer-backed-up",
        "express-writer-registered",
        "express-writer-restored",
        "express-writer-unregistered",
        "express-writers-chosen",
        "functions-of-the-base-class",
        "no-memory-for-express-writers",
        "what-express-writers-cannot-do",
    }
    Lesson in "metadata/" {
        "built-in-identify",
        "dependency-on-nobody",
        "document-damaged-while-built",
        "faults-are-found-where-they-are-read",
        "metadata-after-identify",
        "metadata-in-sequence",
        "no-memory-for-getters",
        "no-memory-while-building",
        "null-pointers-of-getters",
        "read-through-the-interfaces",
        "refused-while-building",
        "stored-metadata-is-loaded",
    }
    Lesson in "outcomes/" {
        "every-answer-to-abort",
        "every-answer-to-backup-complete",
        "every-answer-to-backup-shutdown",
        "every-answer-to-freeze",
        "every-answer-to-identify",
        "every-answer-to-post-restore",
        "every-answer-to-post-snapshot",
        "every-answer-to-pre-restore",
        "every-answer-to-prepare-for-backup",
        "every-answer-to-prepare-for-snapshot",
        "every-answer-to-thaw",
    }
    Lesson in "restore/" {
        "arguments-of-a-restore",
        "at-reboot",
        "calls-out-of-order",
        "cannot-replace",
        "chain-of-incrementals",
        "component-not-in-the-document",
        "custom-method",
        "damaged-document",
        "differential-without-its-base",
        "document-never-saved",
        "files-put-back",
        "if-not-there",
        "if-not-there-without-mapping",
        "mapping-without-its-file-set",
        "metadata-of-another-day",
        "metadata-of-the-backup-count",
        "new-target",
        "no-restore-events",
        "one-of-two-instances",
        "one-subcomponent",
        "partial-file-packed",
        "ranges-file-comes-first",
        "ranges-file-elsewhere",
        "ranges-file-goes-along",
        "rebooted-between-the-events",
        "resources-run-out-in-a-restore",
        "restore-calls-in-a-backup",
        "restore-in-sequence",
        "restore-stop-start",
        "restore-without-privileges",
        "staged-file-lost",
        "stamp-before-restore",
        "stop-restore-start",
        "stored-metadata",
        "target-alternate",
        "target-directed",
        "to-alternate-location",
        "to-another-instance",
        "what-the-writer-is-told",
        "with-what-is-required",
        "writer-does-not-run",
        "writer-fails-pre-restore",
        "writer-started-anew",
        "writer-stops-its-service",
    }
    Lesson in "selection/" {
        "dependencies-followed",
        "dependency-cycle",
        "explicit-and-implicit",
        "implicit-component-added",
        "logical-paths",
        "system-state",
        "system-state-restored",
        "writer-of-the-documentation",
    }
    Lesson in "snapshots/" {
        "break-needs-hardware",
        "delete",
        "delete-one-by-one",
        "enumerator",
        "expose",
        "expose-refused",
        "luns-wanted",
        "names-and-ids",
        "properties",
        "query",
        "query-fails-with-a-provider",
        "questions-about-volumes",
        "revert",
        "revert-on-a-client",
        "revert-refused",
        "revert-status",
    }
    Lesson in "writers/" {
        "answer-comes-too-late",
        "backup-without-a-shadow-copy",
        "backups-at-once",
        "component-calls-without-memory",
        "component-fails-alone",
        "damaged-backup-components",
        "failed-writer-restarted",
        "false-from-every-handler",
        "false-from-freeze",
        "false-from-thaw",
        "false-in-a-restore",
        "getters-in-a-backup",
        "getters-in-a-restore",
        "heavy-work-before-freeze",
        "identify-from-a-stranger",
        "instances-of-one-class",
        "joining-and-leaving",
        "leaving-while-a-handler-runs",
        "no-session-left",
        "null-where-a-value-belongs",
        "one-instance-is-restored",
        "reserved-calls",
        "restart-in-the-middle",
        "restore-calls-without-memory",
        "setters-in-a-backup",
        "setters-in-a-restore",
        "shutdown-after-a-crash",
        "shutdown-comes-last",
        "subscription-masks",
        "volume-missing-from-the-set",
        "what-a-handler-may-ask",
        "when-the-copy-can-be-written",
        "whole-volumes",
        "writer-ends-while-frozen",
        "writers-in-safe-mode",
    }
    Broken in "broken/" {
        "abort-after-failed-snapshot",
        "abort-backup-reaches-writers",
        "abort-fails-set",
        "abort-when-given-up",
        "all-frozen-before-precommit",
        "all-prepared-before-freeze",
        "all-thawed-before-post-snapshot",
        "backup-state-before-prepare",
        "begin-prepare-inside-add",
        "begin-prepare-returns-quickly",
        "commit-finished-on-return",
        "commit-while-held",
        "commit-within-a-second",
        "complete-awaited",
        "complete-reaches-participants",
        "component-calls-refused-without-writers",
        "component-names-unique",
        "component-volumes-in-set",
        "components-before-set",
        "context-set-once-and-early",
        "copy-equals-its-reference",
        "copy-read-only-once-created",
        "creation-lock-freed",
        "dependencies-included",
        "document-saved",
        "document-saved-only-after-snapshot",
        "documents-changed-in-prepare-or-post-only",
        "express-writers-listed",
        "failed-identify-excludes",
        "failed-writer-shows-its-failure",
        "failure-code-documented",
        "failure-comes-with-its-reason",
        "failure-set-inside-a-handler",
        "files-restored-between-the-events",
        "final-commit-around-post-snapshot",
        "freeze-before-flush-and-hold",
        "freeze-by-level",
        "freeze-failure-aborts",
        "freeze-handled-in-window",
        "freeze-window-enforced",
        "frozen-application-is-quiet",
        "further-restores-announced",
        "held-writes-released",
        "hold-expiry-fails-set",
        "hold-within-ten-seconds",
        "identify-reaches-every-writer",
        "initialize-before-anything-else",
        "log-truncated-on-complete-only",
        "metadata-awaited",
        "metadata-complete",
        "metadata-gathered-before-snapshot",
        "metadata-gathered-once",
        "metadata-same-at-each-identify",
        "misordered-calls-refused",
        "missing-writer-not-found",
        "new-targets-where-supported",
        "no-abort-after-post-snapshot",
        "no-abort-in-a-restore",
        "no-complete-after-failed-snapshot",
        "no-delay-around-commit",
        "no-events-without-writers",
        "no-implicit-component-added",
        "no-logging-while-frozen",
        "no-use-after-abort",
        "no-write-lands-while-held",
        "nothing-after-abort",
        "object-released",
        "one-backup-per-object",
        "one-creation-at-a-time",
        "one-time-stamp-per-set",
        "operations-end",
        "options-before-prepare",
        "postcommit-before-thaw",
        "pre-restore-before-post-restore",
        "pre-restore-reaches-selected-writers",
        "precommit-before-hold",
        "prepare-awaited",
        "prepare-before-snapshot",
        "prepare-reaches-writers-with-components",
        "provider-aborted-only-after-end-prepare",
        "provider-calls-in-order",
        "provider-failure-aborts",
        "provider-failure-fails-set",
        "provider-returns-documented-codes",
        "providers-prepared-before-writers",
        "release-after-commit",
        "required-components-included",
        "required-components-restored",
        "restore-asks-which-writers-run",
        "restore-chosen-before-pre-restore",
        "restore-released-after-its-end",
        "restore-status-told",
        "retry-after-a-wait",
        "second-set-refused",
        "set-is-one-instant",
        "shutdown-once-for-each-participant",
        "snapshot-awaited",
        "snapshot-ends-after-final-commit",
        "snapshot-states-in-order",
        "snapshot-visible-only-when-created",
        "status-after-complete",
        "status-after-post-restore",
        "status-after-pre-restore",
        "status-after-prepare",
        "status-after-snapshot",
        "status-gathered-before-read",
        "status-tells-the-state",
        "success-told-before-complete",
        "thaw-or-abort-after-freeze",
        "thawed-application-resumes",
        "unexpected-provider-code-translated",
        "unknown-component-refused",
        "unselected-writer-left-alone",
        "volume-name-ends-with-backslash",
        "volume-support-asked-first",
        "volumes-only-in-open-set",
        "writer-events-in-order",
        "writer-has-a-component",
        "writer-state-follows-event",
        "writer-without-component-left-alone",
        "writers-chosen-before-metadata",
    }
}

/// What the scenarios of each folder are about, by [`Entry::subject`] without the slash.
pub const SUBJECTS: &[(&str, &str)] = &[
    ("", "whole backups and restores, vetoes, diff areas, power cuts"),
    ("backup", "types of backup, and which files they copy"),
    ("calls", "what methods answer, and when they refuse"),
    ("complaints", "what goes wrong in practice"),
    ("contexts", "contexts, providers, reboots"),
    ("express", "express writers"),
    ("metadata", "the Writer Metadata Document"),
    ("outcomes", "every answer to every event"),
    ("restore", "which files come back, and to where"),
    ("selection", "which components are backed up"),
    ("snapshots", "what can be done with a shadow copy that is there"),
    ("writers", "events, states and failures of writers"),
    ("broken", "one rule is broken on purpose"),
];

/// What the library does not show of the documented interfaces, with reasons: pairs of a method and a code.
pub const NOT_OBSERVED: &str = include_str!("../library/not-observed.txt");

/// The requirements that the library does not exercise, with reasons.
pub const NOT_EXERCISED: &str = include_str!("../library/not-exercised.txt");

/// The ready scenario of this name.
#[must_use]
pub fn find(name: &str) -> Option<Entry> {
    LIBRARY.iter().copied().find(|entry| entry.name == name)
}

/// The nearest name of a ready scenario, for a wrong one.
#[must_use]
pub fn nearest(name: &str) -> Option<String> {
    crate::error::nearest(name, LIBRARY.iter().map(|entry| entry.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;

    #[test]
    fn every_ready_scenario_is_without_mistakes_and_has_its_files_name() {
        for entry in LIBRARY {
            let scenario = Scenario::parse(entry.name, entry.text).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(scenario.document.name.0, entry.name);
            assert_eq!(scenario.document.title.0, entry.title());
            assert!(entry.shelf == Shelf::Broken || scenario.document.teaches.is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn every_folder_is_a_subject_and_every_subject_a_folder() {
        let folders: Vec<&str> = LIBRARY.iter().map(Entry::subject_name).collect();
        let unknown = |folder: &&&str| SUBJECTS.iter().all(|(name, _)| name != *folder);
        assert_eq!(folders.iter().find(unknown), None);
        assert_eq!(SUBJECTS.iter().find(|(name, _)| !folders.contains(name)), None);
    }

    #[test]
    fn names_stand_in_order_and_wrong_ones_are_guessed() {
        let place = |entry: &Entry| (entry.shelf, entry.subject, entry.name);
        assert!(LIBRARY.windows(2).all(|pair| place(&pair[0]) < place(&pair[1])));
        assert_eq!(nearest("fullbackup").as_deref(), Some("full-backup"));
        assert_eq!(find("no-such"), None);
    }
}
