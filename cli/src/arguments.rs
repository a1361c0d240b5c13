//! The command line.

pub(crate) mod image;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Simulates the Volume Shadow Copy Service and checks the protocol.
#[derive(Parser)]
#[command(name = "vssim", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Arguments {
    /// What to log on standard error, such as `debug` or `vssim_sim=debug`.
    #[arg(long, global = true, value_name = "FILTER", hide_short_help = true)]
    pub(crate) log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER: &str = "\
Exit codes:
  0  everything was as expected
  1  an expectation, a rule or an invariant failed; an image has wrong fields; copies differ or are wrong
  2  bad input

Start with `vssim run full-backup`.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run a scenario: timeline, writers, verdict.
    Run(Run),
    /// Judge a trace that was written before, or a document of VSS.
    Check(Check),
    /// List the ready scenarios by subject.
    List(List),
    /// Print a state machine as a graph or as its complete matrix.
    Graph(Graph),
    /// List the rules, or explain one; tell what rests on a requirement.
    Rules(Rules),
    /// Count how much of the documented interfaces the ready scenarios show.
    Coverage(Coverage),
    /// Cut the power at every point of a scenario and look for wrong shadow copies.
    PowerCut(PowerCut),
    /// Visit every state of a small machine and check the invariants in each.
    Search(Search),
    /// Read the shadow copies in an image of a disk: raw, qcow2, VHD or VHDX.
    Image(image::Image),
}

#[derive(Args)]
#[command(group(clap::ArgGroup::new("written").args(["image", "save"]).multiple(true)))]
pub(crate) struct Run {
    /// A ready scenario (see `vssim list`), or the path of a YAML file.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) scenario: String,
    /// The seed of all random choices: the same seed, the same trace.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the trace to this file, as JSON lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: Option<PathBuf>,
    /// Write the verdict to this file, for a CI server.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Write the volumes as they are at the end to this file, as raw images with their shadow copies; several volumes get their
    /// names into that of the file.
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,
    /// Write what was backed up to this folder, with the documents: a later run restores it with --load.
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,
    /// Begin with what an earlier run saved to this folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) load: Option<PathBuf>,
    /// Let --image write over files, and --save over a store.
    #[arg(long, requires = "written")]
    pub(crate) force: bool,
    /// How to print the result.
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct Output {
    /// The form of the result.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Show every record.
    #[arg(short, long, conflicts_with = "brief")]
    pub(crate) verbose: bool,
    /// Show milestones and failures only.
    #[arg(short, long)]
    pub(crate) brief: bool,
    /// Print plain ASCII.
    #[arg(long)]
    pub(crate) ascii: bool,
    /// Colour the text.
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// The form of a result.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
    /// A Mermaid sequence diagram.
    Sequence,
}

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Args)]
pub(crate) struct Check {
    /// The trace, as `vssim run --trace` writes it; or a Writer Metadata or Backup Components Document.
    #[arg(value_name = "FILE")]
    pub(crate) trace: PathBuf,
    /// Write the verdict to this file, for a CI server.
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Print the timeline before the verdict.
    #[arg(long)]
    pub(crate) timeline: bool,
    /// How to print the result.
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Args)]
pub(crate) struct List {
    /// Only those about this subject.
    #[arg(value_name = "SUBJECT")]
    pub(crate) subject: Option<String>,
    /// Also those that break a rule on purpose.
    #[arg(long)]
    pub(crate) broken: bool,
    /// Print the text of this scenario, to start one's own from.
    #[arg(long, value_name = "NAME")]
    pub(crate) show: Option<String>,
}

#[derive(Args)]
pub(crate) struct Graph {
    /// Which one: writer, provider, requester or snapshot.
    #[arg(value_name = "TABLE")]
    pub(crate) table: String,
    /// The form.
    #[arg(long, value_enum, default_value_t = GraphFormat::Mermaid)]
    pub(crate) format: GraphFormat,
}

/// The form of a state machine.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
    /// The complete matrix, as Markdown.
    Matrix,
}

#[derive(Args)]
pub(crate) struct Rules {
    /// The rule to explain; or a requirement, such as RST-MTH-012: what in vssim rests on it.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// Runs every ready scenario, once as it is and once with every documented call made to fail first, and counts methods called,
/// pairs of method and code, outcomes of writer events, and requirements exercised.
///
/// A pair is caused when a call that nobody made to fail returned so. A failure of resources (E_OUTOFMEMORY, VSS_E_UNEXPECTED) is
/// injected when it was ordered and the service's state after it was the same. Pairs that are not observed stand in a list with
/// their reasons.
#[derive(Args)]
#[command(after_help = COVERAGE_CODES)]
pub(crate) struct Coverage {
    /// List what was not seen: pairs with their reasons, outcomes of writer events, requirements.
    #[arg(long, conflicts_with = "json")]
    pub(crate) missing: bool,
    /// Print one JSON document, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    /// Run each scenario with the seeds from 1 to this one.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub(crate) seeds: u64,
}

const COVERAGE_CODES: &str = "\
Exit codes:
  0  every pair is observed and every requirement exercised, or excused with a reason
  1  a pair is neither; an excuse is not needed; a scenario does not come out as it says";

#[derive(Args)]
pub(crate) struct PowerCut {
    /// Ready scenarios or paths of YAML files; without one, every ready scenario whose name begins with `power-cut-`.
    #[arg(value_name = "NAME|FILE")]
    pub(crate) scenarios: Vec<String>,
    /// The seed of the run and of what is drawn.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Where more than 8 unflushed sectors matter, how many choices of what is lost are drawn.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) samples: u32,
    /// At most so many points of a scenario; of more they are spread evenly.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) points: u32,
}

#[derive(Args)]
pub(crate) struct Search {
    /// How many writers the machine has.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=8))]
    pub(crate) writers: u16,
    /// How many volumes it has.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=8))]
    pub(crate) volumes: u16,
    /// How many transactions its application runs meanwhile.
    #[arg(long)]
    pub(crate) transactions: Option<u32>,
    /// Let no writer veto.
    #[arg(long)]
    pub(crate) no_vetoes: bool,
    /// Let the requester never crash.
    #[arg(long)]
    pub(crate) no_crashes: bool,
    /// Stop after so many states.
    #[arg(long, default_value_t = 5_000_000)]
    pub(crate) states: u64,
    /// Plant a defect in the service; repeat for several.
    #[arg(long, value_name = "NAME")]
    pub(crate) defect: Vec<String>,
    /// Follow this path of choices instead, and print the timeline.
    #[arg(long, value_name = "PATH", value_delimiter = ',')]
    pub(crate) replay: Option<Vec<u32>>,
    /// How to print a replay.
    #[command(flatten)]
    pub(crate) output: Output,
}
