//! Every business area of Odyssey and every query.
//!
//! Owns: all tables. Promises: no HTTP and no status code in here; vendor work takes a [`db::VendorTx`]
//! first; what discloses or changes anything is audited in the same transaction. Never: axum.

pub mod audit;
pub mod catalog;
pub mod customers;
pub mod db;
pub mod differences;
pub mod exports;
pub mod field;
pub mod ingestion;
pub mod jobs;
mod json;
pub mod matching;
pub mod outbox;
mod parts;
pub mod quality;
pub mod queues;
pub mod retention;
pub mod rules;
pub mod security;
pub mod taxonomy;
pub mod tenancy;
