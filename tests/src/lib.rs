//! What several test files share. Tests stand in `tests/`.

pub mod corpus;
pub mod files;
pub mod histories;
pub mod images;
pub mod libvshadow;
pub mod samples;
