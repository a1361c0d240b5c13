//! The rules, by hand-written runs.

mod catalogue;
mod scope;
mod support;
mod table;
