//! Files in, typed rows out: quirks one by one, real files whole, and properties on generated ones.

mod archives;
mod detection;
mod exports;
mod json_lines;
mod json_lists;
mod mapping;
mod preset_files;
mod presets;
mod properties;
mod real_files;
mod rows;
mod stopping;
mod support;
mod synthea;
mod vocabulary;
mod workbooks;
