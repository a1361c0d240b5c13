//! The two documents: recorded ones, broken ones, generated ones, and those that builders make.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "every function here is part of a test")]

mod building;
mod corpus;
mod examined;
mod faults;
mod random;
