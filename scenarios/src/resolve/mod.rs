//! From a document to a scenario: every name is looked up, every size placed, every macro expanded.
//!
//! ```text
//! Document ──► machine ──► writers ──► requesters ──► expectations ──► Scenario
//!                 └────────────┴───────────┴───────────────┴─────► problems, all of them
//! ```
//!
//! A mistake does not end the walk, so that one reading shows them all. What depends on a mistaken value is left out of
//! later checks, so that one mistake is reported once.

mod damage;
mod machine;
mod methods;
mod requesters;
mod shortage;
mod writers;

pub(crate) use methods::number;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{ErrorKind, Errors, Problem, one_of, shortened};
use crate::expand::{Unit, expand};
use crate::layout::{Placed, is_open, lay_out};
use crate::syntax::{Document, FORMAT};
use crate::yaml::{self, At, MAX_PROBLEMS, Pos};

/// A scenario without mistakes: staging it is a plain walk.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's name, as errors show it.
    pub file: String,
    /// Its text, without a byte order mark.
    pub text: String,
    /// The document. Every name in it exists, unless a failure is expected of the call that uses it.
    pub document: Document,
    /// The extents of each volume, in the order of the document; only staging knows them where a volume is as large as its image.
    pub layout: Vec<Vec<Placed>>,
    /// The script of each requester, without macros.
    pub scripts: Vec<Vec<Unit>>,
    /// Where each name leads.
    pub names: Names,
}

impl Scenario {
    /// Reads and checks a scenario. `file` is the name shown in errors.
    ///
    /// # Errors
    /// Every mistake that could be found in one reading.
    pub fn parse(file: &str, text: &str) -> Result<Scenario, Errors> {
        let bare = yaml::without_mark(text);
        yaml::parse::<Document>(text)
            .and_then(|document| Scenario::resolve(file, bare, document))
            .map_err(|problems| Errors::new(file, bare, problems))
    }

    /// Reads and checks a scenario out of a file's bytes.
    ///
    /// # Errors
    /// As [`Scenario::parse`]; also if the bytes are not UTF-8.
    pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Scenario, Errors> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Scenario::parse(file, text),
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let text = yaml::without_mark(std::str::from_utf8(good).unwrap_or_default());
                let problem = Problem::new(ErrorKind::NotYaml, "this is not UTF-8").expected("a file in UTF-8");
                let last = text.rsplit('\n').next().unwrap_or("");
                let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
                let line = small(text.matches('\n').count()).saturating_add(1);
                let pos = Pos { line, column: small(last.chars().count()).saturating_add(1), length: 1 };
                Err(Errors::new(file, text, vec![problem.at(pos)]))
            }
        }
    }

    fn resolve(file: &str, text: &str, document: Document) -> Result<Scenario, Vec<Problem>> {
        let mut resolver = Resolver::new(&document);
        resolver.head();
        let mut unplaced = Vec::new();
        let layout = lay_out(&document.machine, &|_| None, &mut unplaced);
        // Where a volume is as large as its image, staging lays the volumes out anew and tells the mistakes.
        if !document.machine.volumes.iter().any(is_open) {
            resolver.problems.append(&mut unplaced);
        }
        resolver.machine(&layout);
        resolver.writers();
        resolver.requesters();
        resolver.expectations();
        let Resolver { names, mut problems, .. } = resolver;
        problems.truncate(MAX_PROBLEMS);
        if !problems.is_empty() {
            return Err(problems);
        }
        let scripts = document.requesters.iter().map(|requester| expand(&requester.script)).collect();
        Ok(Scenario { file: file.to_owned(), text: text.to_owned(), document, layout, scripts, names })
    }
}

/// Where each name of a scenario leads: places in the document's lists.
#[derive(Clone, Debug, Default)]
pub struct Names {
    disks: Table,
    volumes: Table,
    providers: Table,
    applications: Table,
    writers: Table,
    requesters: Table,
}

/// Names and their places. Windows compares names of volumes without case, so they are kept in upper case.
type Table = BTreeMap<String, (usize, Pos)>;

impl Names {
    /// The volume of this name, with or without trailing backslash.
    #[must_use]
    pub fn volume(&self, name: &str) -> Option<usize> {
        let bare = name.strip_suffix('\\').unwrap_or(name);
        self.volumes.get(&bare.to_uppercase()).map(|(at, _)| *at)
    }

    /// The volume that a full path begins with.
    #[must_use]
    pub fn volume_of_path(&self, path: &str) -> Option<usize> {
        path.split_once('\\').and_then(|(volume, _)| self.volume(volume))
    }

    /// The disk of this name.
    #[must_use]
    pub fn disk(&self, name: &str) -> Option<usize> {
        self.disks.get(name).map(|(at, _)| *at)
    }

    /// The provider of this name.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<usize> {
        self.providers.get(name).map(|(at, _)| *at)
    }

    /// The application of this name.
    #[must_use]
    pub fn application(&self, name: &str) -> Option<usize> {
        self.applications.get(name).map(|(at, _)| *at)
    }

    /// The writer of this name.
    #[must_use]
    pub fn writer(&self, name: &str) -> Option<usize> {
        self.writers.get(name).map(|(at, _)| *at)
    }

    /// The requester of this name.
    #[must_use]
    pub fn requester(&self, name: &str) -> Option<usize> {
        self.requesters.get(name).map(|(at, _)| *at)
    }
}

/// The mistake of naming what does not exist.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Problem {
    let known: Vec<&str> = known.into_iter().collect();
    let expected = if known.is_empty() {
        format!("the scenario has no {what}")
    } else {
        format!("a name that exists: {}", one_of(known.iter().copied()))
    };
    Problem::new(ErrorKind::UnknownName, format!("there is no {what} `{}`", shortened(name)))
        .expected(expected)
        .near(name, known.iter().copied())
}

struct Resolver<'a> {
    document: &'a Document,
    names: Names,
    /// The components of each writer in upper case; of those with a metadata file nothing is known.
    components: Vec<Option<BTreeSet<String>>>,
    problems: Vec<Problem>,
    /// How many bytes of repeated text were asked for.
    long_text: i64,
}

impl<'a> Resolver<'a> {
    /// Collects the names first, for writers may name applications and the other way round.
    fn new(document: &'a Document) -> Resolver<'a> {
        let mut problems = Vec::new();
        let machine = &document.machine;
        let names = Names {
            disks: table("disk", machine.disks.iter().map(|it| &it.name), |s| s.to_owned(), &mut problems),
            volumes: table("volume", machine.volumes.iter().map(|it| &it.name), str::to_uppercase, &mut problems),
            providers: table("provider", machine.providers.iter().map(|it| &it.name), |s| s.to_owned(), &mut problems),
            applications: table(
                "application",
                machine.applications.iter().map(|it| &it.name),
                |s| s.to_owned(),
                &mut problems,
            ),
            writers: table("writer", machine.writers.iter().map(|it| &it.name), |s| s.to_owned(), &mut problems),
            requesters: table(
                "requester",
                document.requesters.iter().map(|it| &it.name),
                |s| s.to_owned(),
                &mut problems,
            ),
        };
        let components = machine.writers.iter().map(writers::components).collect();
        Resolver { document, names, components, problems, long_text: 0 }
    }

    fn problem(&mut self, problem: Problem, pos: Pos) {
        self.problems.push(problem.at(pos));
    }

    /// Whether there are mistakes enough, so that no more time goes into guesses.
    fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    fn head(&mut self) {
        let format = &self.document.format;
        if format.0 != FORMAT {
            let problem = Problem::new(ErrorKind::WrongFormat, format!("format {} is not known", format.0))
                .expected(format!("format {FORMAT}"));
            self.problem(problem, format.pos);
        }
    }

    fn unknown(&mut self, what: &str, name: &At<crate::scalars::Name>, known: Vec<&'a str>) {
        self.problem(unknown(what, name.as_str(), known), name.pos);
    }

    fn a_volume(&mut self, name: &At<crate::scalars::Name>) {
        if self.names.volume(name.as_str()).is_none() && !self.is_full() {
            let known = self.document.machine.volumes.iter().map(|it| it.name.as_str()).collect();
            self.unknown("volume", name, known);
        }
    }

    fn an_application(&mut self, name: &At<crate::scalars::Name>) {
        if self.names.application(name.as_str()).is_none() && !self.is_full() {
            let known = self.document.machine.applications.iter().map(|it| it.name.as_str()).collect();
            self.unknown("application", name, known);
        }
    }

    fn a_provider(&mut self, name: &At<crate::scalars::Name>) {
        if self.names.provider(name.as_str()).is_none() && !self.is_full() {
            let known = self.document.machine.providers.iter().map(|it| it.name.as_str()).collect();
            self.unknown("provider", name, known);
        }
    }

    fn a_writer(&mut self, name: &At<crate::scalars::Name>) -> Option<usize> {
        let found = self.names.writer(name.as_str());
        if found.is_none() && !self.is_full() {
            let known = self.document.machine.writers.iter().map(|it| it.name.as_str()).collect();
            self.unknown("writer", name, known);
        }
        found
    }

    fn a_requester(&mut self, name: &At<crate::scalars::Name>) {
        if self.names.requester(name.as_str()).is_none() && !self.is_full() {
            let known = self.document.requesters.iter().map(|it| it.name.as_str()).collect();
            self.unknown("requester", name, known);
        }
    }

    /// The volume that a path lies on.
    fn on_a_volume(&mut self, path: &At<crate::scalars::FilePath>) -> Option<usize> {
        let found = self.names.volume_of_path(&path.0);
        if found.is_none() && !self.is_full() {
            let volume = path.0.split('\\').next().unwrap_or("");
            let known: Vec<&str> = self.document.machine.volumes.iter().map(|it| it.name.as_str()).collect();
            let problem = Problem::new(ErrorKind::OutsideVolume, format!("`{}` lies on no volume", shortened(&path.0)))
                .expected(format!("a path that begins with {}", one_of(known.iter().copied())))
                .near(volume, known.iter().copied());
            self.problem(problem, path.pos);
        }
        found
    }
}

fn table<'a>(
    what: &str,
    names: impl Iterator<Item = &'a At<crate::scalars::Name>>,
    key: impl Fn(&str) -> String,
    problems: &mut Vec<Problem>,
) -> Table {
    let mut table = Table::new();
    for (at, name) in names.enumerate() {
        if let Some((_, first)) = table.get(&key(name.as_str())) {
            let text =
                format!("the {what} `{}` is given twice, first in line {}", shortened(name.as_str()), first.line);
            problems.push(Problem::new(ErrorKind::DuplicateName, text).at(name.pos));
        } else {
            table.insert(key(name.as_str()), (at, name.pos));
        }
    }
    table
}
