//! `vssim image`: the shadow copies in images of disks and volumes.
//!
//! ```text
//!  IMAGE ─► file ─► container ─► partitions ─► volume ┬─► shadow copies ─► what a copy shows
//!  --diff-area IMAGE ─► … ─► volume with the diff area ┘
//! ```

mod diff;
mod extract;
mod hash;
mod info;
mod opened;
mod verify;
mod walk;
mod words;

use serde::Serialize;

use crate::arguments::image::{Image, ImageCommand, ImageFormat};
use crate::{BadInput, Ended, terminal};

/// Does what is asked of an image.
pub(crate) fn image(arguments: &Image) -> Result<Ended, BadInput> {
    match &arguments.command {
        ImageCommand::Info(info) => info::info(info),
        ImageCommand::Verify(verify) => verify::verify(verify),
        ImageCommand::Hash(hash) => hash::hash(hash),
        ImageCommand::Extract(extract) => extract::extract(extract),
        ImageCommand::Diff(diff) => diff::diff(diff),
    }
}

/// Prints a result in the form asked for.
fn show(format: ImageFormat, document: &impl Serialize, text: impl FnOnce() -> String) {
    match format {
        ImageFormat::Json => terminal::print(&serde_json::to_string_pretty(document).unwrap_or_default()),
        ImageFormat::Text => terminal::print(&text()),
    }
}
