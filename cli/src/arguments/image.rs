//! The arguments of `vssim image`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use vssim_sim::image::NeverCopied;

#[derive(Args)]
pub(crate) struct Image {
    /// What to do with it.
    #[command(subcommand)]
    pub(crate) command: ImageCommand,
}

#[derive(Subcommand)]
pub(crate) enum ImageCommand {
    /// List the volumes of an image and their shadow copies.
    Info(Info),
    /// Hold every structure of the shadow copies against the format.
    Verify(Verify),
    /// Print the SHA-256 of what each shadow copy shows.
    Hash(Hash),
    /// Write what a shadow copy shows into a file: a raw image of the volume as it was.
    Extract(Extract),
    /// List where two shadow copies of a volume differ, or a copy and the live volume.
    Diff(Diff),
}

/// Where the shadow copies are.
#[derive(Args)]
pub(crate) struct Source {
    /// The image of a disk or of a volume: raw, qcow2, VHD or VHDX.
    #[arg(value_name = "IMAGE")]
    pub(crate) image: PathBuf,
    /// Another image, with the volume on which the diff area lies; repeat for several.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) diff_area: Vec<PathBuf>,
    /// Which volume of the image, by the number that `info` shows.
    #[arg(long, value_name = "N")]
    pub(crate) volume: Option<u32>,
}

/// How the bytes of a shadow copy are read.
#[derive(Args)]
pub(crate) struct Reading {
    /// What the newest copy shows of blocks that were not in use and never copied.
    #[arg(long, value_enum, default_value_t = Rule::Live, value_name = "RULE")]
    pub(crate) never_copied: Rule,
}

/// What a copy shows of blocks that were never copied.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rule {
    /// What the live volume holds there now.
    Live,
    /// Zeros, as libvshadow gives them.
    Zeros,
}

impl From<Rule> for NeverCopied {
    fn from(rule: Rule) -> NeverCopied {
        match rule {
            Rule::Live => NeverCopied::Live,
            Rule::Zeros => NeverCopied::Zeros,
        }
    }
}

/// The form of a result.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageFormat {
    /// For people.
    Text,
    /// For programs: one JSON document.
    Json,
}

/// The live volume, or a shadow copy by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The volume as it is.
    Live,
    /// Copy number n, from 1 on, the oldest first.
    Copy(usize),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Which, String> {
        match text.parse() {
            _ if text == "live" => Ok(Which::Live),
            Ok(number) if number > 0 => Ok(Which::Copy(number)),
            _ => Err("expected `live` or the number of a shadow copy, from 1 on, the oldest first".to_owned()),
        }
    }
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Which::Live => f.write_str("live"),
            Which::Copy(number) => write!(f, "copy {number}"),
        }
    }
}

#[derive(Args)]
pub(crate) struct Info {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The form of the result.
    #[arg(long, value_enum, default_value_t = ImageFormat::Text)]
    pub(crate) format: ImageFormat,
}

#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The form of the result.
    #[arg(long, value_enum, default_value_t = ImageFormat::Text)]
    pub(crate) format: ImageFormat,
}

#[derive(Args)]
pub(crate) struct Hash {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Only this one: the number of a copy, or `live`; repeat for several. Without it, every copy.
    #[arg(long, value_name = "N|live")]
    pub(crate) copy: Vec<Which>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The form of the result.
    #[arg(long, value_enum, default_value_t = ImageFormat::Text)]
    pub(crate) format: ImageFormat,
}

#[derive(Args)]
pub(crate) struct Extract {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Which: the number of a copy, or `live`.
    #[arg(long, value_name = "N|live")]
    pub(crate) copy: Which,
    /// The file to write.
    #[arg(value_name = "OUT")]
    pub(crate) out: PathBuf,
    /// Replace the file if it is there.
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) reading: Reading,
}

#[derive(Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The one: the number of a copy, or `live`.
    #[arg(value_name = "A")]
    pub(crate) a: Which,
    /// The other.
    #[arg(value_name = "B")]
    pub(crate) b: Which,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// The form of the result.
    #[arg(long, value_enum, default_value_t = ImageFormat::Text)]
    pub(crate) format: ImageFormat,
}
