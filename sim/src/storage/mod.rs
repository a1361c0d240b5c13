//! storage

pub mod block_store;
pub mod words;
