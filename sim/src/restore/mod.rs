//! The requester's side of a restore: which files go where, and putting them there.

pub mod rules;
#[cfg(test)]
mod rules_tests;
