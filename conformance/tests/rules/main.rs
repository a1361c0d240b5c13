//! The rules, by hand-written runs.

mod catalogue;
mod documents;
mod recorded;
mod restores;
mod scope;
mod support;
mod table;
