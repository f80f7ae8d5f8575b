//! How good the catalog's data is, and what to mend first.
//!
//! Owns: `quality_summaries`, `label_rule_sets`, `label_rule_runs`; reads `product_facts`, which the
//! catalog writes. Promises: a summary says of which catalog version it is, and one that is behind is
//! counted anew; a rule that a product does not state has failed, not passed; nothing here holds personal
//! data. Emits: nothing. Never: changes a product or a fact.

mod error;
mod issues;
mod judge_store;
mod rule_sets;
mod run;
mod store;
mod summary;

pub use error::QualityError;
pub use issues::{Issue, ProductQuality, QualityQuery, list_products, product_quality};
pub use rule_sets::{
    Owner, RULE_SETS_MAX, RuleSetView, delete_rule_set, get_rule_set, list_rule_sets, put_rule_set,
};
pub use run::{RuleRun, RuleVerdict, RunLabelRules, run_label_rules, start_run};
pub use summary::{
    Coverage, IssueCount, SeverityCount, SummarizeQuality, Summary, enqueue_summary, refresh_summary, summary,
};
