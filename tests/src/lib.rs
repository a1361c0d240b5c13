//! What several test files share. Tests stand in `tests/`.

pub mod corpus;
pub mod files;
pub mod histories;
pub mod image_cases;
pub mod image_reader;
pub mod images;
pub mod libvshadow;
pub mod ntfs_image;
pub mod readers;
pub mod samples;
pub mod store_files;
pub mod trace_bombs;
