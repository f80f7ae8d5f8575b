//! The one integration binary: real PostgreSQL, the real router.

#![recursion_limit = "512"]

mod catalog;
mod contract;
mod customers;
mod db;
mod exports;
mod faults;
mod ingestion;
mod matching;
mod quality;
mod queues;
mod real_catalog;
mod retention;
mod rules;
mod taxonomy;
