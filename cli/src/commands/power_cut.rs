//! `vssim power-cut`.

use std::fmt::Write;
use std::sync::Arc;

use vssim_scenarios::library;
use vssim_sim::run::run_with_journal;
use vssim_sim::storage::power_cut::{MAXIMUM_WRONG, Report, Settings, enumerate};

use crate::arguments::PowerCut;
use crate::{BadInput, Ended, terminal};

/// What the ready scenarios for power cuts are called.
const PREFIX: &str = "power-cut-";

/// Cuts the power at every point of each scenario.
pub(crate) fn power_cut(arguments: &PowerCut) -> Result<Ended, BadInput> {
    let ready = library::LIBRARY.iter().map(|entry| entry.name.to_owned()).filter(|name| name.starts_with(PREFIX));
    let names: Vec<String> = if arguments.scenarios.is_empty() { ready.collect() } else { arguments.scenarios.clone() };
    let (mut images, mut wrong) = (0, 0);
    for name in &names {
        let report = one(name, arguments)?;
        terminal::print(&text(name, &report));
        images += report.images + report.recovery_images;
        wrong += report.wrong.len();
    }
    if names.len() > 1 {
        terminal::print(&format!("{} scenarios, {images} images, {wrong} wrong", names.len()));
    }
    Ok(if wrong == 0 { Ended::Well } else { Ended::Failed })
}

fn one(name: &str, arguments: &PowerCut) -> Result<Report, BadInput> {
    let (staged, beside) = super::run::find(name)?;
    let plan = Arc::new(staged.plan);
    let (start, outcome) = run_with_journal(&plan, arguments.seed, &beside)
        .map_err(|error| BadInput(format!("error: {name}: {error}")))?;
    let Some(journal) = outcome.world.storage.journal() else {
        return Err(BadInput(format!("error: {name}: the run kept no journal")));
    };
    let (seed, samples, points) = (arguments.seed, arguments.samples, arguments.points as usize);
    let settings = Settings { seed, samples, points, ..Settings::default() };
    let mut shown = usize::MAX;
    let report = enumerate(&start, journal, &settings, &mut |done, all| {
        let percent = done * 100 / all.max(1);
        if percent != shown {
            shown = percent;
            terminal::progress(&format!("{name}: {percent} % of {all} events"));
        }
    });
    terminal::progress("");
    Ok(report)
}

fn text(name: &str, report: &Report) -> String {
    let mut text = String::new();
    let Report { events, writes, flushes, points, images, went_on, recovery_images, .. } = report;
    let _ = writeln!(text, "{name}");
    let _ = writeln!(text, "  {events} events ({writes} writes, {flushes} flushes), the power cut at {points} points");
    let _ = writeln!(
        text,
        "  {images} images recovered and judged, the machine goes on after {went_on}; {recovery_images} more after a second \
         cut in the recovery"
    );
    let gone: Vec<String> = report.gone.iter().map(|(rule, count)| format!("{count} {rule}")).collect();
    let gone = if gone.is_empty() { "none".to_owned() } else { gone.join(", ") };
    let _ = writeln!(text, "  shadow copies: {} intact; gone by rule: {gone}", report.intact);
    let (sampled, most) = (report.sampled, report.most_unflushed);
    let _ = writeln!(text, "  at most {most} sectors unflushed; sampled at {sampled} of {points} points");
    if *points < *events {
        let _ = writeln!(text, "  only {points} of {} points, spread evenly: --points takes more", events + 1);
    }
    if report.cut_short {
        let _ = writeln!(text, "  the journal grew too long, and its end was left out");
    }
    let _ = writeln!(text, "  wrong: {}", if report.wrong.is_empty() { "0" } else { "" });
    for wrong in &report.wrong {
        let _ = writeln!(text, "    {wrong}");
    }
    if report.wrong.len() >= MAXIMUM_WRONG {
        let _ = writeln!(text, "    the search ended here");
    }
    text
}
