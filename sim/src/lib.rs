//! The simulator of the Volume Shadow Copy Service: a discrete-event simulation of the whole protocol.
//!
//! ```text
//!   Plan ──► World ── next event ──► service | actor | kernel | application
//!              ▲                          │ effects, in order
//!              └── queue ◄────────────────┘──► records ──► trace
//! ```
//!
//! A [`world::World`] is a value: it can be cloned, hashed and compared. Everything that is not determined is asked of
//! [`choices::Choices`]. Nothing here reads a clock, a file or the environment.

pub mod actor;
pub mod application;
pub mod backup_set;
pub mod backup_store;
pub mod choices;
pub mod content;
mod copying;
pub mod database;
pub mod disk_format;
mod effects;
mod examine;
pub mod fixture;
mod identity;
pub mod image;
pub mod injection;
pub mod invariant;
pub mod kernel;
mod losses;
pub mod message;
mod metadata;
pub mod ntfs;
pub mod plan;
mod processes;
mod proof;
pub mod queue;
mod reboot;
pub mod record;
mod restarts;
pub mod restore;
mod reverting;
pub mod run;
pub mod search;
pub mod service;
pub mod slots;
pub mod storage;
pub mod unhashed;
pub mod world;
