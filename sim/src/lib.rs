//! sim

pub mod storage;
