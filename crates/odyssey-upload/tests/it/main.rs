//! Requests in, decisions and answers out: a table for each status and each header, and what holds of any request.

mod answers;
mod concatenation;
mod draft;
mod metadata;
mod properties;
mod refusals;
mod support;
mod tus;
