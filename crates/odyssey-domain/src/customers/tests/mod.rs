//! Customers without a database: what is decided, sealed and opened.

mod consents;
mod fixture;
mod profiles;
mod refusals;
mod sealing;
