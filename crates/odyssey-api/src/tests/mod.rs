//! The frame, tested through the real stack without a socket and without a database.

mod contract;
mod house;
mod log_line;
mod probe;
mod requests;
