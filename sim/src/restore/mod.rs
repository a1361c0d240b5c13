//! The requester's side of a restore: which files go where, and putting them there.
//!
//! ```text
//!  store ──► document ──► InitializeForRestore … PreRestore ──► document as writers changed it
//!    └──► files of each component set ──► rules::decide ──► bytes on the volume, or staged for the next start
//! ```

mod files;
mod machine;
mod requester;
pub mod rules;
#[cfg(test)]
mod rules_tests;

pub use machine::Restores;
