//! What several test files share. Tests stand in `tests/`.

pub mod corpus;
pub mod files;
pub mod ntfs_image;
pub mod samples;
