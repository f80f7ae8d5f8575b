//! The `odyssey` binary.
fn main() {}
