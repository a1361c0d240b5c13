//! From a scenario to a plan: what the simulator is given, and what must come out.
//!
//! ```text
//! Scenario ──► machine ──► writers (documents, handlers) ──► providers ──► requesters (steps, loops, macros) ──► Staged
//!                 │             ▲ Files                                        │
//!                 └── names become indices, sizes bytes ──► Plan               └── codes expected ──► Expectations
//! ```
//!
//! A scenario has no mistakes in itself; staging finds those that need a file or the simulator's limits: a document
//! that cannot be read, a database of too many pages, no room for a file, a script that is too long. Nothing is read
//! but through [`Files`].

mod damage;
mod documents;
mod handlers;
mod images;
mod machine;
mod main_script;
mod methods;
mod providers;
mod requester;
mod script;
mod selection;
mod sins;
mod writers;

pub use methods::MethodExpectation;
pub use script::StepExpectation;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use vssim_model::ids::{Guid, WriterClassId};
use vssim_model::tables::Tables;
use vssim_model::text::hex;
use vssim_sim::plan::{ImageSource, OpenChoices, Plan};

use crate::error::{ErrorKind, Errors, Problem, shortened};
use crate::expectations::Expectations;
use crate::layout::Placed;
use crate::library;
use crate::resolve::Scenario;
use crate::yaml::{MAX_PROBLEMS, Pos};

/// Where the files that a scenario names come from.
pub trait Files {
    /// The bytes of a file. A relative path is relative to the scenario; `corpus:` before one means the recorded corpus.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    fn read(&self, path: &str) -> Result<Vec<u8>, String>;

    /// The size in bytes of the volume in an image.
    ///
    /// # Errors
    /// Why it cannot be told, in words.
    fn image_size(&self, image: &ImageSource) -> Result<u64, String> {
        let _ = image;
        Err("no images can be read here".to_owned())
    }
}

/// No files: for scenarios that hold everything themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> Result<Vec<u8>, String> {
        Err("no files can be read here".to_owned())
    }
}

/// A scenario ready to run.
#[derive(Clone, Debug)]
pub struct Staged {
    /// What the simulator runs.
    pub plan: Plan,
    /// What must come out.
    pub expectations: Expectations,
    /// What an author may not have meant, in sentences: dependencies of components that go in a circle.
    pub notes: Vec<String>,
}

/// 1 January 2024, 00:00 UTC, as a FILETIME: when every run starts.
pub const START: u64 = 133_485_408_000_000_000;

/// Makes the plan of a scenario.
///
/// # Errors
/// Every mistake that only shows when files are read and the simulator's limits are looked at.
pub fn stage(scenario: &Scenario, files: &dyn Files) -> Result<Staged, Errors> {
    let mut stager = Stager {
        scenario,
        files,
        layout: scenario.layout.clone(),
        problems: Vec::new(),
        classes: Vec::new(),
        methods: RefCell::default(),
    };
    stager.images();
    let staged = stager.stage();
    let mut problems = stager.problems;
    if problems.is_empty() {
        return Ok(staged);
    }
    problems.truncate(MAX_PROBLEMS);
    Err(Errors::new(&scenario.file, &scenario.text, problems))
}

/// The walk through a scenario, and the mistakes found so far.
struct Stager<'a> {
    scenario: &'a Scenario,
    files: &'a dyn Files,
    /// The extents of each volume.
    layout: Vec<Vec<Placed>>,
    problems: Vec<Problem>,
    /// The writers' classes, once they are known.
    classes: Vec<WriterClassId>,
    /// What calls by the names of the headers must return.
    methods: RefCell<Vec<MethodExpectation>>,
}

impl Stager<'_> {
    fn problem(&mut self, problem: Problem, pos: Pos) {
        self.problems.push(problem.at(pos));
    }

    fn stage(&mut self) -> Staged {
        let document = &self.scenario.document;
        let writers = self.writers();
        let volumes = self.volumes(&writers);
        let providers = self.providers(volumes.len());
        let requesters = self.requesters(&writers);
        let notes = selection::notes(&writers);
        let plan = Plan {
            name: document.name.0.clone(),
            sha256: hex(&Sha256::digest(self.scenario.text.as_bytes())),
            release: document.release.0,
            computer: document.machine.name.0.to_string(),
            start: START,
            variables: Arc::new(writers::variables()),
            disks: self.disks(),
            volumes,
            writers: writers.into_iter().map(|writer| writer.plan).collect(),
            providers,
            applications: self.applications(),
            requesters: requesters.plans,
            kernel: self.kernel(),
            safe_mode: self.scenario.document.machine.safe_mode.0,
            max_shadow_copies: self.max_shadow_copies(),
            forbidden: self.forbidden(),
            services: self.services(),
            in_use: self.in_use(),
            blocking_revert: self.blocking_revert(),
            not_to_backup: self.not_to_backup(),
            not_to_snapshot: self.not_to_snapshot(),
            incidents: self.incidents(),
            defects: document.machine.service.defects.iter().map(|defect| defect.value.0).collect::<BTreeSet<_>>(),
            open: OpenChoices::default(),
            tables: Arc::new(Tables::documented()),
            before: self.before(),
        };
        let methods = self.methods.take();
        let expectations = Expectations::of(&document.expect, requesters.expected, methods);
        Staged { plan, expectations, notes }
    }
}

impl Stager<'_> {
    /// The plan of the ready scenario whose store is there at the start.
    fn before(&mut self) -> Option<Arc<Plan>> {
        let name = self.scenario.document.store_of.as_ref()?;
        let staged = library::find(name.as_str()).filter(|entry| !entry.needs_corpus()).and_then(|entry| {
            let scenario = Scenario::parse(entry.name, entry.text).ok()?;
            // A chain of days might have no end.
            scenario.document.store_of.is_none().then(|| stage(&scenario, &NoFiles).ok()).flatten()
        });
        let Some(staged) = staged else {
            let what = format!("no ready scenario `{}` leaves a store", shortened(&name.0));
            let problem = Problem::new(ErrorKind::UnknownName, what)
                .expected("a ready scenario (`vssim list`) that reads no recordings and has no `store_of` itself");
            self.problem(problem, name.pos);
            return None;
        };
        Some(Arc::new(staged.plan))
    }
}

/// A number into one of the plan's lists. Lists are far shorter than this type: a scenario has at most 1 MiB.
fn index(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

/// An id that follows from names alone, so that it is the same in every run and on every machine.
fn derived_id(parts: &[&str]) -> Guid {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let bits = hasher.finalize().iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    Guid::from_random_bits(bits)
}

/// A limit of the simulator that a scenario goes beyond.
fn beyond(what: impl Into<String>, expected: impl Into<String>) -> Problem {
    Problem::new(ErrorKind::OutOfRange, what).expected(expected)
}
