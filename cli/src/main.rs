//! vssim
fn main() {}
