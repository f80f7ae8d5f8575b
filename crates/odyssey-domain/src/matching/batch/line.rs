//! A line of the file: one customer and the answer.

use odyssey_matching::{ALGORITHM_VERSION, Blocked, FunnelStep, Notice, Policy, Ranked, Verdict};
use odyssey_types::{AuditEventId, CustomerId, Phi, ProductId};
use serde::{Deserialize, Serialize};

use super::MatchedRow;
use crate::db::DbError;

/// How a customer was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Ok,
    /// The profile cannot be ranked; `blocked` says why.
    ProfileUnsafe,
    ConsentMissing,
    NotFound,
}

/// One product of a list.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    rank: usize,
    product_id: ProductId,
    external_id: String,
    name: Option<String>,
    verdict: odyssey_matching::VerdictKind,
    score_permille: u16,
    confidence_permille: u16,
    reason_codes: Vec<String>,
}

impl Item {
    pub fn new(rank: usize, external_id: &str, name: Option<&str>, verdict: Verdict) -> Self {
        Self {
            rank,
            product_id: verdict.product_id,
            external_id: external_id.to_owned(),
            name: name.map(str::to_owned),
            verdict: verdict.verdict,
            score_permille: verdict.score_permille,
            confidence_permille: verdict.confidence_permille,
            reason_codes: verdict.reasons.into_iter().map(|reason| reason.code).collect(),
        }
    }
}

/// The answer of a customer who consents.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    answer_id: AuditEventId,
    considered: u64,
    fits_total: u64,
    items: Vec<Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cannot_verify: Option<Vec<Item>>,
    funnel: Vec<FunnelStep>,
    blocked: Vec<Blocked>,
    notices: Vec<Notice>,
    policy_digest: String,
    catalog_version: i64,
    algorithm_version: &'static str,
}

impl Answer {
    pub fn new(
        answer_id: AuditEventId,
        catalog_version: i64,
        policy: &Policy,
        ranked: Ranked,
        items: Vec<Item>,
        cannot_verify: Option<Vec<Item>>,
    ) -> Self {
        Self {
            answer_id,
            considered: ranked.considered,
            fits_total: ranked.fits_total,
            items,
            cannot_verify,
            funnel: ranked.funnel,
            blocked: policy.blocked.clone(),
            notices: policy.notices.clone(),
            policy_digest: policy.digest(),
            catalog_version,
            algorithm_version: ALGORITHM_VERSION,
        }
    }

    /// A row for each product that suits.
    pub fn into_rows(
        self,
        customer_id: CustomerId,
        external_id: &Phi<String>,
    ) -> impl Iterator<Item = MatchedRow> {
        let Self { items, notices, catalog_version, policy_digest, .. } = self;
        let notice_codes: Vec<String> = notices.into_iter().map(|notice| notice.code).collect();
        items.into_iter().map(move |item| MatchedRow {
            customer_id,
            customer_external_id: external_id.clone(),
            rank: item.rank,
            product_id: item.product_id,
            product_external_id: item.external_id,
            verdict: word_of(item.verdict),
            score_permille: item.score_permille,
            confidence_permille: item.confidence_permille,
            reason_codes: item.reason_codes,
            notice_codes: notice_codes.clone(),
            catalog_version,
            policy_digest: policy_digest.clone(),
        })
    }

    pub fn status(&self) -> Status {
        if self.blocked.is_empty() { Status::Ok } else { Status::ProfileUnsafe }
    }
}

/// A line of the file. One without an answer names nobody: not the vendor's name for the person either, who may have
/// been erased.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    customer_id: CustomerId,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    status: Status,
    #[serde(flatten)]
    answer: Option<Answer>,
}

impl<'a> Line<'a> {
    pub fn answered(customer_id: CustomerId, external_id: &'a str, answer: Answer) -> Self {
        Self { customer_id, external_id: Some(external_id), status: answer.status(), answer: Some(answer) }
    }

    pub fn without(customer_id: CustomerId, status: Status) -> Self {
        Self { customer_id, external_id: None, status, answer: None }
    }

    pub fn keep(&self) -> Result<KeptLine, DbError> {
        let text = serde_json::to_string(self)
            .map_err(|error| DbError::inconsistent(format!("a line cannot be written: {error}")))?;
        Ok(KeptLine { customer_id: self.customer_id, is_answer: self.answer.is_some(), text })
    }
}

/// A line as a part keeps it, sealed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptLine {
    pub customer_id: CustomerId,
    /// Whether it says anything about the person; such a line leaves only while they consent.
    pub is_answer: bool,
    pub text: String,
}

const fn word_of(verdict: odyssey_matching::VerdictKind) -> &'static str {
    use odyssey_matching::VerdictKind as V;
    match verdict {
        V::Fits => "fits",
        V::FitsWithCaution => "fits_with_caution",
        V::CannotVerify => "cannot_verify",
        V::Conflict => "conflict",
    }
}
