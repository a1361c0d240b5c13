//! The bytes that the rules demand, worked out plainly: a map of files, and a list of what each backup holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::machine::{Component, Event, Kind, Machine, Mask, Method, Writer, tail};

/// Path to bytes, and the minute of the last write.
pub(crate) type Disk = BTreeMap<String, (Vec<u8>, u64)>;

/// What a backup holds of a file.
#[derive(Clone, Debug)]
enum Held {
    Whole(Vec<u8>),
    /// The size of the file, and parts of it.
    Parts(usize, Vec<(usize, Vec<u8>)>),
}

/// What a backup holds of a component set.
#[derive(Clone, Debug)]
struct Set {
    kind: Kind,
    minute: u64,
    files: BTreeMap<String, Held>,
}

/// What was backed up, by backup, writer and component.
type Backups = Vec<BTreeMap<(usize, usize), Set>>;

/// What a seed holds at a place: the content of test files.
fn content(seed: u64, offset: usize, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    vssim_sim::content::fill(seed, offset as u64, &mut bytes);
    bytes
}

/// What has to be on the volumes in the end; and each file that was there at the last backup that is restored and has to be there again
/// as it was.
pub(crate) struct Demanded {
    pub(crate) disk: Disk,
    pub(crate) again: BTreeMap<String, Vec<u8>>,
}

pub(crate) fn demanded(machine: &Machine) -> Demanded {
    let mut disk = Disk::new();
    for (path, size, seed) in &machine.files {
        disk.insert(path.clone(), (content(*seed, 0, *size as usize), 0));
    }
    let mut backups = Backups::new();
    let mut at_backup: Vec<Disk> = Vec::new();
    for (minute, event) in &machine.events {
        match event {
            Event::Delete(path) => disk.retain(|known, _| known != path && !known.starts_with(&format!(r"{path}\"))),
            Event::Write(path, size, offset, length, seed) => {
                write(&mut disk, path, *size, *offset as usize, *length as usize, *seed, *minute);
            }
            Event::Backup(kind) => {
                at_backup.push(disk.clone());
                let backup = back_up(machine, *kind, *minute, &disk, &backups);
                backups.push(backup);
            }
        }
    }
    if machine.apart {
        disk.clear();
    }
    let mut pending = Vec::new();
    for number in &machine.restores {
        for ((writer, _), set) in &backups[number - 1] {
            restore(&machine.writers[*writer], set, &mut disk, &mut pending);
        }
    }
    // The machine starts again.
    for (path, bytes) in pending {
        disk.insert(path, (bytes, 0));
    }
    let last = machine.restores.last().map(|number| number - 1).unwrap_or_default();
    Demanded { again: again(machine, &at_backup[last], last), disk }
}

fn write(disk: &mut Disk, path: &str, size: Option<u64>, offset: usize, length: usize, seed: u64, minute: u64) {
    let file = disk.entry(path.to_owned()).or_default();
    let size = size.map_or(file.0.len().max(offset + length), |size| size as usize);
    file.0.resize(size, 0);
    let end = (offset + length).min(size);
    if offset < end {
        file.0[offset..end].copy_from_slice(&content(seed, offset, end - offset));
    }
    file.1 = minute;
}

/// What is asked of the writer, and what it can.
fn kind_of(writer: &Writer, requested: Kind, earlier: &[&Set]) -> Kind {
    let has = |word: &str| writer.schema.contains(&word);
    let (can, other) = match requested {
        Kind::Full | Kind::Copy => return requested,
        Kind::Incremental => (has("incremental"), Kind::Differential),
        Kind::Differential => (has("differential"), Kind::Incremental),
        Kind::Log => (has("log"), Kind::Log),
    };
    let since_full = earlier.iter().rev().take_while(|set| set.kind != Kind::Full);
    let exclusive = has("exclusive-incremental-differential") && requested != Kind::Log;
    if !can || exclusive && since_full.into_iter().any(|set| set.kind == other) { Kind::Full } else { requested }
}

fn back_up(
    machine: &Machine,
    requested: Kind,
    minute: u64,
    disk: &Disk,
    backups: &Backups,
) -> BTreeMap<(usize, usize), Set> {
    let mut backup = BTreeMap::new();
    for (w, writer) in machine.writers.iter().enumerate() {
        for (c, component) in writer.components.iter().enumerate() {
            let earlier: Vec<&Set> = backups.iter().filter_map(|backup| backup.get(&(w, c))).collect();
            let kind = kind_of(writer, requested, &earlier);
            let base = earlier.iter().rev().find(|set| match kind {
                Kind::Incremental => matches!(set.kind, Kind::Full | Kind::Incremental),
                _ => set.kind == Kind::Full,
            });
            let since = base.map_or(0, |set| set.minute);
            let mut files = BTreeMap::new();
            for (path, (bytes, modified)) in disk {
                let held = held(component, kind, since, path, bytes, *modified);
                let excluded = writer.exclude_tmp && path.to_lowercase().ends_with(".tmp");
                if let Some(held) = held.filter(|_| !excluded) {
                    files.insert(path.clone(), held);
                }
            }
            backup.insert((w, c), Set { kind, minute, files });
        }
    }
    backup
}

fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(folder)?.strip_prefix('\\')
}

/// What a backup holds of one file of a component set, if it is one.
fn held(component: &Component, kind: Kind, since: u64, path: &str, bytes: &[u8], modified: u64) -> Option<Held> {
    let whole = || Some(Held::Whole(bytes.to_vec()));
    if component.sub.as_ref().is_some_and(|sub| below(sub, path).is_some()) {
        // A file group with the default mask; it has no log files.
        return if kind == Kind::Log { None } else { whole() };
    }
    if let Some((_, ranges)) = component.partial.as_ref().filter(|(partial, _)| partial == path) {
        let part = |&(offset, length): &(u64, u64)| {
            let (offset, end) = (offset as usize, ((offset + length) as usize).min(bytes.len()));
            (offset, bytes.get(offset..end).unwrap_or_default().to_vec())
        };
        return Some(Held::Parts(bytes.len(), ranges.iter().map(part).collect()));
    }
    let name = below(&component.folder, path)?;
    let log = component.database && name.ends_with(".log");
    let belongs = !component.database || !name.contains('\\') && (name.ends_with(".db") || log);
    if !belongs {
        return None;
    }
    if component.differenced && !log && matches!(kind, Kind::Incremental | Kind::Differential) {
        return if modified >= since { whole() } else { None };
    }
    let wanted = match (kind, component.mask) {
        (Kind::Log, _) => log,
        (Kind::Incremental, Mask::NotIncremental) | (Kind::Differential, Mask::NotDifferential) => false,
        _ => true,
    };
    if wanted { whole() } else { None }
}

fn restore(writer: &Writer, set: &Set, disk: &mut Disk, pending: &mut Vec<(String, Vec<u8>)>) {
    if set.files.is_empty() {
        return;
    }
    let there = set.files.keys().any(|path| disk.contains_key(path));
    let elsewhere = match writer.method {
        Method::CanReplace | Method::StopStart | Method::Reboot => false,
        Method::NotThere => there,
        Method::Alternate => true,
    };
    if elsewhere && writer.mapping.is_none() {
        return;
    }
    for (path, held) in &set.files {
        let to = if elsewhere { mapped(writer, path) } else { path.clone() };
        match held {
            Held::Whole(bytes) if writer.method == Method::Reboot => pending.push((to, bytes.clone())),
            Held::Whole(bytes) => drop(disk.insert(to, (bytes.clone(), 0))),
            Held::Parts(size, parts) => {
                let file = disk.entry(to).or_insert_with(|| (vec![0; *size], 0));
                for (offset, bytes) in parts {
                    let end = offset + bytes.len();
                    if file.0.len() < end {
                        file.0.resize(end, 0);
                    }
                    file.0[*offset..end].copy_from_slice(bytes);
                }
            }
        }
    }
}

fn mapped(writer: &Writer, path: &str) -> String {
    let to = writer.mapping.clone().unwrap_or_default();
    for folder in writer.folders() {
        if let Some(rest) = below(&folder, path) {
            return format!(r"{to}\{}\{rest}", tail(&folder));
        }
    }
    path.to_owned()
}

/// Where a whole chain is restored in place, each file that the last backup could have is there as it was then, whatever the single
/// backups hold.
fn again(machine: &Machine, last: &Disk, backup: usize) -> BTreeMap<String, Vec<u8>> {
    let mut again = BTreeMap::new();
    let kinds: BTreeSet<Kind> = machine.restores.iter().map(|number| machine.kinds()[number - 1]).collect();
    // A log backup brings logs alone.
    if kinds.contains(&Kind::Log) || machine.kinds()[backup] == Kind::Log {
        return again;
    }
    for writer in machine.writers.iter().filter(|w| matches!(w.method, Method::CanReplace | Method::StopStart)) {
        for component in writer.components.iter().filter(|c| matches!(c.mask, Mask::Default | Mask::Live)) {
            for (path, (bytes, _)) in last {
                let Some(name) = below(&component.folder, path) else { continue };
                let partial = component.partial.as_ref().is_some_and(|(partial, _)| partial == path);
                let belongs =
                    !component.database || !name.contains('\\') && (name.ends_with(".db") || name.ends_with(".log"));
                if belongs && !partial && !(writer.exclude_tmp && path.ends_with(".tmp")) {
                    again.insert(path.clone(), bytes.clone());
                }
            }
        }
    }
    again
}
