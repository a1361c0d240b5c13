//! Checks of the machine: disks, volumes, files, providers, applications, the kernel.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::error::{ErrorKind, Problem, one_of, shortened};
use crate::layout::Placed;
use crate::scalars::{FilePath, Name};
use crate::syntax::machine::{Application, FileEntry, PAGE, Provider, ProviderKind, Volume};
use crate::syntax::sins::{CALLBACKS, ProviderSin};
use crate::yaml::{At, Node, Pos};

/// The bytes that files ask for on each volume, and the paths that are taken.
#[derive(Default)]
struct Filled {
    bytes: BTreeMap<usize, u64>,
    paths: BTreeMap<String, Pos>,
}

impl Resolver<'_> {
    pub(super) fn machine(&mut self, layout: &[Vec<Placed>]) {
        let document = self.document;
        let machine = &document.machine;
        for disk in &machine.disks {
            if disk.size.0 == 0 {
                let what = format!("disk `{}` has no bytes", disk.name.0);
                self.problem(Problem::new(ErrorKind::ImpossibleSize, what).expected("at least 16 KiB"), disk.size.pos);
            }
        }
        let mut filled = Filled::default();
        for (at, volume) in machine.volumes.iter().enumerate() {
            self.volume_name(&volume.name);
            let size = layout.get(at).map_or(0, |extents| extents.iter().map(|extent| extent.length).sum());
            self.files(at, volume, size, &mut filled);
            self.diff_area(at, volume, layout);
            self.image(volume);
            self.shared_volume(volume);
        }
        self.virtual_disks();
        for application in &machine.applications {
            self.application_files(application, layout, &mut filled);
        }
        for provider in &machine.providers {
            self.provider(provider);
        }
        let mut systems = machine.providers.iter().filter(|it| it.kind.value == ProviderKind::System);
        if let (Some(_), Some(second)) = (systems.next(), systems.next()) {
            let what = "a machine has one system provider";
            self.problem(Problem::new(ErrorKind::Contradiction, what).expected("`kind: software`"), second.kind.pos);
        }
        let faults = &machine.kernel.faults;
        let of_volumes = faults.broken_hold.iter().chain(&faults.lost_blocks);
        for volume in of_volumes.chain(&faults.slow_growth).chain(&faults.restart_pending) {
            self.a_volume(volume);
        }
        self.registry();
        for incident in &machine.incidents {
            self.incident(&incident.value);
        }
    }

    fn volume_name(&mut self, name: &At<Name>) {
        if name.0.ends_with('\\') || name.0.contains('/') {
            let what = format!("`{}` is no volume name", shortened(&name.0));
            let expected = "a drive letter with colon, without trailing backslash: 'C:'";
            self.problem(Problem::new(ErrorKind::NotAPath, what).expected(expected), name.pos);
        }
    }

    fn files(&mut self, at: usize, volume: &Volume, size: u64, filled: &mut Filled) {
        for entry in &volume.files {
            let (path, bytes) = match &entry.value {
                FileEntry::File(file) => (&file.path, file.size.0),
                // A count is at most a million and a size at most 16 TiB, so the product may only saturate.
                FileEntry::RangesFile(file) => (&file.path, file.ranges.bytes().len() as u64),
                FileEntry::Tree(tree) => (&tree.path, tree.size.0.saturating_mul(u64::from(tree.count.0))),
            };
            if self.names.volume_of_path(&path.0) != Some(at) {
                let what = format!("`{}` does not lie on volume `{}`", shortened(&path.0), volume.name.0);
                let problem = Problem::new(ErrorKind::OutsideVolume, what)
                    .expected(format!(r"a path that begins with `{}\`", volume.name.0));
                self.problem(problem, path.pos);
                continue;
            }
            self.take(at, path, bytes, size, filled);
        }
    }

    fn application_files(&mut self, application: &Application, layout: &[Vec<Placed>], filled: &mut Filled) {
        let database = &application.database;
        let no_bytes = |what: &str| {
            Problem::new(ErrorKind::ImpossibleSize, format!("the {what} of `{}` is empty", application.name.0))
        };
        if database.log.size.0 == 0 {
            self.problem(no_bytes("log").expected("at least 4 KiB"), database.log.size.pos);
        }
        if database.pages.count.0 == 0 {
            self.problem(no_bytes("page file").expected("at least one page"), database.pages.count.pos);
        }
        if database.transaction_every.min.0 == 0 {
            let what = "transactions without time between them would never let virtual time pass";
            let problem = Problem::new(ErrorKind::OutOfRange, what).expected("at least `1us`");
            self.problem(problem, database.transaction_every.pos);
        }
        let pages = u64::from(database.pages.count.0).saturating_mul(PAGE);
        for (path, bytes) in [(&database.log.path, database.log.size.0), (&database.pages.path, pages)] {
            if let Some(at) = self.on_a_volume(path) {
                let size = layout.get(at).map_or(0, |extents| extents.iter().map(|extent| extent.length).sum());
                self.take(at, path, bytes, size, filled);
            }
        }
    }

    /// Notes a file and sees whether there is room for it.
    fn take(&mut self, at: usize, path: &At<FilePath>, bytes: u64, size: u64, filled: &mut Filled) {
        if let Some(first) = filled.paths.insert(path.0.to_uppercase(), path.pos) {
            let what = format!("`{}` is given twice, first in line {}", shortened(&path.0), first.line);
            self.problem(Problem::new(ErrorKind::DuplicateName, what), path.pos);
            return;
        }
        let used = filled.bytes.entry(at).or_default();
        let before = *used;
        *used = used.saturating_add(bytes);
        // A volume without a layout has a mistake of its own; only the first file too many is reported.
        if size > 0 && *used > size && before <= size {
            let what = format!("`{}` does not fit: {bytes} B, and {} B are left", shortened(&path.0), size - before);
            self.problem(Problem::new(ErrorKind::ImpossibleSize, what), path.pos);
        }
    }

    fn shared_volume(&mut self, volume: &Volume) {
        let Some(span) = volume.created_elsewhere.as_ref().filter(|span| span.from.0 >= span.to.0) else { return };
        let problem = Problem::new(ErrorKind::OutOfRange, "the creation on the other node is over before it begins")
            .expected("a later time than `from`");
        self.problem(problem, span.to.pos);
    }

    /// No volume lies in a virtual disk on itself, however far down.
    fn virtual_disks(&mut self) {
        let volumes = &self.document.machine.volumes;
        for (at, volume) in volumes.iter().enumerate() {
            let Some(host) = &volume.virtual_disk_on else { continue };
            self.a_volume(host);
            let mut below = self.names.volume(host.as_str());
            for _ in 0..volumes.len() {
                if below == Some(at) {
                    let what = format!("volume `{}` lies in a virtual disk on itself", shortened(volume.name.as_str()));
                    self.problem(Problem::new(ErrorKind::Contradiction, what).expected("another volume"), host.pos);
                    break;
                }
                let next = below.and_then(|at| volumes.get(at)).and_then(|volume| volume.virtual_disk_on.as_ref());
                below = next.and_then(|host| self.names.volume(host.as_str()));
            }
        }
    }

    fn image(&mut self, volume: &Volume) {
        let Some(image) = &volume.image else { return };
        if image.file.0.trim().is_empty() {
            let problem =
                Problem::new(ErrorKind::OutOfRange, "the image has no file name").expected("the path of a file");
            self.problem(problem, image.file.pos);
        }
        if let Some(partition) = image.partition.as_ref().filter(|partition| partition.0 == 0) {
            let problem = Problem::new(ErrorKind::OutOfRange, "partitions are counted from 1").expected("1 or more");
            self.problem(problem, partition.pos);
        }
    }

    fn provider(&mut self, provider: &Provider) {
        for volume in provider.supports.iter().flatten() {
            self.a_volume(volume);
        }
        let mut seen = BTreeSet::new();
        for sin in &provider.misbehaviours {
            self.provider_sin(sin);
            if !seen.insert(format!("{:?}", sin.value)) {
                self.problem(Problem::new(ErrorKind::DuplicateName, "the misbehaviour is given twice"), sin.pos);
            }
        }
    }

    fn provider_sin(&mut self, sin: &Node<ProviderSin>) {
        let callback = match &sin.value {
            ProviderSin::CrashesIn(callback)
            | ProviderSin::NeverReturnsFrom(callback)
            | ProviderSin::LogsIn(callback) => callback,
            _ => return,
        };
        if !CALLBACKS.contains(&callback.as_str()) {
            let problem = Problem::new(ErrorKind::UnknownWord, format!("`{}` is no callback", shortened(&callback.0)))
                .expected(one_of(CALLBACKS.iter().copied()))
                .near(&callback.0, CALLBACKS.iter().copied());
            self.problem(problem, callback.pos);
        }
    }
}
