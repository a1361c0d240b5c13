//! sim

pub mod database;
pub mod storage;
