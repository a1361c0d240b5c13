//! Where the files of a component set go: the decision rules of a restore.
//!
//! ```text
//!  method, service, target ─┐
//!  files of the set ────────┼──► decide ──► each file: to where, now or at the reboot  |  why nothing is restored
//!  what is on the volumes ──┘              services to stop and start, mappings used
//! ```
//!
//! All decisions are made for the whole set, all-or-nothing (RST-MTH-029), and after PreRestore (RST-MTH-012, RST-MTH-031).
//! A restore target decides over the method (RST-MTH-003), but no VSS runs during a reboot, so the methods that restore at
//! the reboot ignore targets (RST-MTH-016). A new target of the requester decides over both (RST-LOC-019).

use std::fmt;

use vssim_model::documents::{RestoreMethodKind as Method, RestoreTarget as Target};
use vssim_model::file_spec::FileSet;

/// What the rules ask of the machine.
pub trait Place {
    /// Whether a file is there.
    fn exists(&self, path: &str) -> bool;
    /// Whether a file can be overwritten, if it is there, or made, if it is not; `stopped` is a service that is stopped first.
    fn writable(&self, path: &str, stopped: Option<&str>) -> bool;
    /// How a service is; none if there is none of that name.
    fn service(&self, name: &str) -> Option<Service>;
}

/// How a service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It does not run.
    Stopped,
    /// It runs and can be stopped.
    Stoppable,
    /// It runs and cannot be stopped.
    Unstoppable,
}

/// Files and the folder that they go to instead. Names, and folders below the one of the set, are kept (RST-LOC-024).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The files, as the writer or the requester named them.
    pub files: FileSet,
    /// The folder.
    pub to: String,
}

impl Mapping {
    /// Where a file goes; none if it is not meant.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<String> {
        if !self.files.matches(path) {
            return None;
        }
        let from = self.files.path().trim_end_matches('\\');
        let below = path.get(from.len()..)?.trim_start_matches('\\');
        Some(format!("{}\\{below}", self.to.trim_end_matches('\\')))
    }
}

/// A part of a file that goes to another place of the same length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins in the file that was backed up.
    pub from: u64,
    /// Where it begins in the file that is written.
    pub to: u64,
    /// How many bytes.
    pub length: u64,
}

/// A directed target: ranges of one file that go to ranges of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directed {
    /// The file that was backed up.
    pub from: String,
    /// The file that is written.
    pub to: String,
    /// The ranges.
    pub ranges: Vec<Range>,
}

/// A component set and all that was said about its restore.
#[derive(Clone, Debug)]
pub struct ComponentSet<'a> {
    /// The restore method of its writer, from the stored metadata (RST-MTH-004).
    pub method: Method,
    /// The service that the method stops.
    pub service: Option<&'a str>,
    /// The restore target that its writer set in PreRestore.
    pub target: Target,
    /// Its files, by the paths that they had.
    pub files: Vec<&'a str>,
    /// The alternate locations that the stored metadata offer.
    pub mappings: &'a [Mapping],
    /// The new targets of the requester.
    pub new_targets: &'a [Mapping],
    /// The directed targets of the writer.
    pub directed: &'a [Directed],
}

/// When a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// At the next start of the machine, from where it is staged (MoveFileEx).
    AtReboot,
}

/// What becomes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which file of the set.
    pub file: usize,
    /// The path that is written.
    pub to: String,
    /// When.
    pub when: When,
    /// The mapping that led there, by its place in the list.
    pub mapping: Option<usize>,
    /// Only these ranges, where the writer directed them; otherwise all.
    pub ranges: Option<Vec<Range>>,
}

/// What becomes of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The files.
    pub files: Vec<Placed>,
    /// The service to stop before, and to start before PostRestore (C-40).
    pub stop_before: Option<String>,
    /// The service to stop and start after, before PostRestore.
    pub stop_after: Option<String>,
}

/// Why nothing of a set is restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The writer gave no restore method: an error of the writer (WMD-017).
    NoMethod,
    /// Only the documentation of the writer says how (RST-MTH-011).
    Custom,
    /// The method names no service, or one that is not there.
    NoService,
    /// The service runs and cannot be stopped.
    ServiceRuns(String),
    /// The files can go elsewhere only, and this one has no alternate location.
    NoMapping(String),
    /// This file cannot be written or made.
    NotWritable(String),
    /// The target is DIRECTED, and this file is not directed anywhere.
    NotDirected(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NoMethod => f.write_str("the writer gave no restore method"),
            Refusal::Custom => f.write_str("only the writer's documentation says how"),
            Refusal::NoService => f.write_str("there is no such service to stop"),
            Refusal::ServiceRuns(service) => write!(f, "the service {service} cannot be stopped"),
            Refusal::NoMapping(path) => write!(f, "{path} has no alternate location"),
            Refusal::NotWritable(path) => write!(f, "{path} cannot be written"),
            Refusal::NotDirected(path) => write!(f, "{path} has no directed target"),
        }
    }
}

/// Decides where the files of a set go.
///
/// # Errors
/// Why nothing of it is restored.
pub fn decide(set: &ComponentSet<'_>, place: &dyn Place) -> Result<Decision, Refusal> {
    let mut decision = Decision::default();
    let stop = service_of(set, place)?;
    let stopped = match set.method {
        Method::StopRestoreStart => stop.as_deref(),
        _ => None,
    };
    let mut rest = Vec::new();
    for (file, path) in set.files.iter().enumerate() {
        match set.new_targets.iter().find_map(|target| target.of(path)) {
            Some(to) if place.writable(&to, stopped) => {
                decision.files.push(Placed { file, to, when: When::Now, mapping: None, ranges: None });
            }
            Some(to) => return Err(Refusal::NotWritable(to)),
            None => rest.push((file, *path)),
        }
    }
    let at_reboot = matches!(set.method, Method::RestoreAtReboot | Method::RestoreAtRebootIfCannotReplace);
    let placed = match set.target {
        _ if rest.is_empty() => Vec::new(),
        Target::Alternate if !at_reboot => elsewhere(set, &rest, place, stopped)?,
        Target::Directed if !at_reboot => directed(set, &rest, place, stopped)?,
        _ => by_method(set, &rest, place, stopped)?,
    };
    decision.files.extend(placed);
    // Files come in the order of the set, whatever sent them where they go: a ranges file is first (PART-012).
    decision.files.sort_by_key(|placed| placed.file);
    match set.method {
        Method::StopRestoreStart => decision.stop_before = stop,
        Method::RestoreStopStart => decision.stop_after = stop,
        _ => {}
    }
    Ok(decision)
}

/// The service that the method stops: it has to be there, and stopped or stoppable (RST-MTH-007, RST-MTH-021).
fn service_of(set: &ComponentSet<'_>, place: &dyn Place) -> Result<Option<String>, Refusal> {
    if !matches!(set.method, Method::StopRestoreStart | Method::RestoreStopStart) {
        return Ok(None);
    }
    let name = set.service.ok_or(Refusal::NoService)?;
    match place.service(name).ok_or(Refusal::NoService)? {
        Service::Unstoppable => Err(Refusal::ServiceRuns(name.to_owned())),
        Service::Stopped | Service::Stoppable => Ok(Some(name.to_owned())),
    }
}

type File<'a> = (usize, &'a str);

fn by_method(
    set: &ComponentSet<'_>,
    files: &[File<'_>],
    place: &dyn Place,
    stopped: Option<&str>,
) -> Result<Vec<Placed>, Refusal> {
    let there = || files.iter().filter(|(_, path)| place.exists(path)).count();
    let writable = || files.iter().all(|(_, path)| place.writable(path, stopped));
    match set.method {
        Method::RestoreIfNotThere if there() == 0 && writable() => Ok(in_place(files, When::Now)),
        Method::RestoreIfCanReplace | Method::StopRestoreStart | Method::RestoreStopStart if writable() => {
            Ok(in_place(files, When::Now))
        }
        Method::RestoreIfNotThere
        | Method::RestoreIfCanReplace
        | Method::StopRestoreStart
        | Method::RestoreStopStart
        | Method::RestoreToAlternateLocation => elsewhere(set, files, place, stopped),
        Method::RestoreAtRebootIfCannotReplace if (there() == 0 || there() == files.len()) && writable() => {
            Ok(in_place(files, When::Now))
        }
        Method::RestoreAtReboot | Method::RestoreAtRebootIfCannotReplace => Ok(in_place(files, When::AtReboot)),
        Method::Custom => Err(Refusal::Custom),
        _ => Err(Refusal::NoMethod),
    }
}

fn in_place(files: &[File<'_>], when: When) -> Vec<Placed> {
    let placed = |&(file, path): &File<'_>| Placed { file, to: path.to_owned(), when, mapping: None, ranges: None };
    files.iter().map(placed).collect()
}

/// Every file has a mapping, and every mapped file can be written or made (RST-MTH-008, C-10).
fn elsewhere(
    set: &ComponentSet<'_>,
    files: &[File<'_>],
    place: &dyn Place,
    stopped: Option<&str>,
) -> Result<Vec<Placed>, Refusal> {
    let placed = |&(file, path): &File<'_>| {
        let found = set.mappings.iter().enumerate().find_map(|(at, mapping)| Some((at, mapping.of(path)?)));
        let (at, to) = found.ok_or_else(|| Refusal::NoMapping(path.to_owned()))?;
        if !place.writable(&to, stopped) {
            return Err(Refusal::NotWritable(to));
        }
        Ok(Placed { file, to, when: When::Now, mapping: Some(at), ranges: None })
    };
    files.iter().map(placed).collect()
}

/// The ranges listed are copied to the ranges listed (RST-LOC-020). A file that no entry names has nowhere to go.
fn directed(
    set: &ComponentSet<'_>,
    files: &[File<'_>],
    place: &dyn Place,
    stopped: Option<&str>,
) -> Result<Vec<Placed>, Refusal> {
    let mut placed = Vec::new();
    for &(file, path) in files {
        let mut entries = set.directed.iter().filter(|entry| same_path(&entry.from, path)).peekable();
        if entries.peek().is_none() {
            return Err(Refusal::NotDirected(path.to_owned()));
        }
        for entry in entries {
            if !place.writable(&entry.to, stopped) {
                return Err(Refusal::NotWritable(entry.to.clone()));
            }
            let ranges = Some(entry.ranges.clone());
            placed.push(Placed { file, to: entry.to.clone(), when: When::Now, mapping: None, ranges });
        }
    }
    Ok(placed)
}

fn same_path(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}
