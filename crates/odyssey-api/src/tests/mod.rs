//! The frame, tested through the real stack without a socket; `with_database` on a real PostgreSQL, the
//! rest without any.

mod contract;
mod house;
mod log_line;
mod probe;
mod requests;
mod with_database;
