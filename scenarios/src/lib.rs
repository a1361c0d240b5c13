//! The YAML scenario format, its errors, its schema and the library of ready scenarios.
//!
//! ```text
//! text ──► yaml ──► syntax::Document ──► resolve ──► Scenario ──► stage ──► Plan, Expectations
//!           │                               │
//!           └────────── error::Errors ◄─────┘   file, line, column, excerpt, what was expected, nearest name
//! ```
//!
//! The happy path is [`Scenario::parse`]. It fails with every mistake it could find, never with a panic, and within
//! bounds of time and memory whatever the text.

mod area;
mod calls;
pub mod error;
pub mod expand;
pub mod expectations;
pub mod layout;
pub mod library;
mod on_volumes;
pub mod resolve;
mod restored;
pub mod runs;
pub mod saved;
pub mod scalars;
pub mod schema;
pub mod shown;
pub mod stage;
mod stored;
pub mod syntax;
pub mod words;
pub mod yaml;

pub use error::{ErrorKind, Errors, ScenarioError};
pub use resolve::Scenario;
pub use stage::{Files, NoFiles, Staged, stage};
