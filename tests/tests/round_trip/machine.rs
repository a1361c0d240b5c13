//! Generated machines: writers, components, files, what happens to the files, backups, and the text of the scenario.

use std::fmt::Write as _;

/// Numbers that follow from a seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// A number below `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }

    pub(crate) fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    CanReplace,
    NotThere,
    StopStart,
    Alternate,
    Reboot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mask {
    Default,
    /// Never in incremental backups.
    NotIncremental,
    /// Never in differential backups.
    NotDifferential,
    /// Always, and from the live volume.
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Full,
    Copy,
    Incremental,
    Differential,
    Log,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Full => "full",
            Kind::Copy => "copy",
            Kind::Incremental => "incremental",
            Kind::Differential => "differential",
            Kind::Log => "log",
        }
    }
}

/// A selectable component, perhaps with a nonselectable one below it.
#[derive(Clone, Debug)]
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) folder: String,
    /// A database has `*.db` and, as logs, `*.log`; a file group has everything, folders below included.
    pub(crate) database: bool,
    pub(crate) mask: Mask,
    pub(crate) sub: Option<String>,
    pub(crate) differenced: bool,
    /// The one file of which ranges are backed up.
    pub(crate) partial: Option<(String, Vec<(u64, u64)>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) name: String,
    pub(crate) schema: Vec<&'static str>,
    pub(crate) method: Method,
    /// Where the mapping leads, if there is one.
    pub(crate) mapping: Option<String>,
    pub(crate) exclude_tmp: bool,
    pub(crate) components: Vec<Component>,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// Path, size, offset, length, seed.
    Write(String, Option<u64>, u64, u64, u64),
    Delete(String),
    Backup(Kind),
}

#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) writers: Vec<Writer>,
    /// Path, size, seed.
    pub(crate) files: Vec<(String, u64, u64)>,
    /// By minute.
    pub(crate) events: Vec<(u64, Event)>,
    /// The backups that are restored, counted from 1.
    pub(crate) restores: Vec<usize>,
    /// Whether the restore is another run, from the saved store, on an empty machine.
    pub(crate) apart: bool,
}

fn component(dice: &mut Dice, writer: usize, number: usize, method: Method) -> Component {
    let volume = dice.of(&["D:", "E:"]);
    let folder = format!(r"{volume}\W{writer}\C{number}");
    let database = dice.one_in(4);
    let (differenced, partly) = match dice.below(4) {
        0 | 1 => (true, false),
        2 => (false, method != Method::Reboot),
        _ => (false, false),
    };
    let partial = partly.then(|| {
        let ranges = (0..1 + dice.below(3)).map(|_| (dice.below(20_000), 1 + dice.below(9_000))).collect();
        (format!(r"{folder}\part.db"), ranges)
    });
    let mask = dice.of(&[Mask::Default, Mask::Default, Mask::NotIncremental, Mask::NotDifferential, Mask::Live]);
    let sub = (dice.one_in(3)).then(|| format!(r"{volume}\W{writer}\S{number}"));
    Component { name: format!("Part{number}"), folder, database, mask, sub, differenced, partial }
}

fn writer(dice: &mut Dice, number: usize) -> Writer {
    let method = dice.of(&[
        Method::CanReplace,
        Method::CanReplace,
        Method::NotThere,
        Method::StopStart,
        Method::Alternate,
        Method::Reboot,
    ]);
    let mapped = method == Method::Alternate || method == Method::NotThere && dice.one_in(2);
    let mut schema = vec!["last-modify"];
    for bit in ["incremental", "differential", "log", "copy"] {
        if !dice.one_in(4) {
            schema.push(bit);
        }
    }
    if schema.contains(&"incremental") && schema.contains(&"differential") && dice.one_in(4) {
        schema.push("exclusive-incremental-differential");
    }
    // VSS_BS_LOG needs log files; a writer without a database does not have it.
    let components: Vec<Component> =
        (1..=1 + dice.below(2) as usize).map(|at| component(dice, number, at, method)).collect();
    if !components.iter().any(|component| component.database) {
        schema.retain(|bit| *bit != "log");
    }
    Writer {
        name: format!("Writer {number}"),
        schema,
        method,
        mapping: mapped.then(|| format!(r"E:\Alt{number}")),
        exclude_tmp: dice.one_in(2),
        components,
    }
}

impl Machine {
    pub(crate) fn generate(seed: u64) -> Machine {
        let mut dice = Dice::new(seed);
        let dice = &mut dice;
        let writers: Vec<Writer> = (1..=1 + dice.below(3) as usize).map(|number| writer(dice, number)).collect();
        let mut files = Vec::new();
        let mut content = seed % 1000 * 50 + 1;
        for component in writers.iter().flat_map(|writer| &writer.components) {
            for folder in std::iter::once(&component.folder).chain(&component.sub) {
                for number in 0..1 + dice.below(4) {
                    let inside = if dice.one_in(4) { r"Below\" } else { "" };
                    let end = dice.of(&["db", "log", "dat", "tmp"]);
                    files.push((format!(r"{folder}\{inside}f{number}.{end}"), dice.below(50_000), content));
                    content += 1;
                }
            }
            if let Some((path, _)) = &component.partial {
                files.push((path.clone(), 30_000, content));
                content += 1;
            }
        }
        let kinds = chain(dice);
        let mut events = Vec::new();
        let mut paths: Vec<String> = files.iter().map(|(path, _, _)| path.clone()).collect();
        for (at, kind) in (0_u64..).zip(&kinds) {
            events.push((at * 60 + 1, Event::Backup(*kind)));
            for number in 0..dice.below(4) {
                events.push((at * 60 + 10 + number, change(dice, &mut paths, &mut content, &writers)));
            }
        }
        let apart = dice.one_in(3);
        let end = kinds.len() as u64 * 60;
        if !apart {
            for component in writers.iter().flat_map(|writer| &writer.components) {
                for folder in std::iter::once(&component.folder).chain(&component.sub) {
                    if !dice.one_in(4) {
                        events.push((end + 1, Event::Delete(folder.clone())));
                    }
                }
            }
        }
        Machine { writers, files, events, restores: restored(&kinds), apart }
    }

    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let kinds = self
            .events
            .iter()
            .filter_map(|(_, event)| if let Event::Backup(kind) = event { Some(*kind) } else { None });
        kinds.collect()
    }

    /// The minute at which the restore begins.
    pub(crate) fn restore_at(&self) -> u64 {
        self.kinds().len() as u64 * 60 + 30
    }
}

/// A full backup, and what follows it.
fn chain(dice: &mut Dice) -> Vec<Kind> {
    let mut kinds = vec![Kind::Full];
    let then = dice.of(&[Kind::Incremental, Kind::Differential, Kind::Incremental, Kind::Log]);
    for _ in 0..dice.below(4) {
        kinds.push(match dice.below(8) {
            0 => Kind::Copy,
            1 => dice.of(&[Kind::Incremental, Kind::Differential]),
            _ => then,
        });
    }
    kinds
}

/// What has to be restored: the full backup, the last differential one, and every incremental and log backup after that; without a
/// differential one every incremental and log backup.
fn restored(kinds: &[Kind]) -> Vec<usize> {
    let mut list = vec![1];
    for (at, kind) in kinds.iter().enumerate().skip(1) {
        match kind {
            Kind::Full | Kind::Copy => {}
            Kind::Differential => list = vec![1, at + 1],
            Kind::Incremental | Kind::Log => list.push(at + 1),
        }
    }
    list
}

fn change(dice: &mut Dice, paths: &mut Vec<String>, content: &mut u64, writers: &[Writer]) -> Event {
    *content += 1;
    let partial = |path: &str| {
        writers.iter().flat_map(|writer| &writer.components).any(|c| c.partial.as_ref().is_some_and(|(p, _)| p == path))
    };
    let path = paths[dice.below(paths.len() as u64) as usize].clone();
    match dice.below(5) {
        0 if !partial(&path) => {
            paths.retain(|known| *known != path);
            if paths.is_empty() {
                paths.push(path.clone());
            }
            Event::Delete(path)
        }
        1 => {
            let folder = path.rsplit_once('\\').map_or("D:", |(folder, _)| folder).to_owned();
            let new = format!(r"{folder}\new{content}.db");
            paths.push(new.clone());
            let size = dice.below(40_000);
            Event::Write(new, Some(size), 0, size, *content)
        }
        2 if !partial(&path) => {
            let size = dice.below(60_000);
            Event::Write(path, Some(size), 0, size, *content)
        }
        _ => Event::Write(path, None, dice.below(5_000), 1 + dice.below(3_000), *content),
    }
}

impl Machine {
    /// The scenario of the backups; and of the restore, where that is the same run.
    pub(crate) fn scenario(&self) -> String {
        let mut text = self.head("round-trip", true);
        for (at, kind) in self.events.iter().filter_map(|(at, event)| match event {
            Event::Backup(kind) => Some((at, kind)),
            _ => None,
        }) {
            let _ = write!(
                text,
                "  - name: Backup {at}\n    starts_at: {at}m\n    script:\n      - backup: {{volumes: ['D:', 'E:'], type: {}, partial_files: true}}\n",
                kind.word()
            );
        }
        if !self.apart {
            self.restoring(&mut text, self.restore_at());
        }
        text
    }

    /// The scenario of the restore alone.
    pub(crate) fn restore_scenario(&self) -> String {
        let mut text = self.head("round-trip-back", false);
        self.restoring(&mut text, 1);
        text
    }

    fn restoring(&self, text: &mut String, at: u64) {
        let list: Vec<String> = self.restores.iter().map(ToString::to_string).collect();
        let _ = write!(
            text,
            "  - name: Restore\n    starts_at: {at}m\n    script:\n      - restore: {{backups: [{}]}}\n",
            list.join(", ")
        );
    }

    fn head(&self, name: &str, files: bool) -> String {
        let mut text = format!(
            "format: 1\nname: {name}\ntitle: Generated\nrelease: server-2022\nmachine:\n  name: SERVER1\n  \
             disks: [{{name: Disk0, size: 32 MiB}}]\n  services: [{{name: Service}}]\n  volumes:\n"
        );
        for volume in ["D:", "E:"] {
            let _ = writeln!(text, "    - name: '{volume}'\n      size: 16 MiB\n      files:");
            for (path, size, seed) in self.files.iter().filter(|(path, _, _)| files && path.starts_with(volume)) {
                let _ = writeln!(text, "        - file: {{path: '{path}', size: {size} B, seed: {seed}}}");
            }
            text = text.trim_end_matches("      files:\n").to_owned();
        }
        text.push_str("  incidents:\n    - reboot: {at: 23h}\n");
        for (at, event) in self.events.iter().filter(|_| files) {
            match event {
                Event::Write(path, size, offset, length, seed) => {
                    let size = size.map(|size| format!("size: {size} B, ")).unwrap_or_default();
                    let _ = writeln!(
                        text,
                        "    - write_file: {{at: {at}m, path: '{path}', {size}offset: {offset} B, length: {length} B, seed: {seed}}}"
                    );
                }
                Event::Delete(path) => drop(writeln!(text, "    - delete_files: {{at: {at}m, path: '{path}'}}")),
                Event::Backup(_) => {}
            }
        }
        text.push_str("  writers:\n");
        for writer in &self.writers {
            writer.text(&mut text);
        }
        text.push_str("requesters:\n");
        text
    }
}

impl Writer {
    fn text(&self, text: &mut String) {
        let method = match self.method {
            Method::CanReplace => "restore-if-can-replace",
            Method::NotThere => "restore-if-not-there",
            Method::StopStart => "stop-restore-start, service: Service",
            Method::Alternate => "restore-to-alternate-location",
            Method::Reboot => "restore-at-reboot, reboot: true",
        };
        let _ = write!(
            text,
            "    - name: {}\n      metadata:\n        inline:\n          schema: [{}]\n          restore:\n            \
             {{method: {method}, events: always",
            self.name,
            self.schema.join(", ")
        );
        if let Some(to) = &self.mapping {
            let sets = self.components.iter().flat_map(Component::file_sets);
            let mappings: Vec<String> = sets
                .map(|(folder, spec, recursive)| {
                    let to = format!(r"{to}\{}", tail(folder));
                    format!("{{path: '{folder}', spec: '{spec}', recursive: {recursive}, to: '{to}'}}")
                })
                .collect();
            let _ = write!(text, ", mappings: [{}]", mappings.join(", "));
        }
        text.push_str("}\n          components:\n");
        for component in &self.components {
            component.text(text);
        }
        if self.exclude_tmp {
            text.push_str("          exclude:\n");
            for folder in self.folders() {
                let _ = writeln!(text, "            - {{path: '{folder}', spec: '*.tmp', recursive: true}}");
            }
        }
        let calls: Vec<String> =
            self.components.iter().enumerate().filter_map(|(at, component)| component.calls(at)).collect();
        if !calls.is_empty() {
            let _ = write!(text, "      handlers:\n        PostSnapshot:\n          do:\n{}", calls.concat());
        }
    }

    pub(crate) fn folders(&self) -> impl Iterator<Item = String> + '_ {
        self.components.iter().flat_map(|component| std::iter::once(&component.folder).chain(&component.sub)).cloned()
    }
}

/// The last name of a path.
pub(crate) fn tail(path: &str) -> &str {
    path.rsplit('\\').next().unwrap_or(path)
}

impl Component {
    /// Folder, file specification and recursion of each file set: a mapping has to be equal to one of them (RST-LOC-003).
    fn file_sets(&self) -> Vec<(&str, &'static str, bool)> {
        let own = if self.database { vec![("*.db", false), ("*.log", false)] } else { vec![("*", true)] };
        let own = own.into_iter().map(|(spec, recursive)| (self.folder.as_str(), spec, recursive));
        own.chain(self.sub.iter().map(|folder| (folder.as_str(), "*", true))).collect()
    }

    fn text(&self, text: &mut String) {
        let mask = match self.mask {
            Mask::Default => "",
            Mask::NotIncremental => {
                ", backup_type_mask: [VSS_FSBT_FULL_BACKUP_REQUIRED, VSS_FSBT_DIFFERENTIAL_BACKUP_REQUIRED, \
                 VSS_FSBT_LOG_BACKUP_REQUIRED, VSS_FSBT_ALL_SNAPSHOT_REQUIRED]"
            }
            Mask::NotDifferential => {
                ", backup_type_mask: [VSS_FSBT_FULL_BACKUP_REQUIRED, VSS_FSBT_INCREMENTAL_BACKUP_REQUIRED, \
                 VSS_FSBT_LOG_BACKUP_REQUIRED, VSS_FSBT_ALL_SNAPSHOT_REQUIRED]"
            }
            Mask::Live => ", backup_type_mask: [VSS_FSBT_ALL_BACKUP_REQUIRED]",
        };
        let (name, folder) = (&self.name, &self.folder);
        let _ = write!(text, "            - name: {name}\n              selectable_for_restore: true\n");
        if self.database {
            let _ = write!(
                text,
                "              type: database\n              files: [{{path: '{folder}', spec: '*.db'{mask}}}]\n              \
                 log_files: [{{path: '{folder}', spec: '*.log'{mask}}}]\n"
            );
        } else {
            let _ = writeln!(text, "              files: [{{path: '{folder}', spec: '*', recursive: true{mask}}}]");
        }
        if let Some(sub) = &self.sub {
            let _ = write!(
                text,
                "            - logical_path: {name}\n              name: Sub\n              selectable: false\n              \
                 files: [{{path: '{sub}', spec: '*', recursive: true}}]\n"
            );
        }
    }

    /// What its writer says of it at PostSnapshot.
    fn calls(&self, at: usize) -> Option<String> {
        let get = format!(
            "            - call: {{method: IVssWriterComponents::GetComponent, with: {{iComponent: {at}}}, as: c{at}}}\n"
        );
        let folder = &self.folder;
        if self.differenced {
            let (spec, recursive) = if self.database { ("*.db", false) } else { ("*", true) };
            return Some(format!(
                "{get}            - call: {{method: IVssComponent::AddDifferencedFilesByLastModifyTime, on: $c{at}, with: \
                 {{wszPath: '{folder}', wszFilespec: '{spec}', bRecursive: {recursive}, ftLastModifyTime: 0}}}}\n"
            ));
        }
        let (path, ranges) = self.partial.as_ref()?;
        let ranges: Vec<String> = ranges.iter().map(|(offset, length)| format!("{offset}:{length}")).collect();
        Some(format!(
            "{get}            - call: {{method: IVssComponent::AddPartialFile, on: $c{at}, with: {{wszPath: '{folder}', \
             wszFilename: {}, wszRanges: '{}', wszMetadata: null}}}}\n",
            tail(path),
            ranges.join(",")
        ))
    }
}
