//! The rules, by hand-written runs.

mod catalogue;
mod documents;
mod recorded;
mod restores;
mod scope;
mod sessions;
mod support;
mod table;
