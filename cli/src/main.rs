//! `vssim`: simulates shadow copies and checks the protocol.
//!
//! Exit codes: 0 when everything was as expected, 1 when an expectation, a rule or an invariant failed or a shadow copy is
//! wrong, 2 for bad input.

mod arguments;
mod commands;
mod files;
mod image_file;
mod images;
mod progress;
mod stores;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

/// How a command ended.
pub(crate) enum Ended {
    /// As expected.
    Well,
    /// An expectation, a rule or an invariant failed; fields of an image are wrong, copies differ.
    Failed,
}

/// Bad input, in words for the user.
#[derive(Debug)]
pub(crate) struct BadInput(pub(crate) String);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    terminal::start_logging(arguments.log.as_deref());
    let ended = match &arguments.command {
        Command::Run(run) => commands::run::run(run),
        Command::Check(check) => commands::check::check(check),
        Command::List(list) => commands::list::list(list),
        Command::Graph(graph) => commands::graph::graph(graph),
        Command::Rules(rules) => commands::rules::rules(rules),
        Command::Coverage(counted) => commands::coverage::coverage(counted),
        Command::PowerCut(cut) => commands::power_cut::power_cut(cut),
        Command::Search(search) => commands::search::search(search),
        Command::Image(image) => commands::image::image(image),
    };
    match ended {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Failed) => ExitCode::from(1),
        Err(BadInput(text)) => {
            terminal::complain(&text);
            ExitCode::from(2)
        }
    }
}
