//! `vssim run`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vssim_conformance::judge;
use vssim_reports::Expectation;
use vssim_scenarios::expectations;
use vssim_scenarios::stage::{Staged, stage};
use vssim_scenarios::{Scenario, library};

use vssim_sim::world::World;

use crate::arguments::{Format, Run};
use crate::files::{self, Beside};
use crate::progress::Interrupt;
use crate::{BadInput, Ended, images, stores, terminal};

/// Runs a scenario.
pub(crate) fn run(arguments: &Run) -> Result<Ended, BadInput> {
    let (staged, beside) = find(&arguments.scenario)?;
    for note in &staged.notes {
        terminal::complain(&format!("note: {note}"));
    }
    let plan = Arc::new(staged.plan);
    let volumes = plan.volumes.iter().map(|volume| &*volume.name);
    let images = arguments.image.as_ref().map(|out| images::paths(out, volumes)).unwrap_or_default();
    images::check_free(&images, arguments.force)?;
    let sources = plan.volumes.iter().filter_map(|volume| beside.path_of(&volume.image.as_ref()?.file));
    if let Some(folder) = &arguments.save {
        stores::check_free(folder, arguments.force)?;
    }
    let store = arguments.load.as_deref().map(stores::load).transpose()?;
    images::check_sources(&images, &sources.collect::<Vec<_>>())?;
    let (outcome, trace) = vssim_sim::run::run_from(&plan, arguments.seed, &beside, store)
        .map_err(|error| BadInput(format!("error: {}: {error}", arguments.scenario)))?;
    if let Some(path) = &arguments.trace {
        files::write(path, &trace.to_json_lines())?;
    }
    let report = judge(&trace);
    let violated: Vec<&str> = report.violated().map(|(rule, _)| rule.id).collect();
    let found = expectations::check(&staged.expectations, &trace, &violated, &outcome.world);
    let mut expectations: Vec<Expectation> =
        found.into_iter().map(|one| Expectation { name: one.name, met: one.met, detail: one.detail }).collect();
    if outcome.endless {
        expectations.push(Expectation {
            name: "the run ends".to_owned(),
            met: false,
            detail: format!("stopped after {} events at {}", outcome.events, outcome.world.now),
        });
    }
    if let Some(path) = &arguments.junit {
        files::write(path, &vssim_reports::junit(&trace, &report, &expectations))?;
    }
    super::show(&trace, &report, &expectations, &arguments.output, true);
    // When the user breaks off, what is being written goes; what is complete stays.
    let interrupt = Interrupt::watch();
    leave(&images, &outcome.world, arguments, &interrupt)?;
    if let Some(folder) = &arguments.save {
        stores::save(&outcome.world.store, folder, arguments.force, &interrupt)?;
        say_saved(folder, &outcome.world, arguments);
    }
    let well = outcome.broken.is_none() && expectations.iter().all(|one| one.met);
    Ok(if well { Ended::Well } else { Ended::Failed })
}

/// Why there may be no shadow copies in the images.
const NO_COPIES: &str = "Shadow copies of VSS_CTX_BACKUP are deleted when their requester releases them; those of a persistent context, such as VSS_CTX_APP_ROLLBACK, stay.";

/// Writes the volumes as images, and says so: beside a result for programs on standard error.
fn leave(images: &[PathBuf], world: &World, arguments: &Run, interrupt: &Interrupt) -> Result<(), BadInput> {
    let mut lines = Vec::new();
    let mut copies_left = false;
    let mut done = Vec::new();
    for ((path, volume), plan) in images.iter().zip(world.storage.volumes()).zip(&world.plan.volumes) {
        images::write(path, volume, arguments.force, interrupt).map_err(|BadInput(why)| {
            let complete: Vec<String> = done.iter().map(|path: &&PathBuf| path.display().to_string()).collect();
            let stays =
                if complete.is_empty() { String::new() } else { format!("\n  complete: {}", complete.join(", ")) };
            BadInput(why + &stays)
        })?;
        done.push(path);
        copies_left |= volume.snapshot_count() > 0;
        let copies = match volume.snapshot_count() {
            1 => "1 shadow copy".to_owned(),
            count => format!("{count} shadow copies"),
        };
        lines.push(format!("{}: volume {}, {} bytes, {copies}", path.display(), plan.name, volume.size()));
    }
    if !copies_left && !lines.is_empty() {
        lines.push(NO_COPIES.to_owned());
    }
    match arguments.output.format {
        _ if lines.is_empty() => {}
        Format::Text => terminal::print(&format!("\n{}", lines.join("\n"))),
        Format::Json | Format::Sequence => terminal::complain(&lines.join("\n")),
    }
    Ok(())
}

/// Says what was saved, as [`leave`] does.
fn say_saved(folder: &Path, world: &World, arguments: &Run) {
    let files: usize = world.store.backups.iter().map(|backup| backup.files().count()).sum();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let (backups, files) = (count(world.store.backups.len(), "backup"), count(files, "file"));
    let line = format!("{}: {backups}, {files}", folder.display());
    match arguments.output.format {
        Format::Text => terminal::print(&format!("\n{line}")),
        Format::Json | Format::Sequence => terminal::complain(&line),
    }
}

/// A ready scenario, or a file; and what lies beside it.
pub(super) fn find(name: &str) -> Result<(Staged, Beside), BadInput> {
    let ready = library::find(name);
    let (file, bytes) = match ready {
        Some(entry) => (PathBuf::from(format!("{}.yaml", entry.name)), entry.text.as_bytes().to_vec()),
        None if Path::new(name).exists() => (PathBuf::from(name), files::read(Path::new(name))?),
        None => {
            let near = super::near(name, library::LIBRARY.iter().map(|entry| entry.name));
            return Err(BadInput(format!(
                "error: no ready scenario and no file is called `{name}`{near}\n  `vssim list` names the ready ones"
            )));
        }
    };
    let beside = if ready.is_some() { Beside::nothing() } else { Beside::of(&file) };
    let shown = file.display().to_string();
    let scenario = Scenario::parse_bytes(&shown, &bytes).map_err(|errors| BadInput(errors.to_string()))?;
    let staged = stage(&scenario, &beside).map_err(|errors| BadInput(errors.to_string()))?;
    Ok((staged, beside))
}
