//! Verdicts as they go out.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use odyssey_domain::matching::{MatchedProduct, Matches, Provenance};
use odyssey_matching::{
    Blocked, FunnelStep, InteractionCheck, NotConsidered, Notice, Reason, RuleRef, ScorePart, SmallestChange,
    Verdict,
};
use odyssey_types::{AllergenData, AuditEventId, ReceiptId};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::evidence::{EvidenceDto, StatedBy};
use crate::catalog::ProductDto;

/// The products that suit one customer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchListDto {
    /// `fits` and `fits_with_caution`, best first.
    pub items: Vec<MatchDto>,
    /// Products of which a needed fact is not stated; only when asked for with `include=cannot_verify`.
    pub cannot_verify: Vec<MatchDto>,
    /// Products that passed the filters and were judged: the whole catalog without filters.
    pub considered: u64,
    /// All that fit, listed or not.
    pub fits_total: u64,
    pub cannot_verify_total: u64,
    /// Better products that a diverse list passed over; 0 without `diversify`.
    pub passed_over: u64,
    /// What removed the others, gate by gate.
    pub funnel: Vec<FunnelStepDto>,
    /// The gate that alone removes most; never about an allergy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding_constraint: Option<BindingDto>,
    /// Why nothing is ranked for this profile at all; empty when it is.
    pub blocked: Vec<BlockedDto>,
    /// On record, but looked at by no rule.
    pub not_considered: Vec<NotConsideredDto>,
    /// Contradictions of the profile, what is not on record, and advice that concerns every product.
    pub notices: Vec<NoticeDto>,
    /// The known interactions that were checked for the drugs on record; there may be others.
    pub interactions_checked: Vec<InteractionCheckDto>,
    /// Parts of the score that the health profile gives; 0 when it says too little.
    pub health_score_terms: usize,
    /// Where one was asked for with `receipt=true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Uuid>)]
    pub receipt_id: Option<ReceiptId>,
    pub provenance: ProvenanceDto,
}

/// One product and the verdict on it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MatchDto {
    pub product: ProductDto,
    #[serde(flatten)]
    pub verdict: VerdictDto,
}

/// A verdict with its reasons.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct VerdictDto {
    /// `fits`, `fits_with_caution`, `cannot_verify` or `conflict`.
    #[schema(value_type = String)]
    pub verdict: Value,
    /// `1`, `2`, `3` or `X`.
    #[schema(value_type = String)]
    pub tier: Value,
    /// 0 to 1000.
    pub score_permille: u16,
    /// How much of the score rests on known facts, 0 to 1000.
    pub confidence_permille: u16,
    pub parts: Vec<ScorePartDto>,
    /// Worst first.
    pub reasons: Vec<ReasonDto>,
    /// One paragraph for people.
    pub summary: String,
}

/// A code, its parameters, and the sentence they make.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReasonDto {
    pub code: String,
    /// What the gate is about: an allergen, a diet, `htn sodium_mg`.
    pub subject: String,
    /// `warn`, `caution`, `unverified` or `exclude`.
    #[schema(value_type = String)]
    pub action: Value,
    #[schema(value_type = Object)]
    pub params: BTreeMap<&'static str, String>,
    pub sentence: String,
    pub evidence: Vec<EvidenceDto>,
    pub source: SourceDto,
}

/// The rule behind a figure: its id, version and citation.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourceDto {
    pub rule: String,
    pub version: String,
    pub citation: String,
    /// `sourced`, `unreviewed` or `policy`.
    #[schema(value_type = String)]
    pub status: Value,
}

/// One part of the score.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScorePartDto {
    pub code: String,
    pub weight_milli: u32,
    pub sub_score: u16,
    /// False: a needed amount is not stated, so the part scores 0 with its weight kept.
    pub known: bool,
    #[schema(value_type = Object)]
    pub params: BTreeMap<&'static str, String>,
    pub source: SourceDto,
}

/// How many products one cause of one gate removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FunnelStepDto {
    pub code: String,
    pub subject: String,
    /// Of those no earlier step removed; these add up.
    pub first: u64,
    /// Of all considered.
    pub total: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BindingDto {
    pub subject: String,
    pub freed: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BlockedDto {
    pub code: String,
    pub field: String,
    pub value: String,
    pub sentence: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotConsideredDto {
    pub field: String,
    pub value: String,
}

/// Something to know beside the whole answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticeDto {
    /// `DQ_PROFILE_EMPTY` (nothing is on record that could rule a product out: nothing was looked at),
    /// `DQ_ALLERGIES_UNRECORDED` (no allergy is on record, nor that there is none), `DQ_PROFILE_CONFLICT`,
    /// `DQ_CODE_DISPLAY_MISMATCH`, `WN_DRUG_TIMING`, …
    pub code: String,
    /// The field of the profile that it is about; `profile` where it is about all of it.
    pub field: String,
    /// What stands there; empty where nothing does.
    pub value: String,
    pub sentence: String,
    pub source: SourceDto,
}

/// A known interaction of a drug on record with food.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InteractionCheckDto {
    /// Id of the interaction in the rules: `gfj_statin`.
    pub interaction: String,
    pub drug: String,
}

impl From<Notice> for NoticeDto {
    fn from(notice: Notice) -> Self {
        let Notice { code, field, value, sentence, source } = notice;
        Self { code, field, value, sentence, source: source.into() }
    }
}

pub(super) fn checked_dtos(checks: Vec<InteractionCheck>) -> Vec<InteractionCheckDto> {
    checks
        .into_iter()
        .map(|InteractionCheck { interaction, drug }| InteractionCheckDto { interaction, drug })
        .collect()
}

/// The one thing that would make the product fit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SmallestChangeDto {
    pub code: &'static str,
    #[schema(value_type = Object)]
    pub params: BTreeMap<&'static str, String>,
    pub sentence: String,
}

/// Everything the answer depends on, by version.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProvenanceDto {
    /// The id of this answer, under which the audit trail has it.
    #[schema(value_type = Uuid)]
    pub answer_id: AuditEventId,
    pub policy_digest: String,
    pub catalog_version: i64,
    pub profile_version: i64,
    pub lists_version: i64,
    pub consent_version: i64,
    pub algorithm_version: &'static str,
    pub rule_pack: String,
    pub rule_pack_version: String,
    /// Of the rule pack with the vendor's own rules: equal exactly when the rules are.
    pub pack_digest: String,
    /// The day the answer is for.
    pub as_of: NaiveDate,
}

impl From<Matches> for MatchListDto {
    fn from(matches: Matches) -> Self {
        Self {
            items: matches.fits.into_iter().map(MatchDto::from).collect(),
            cannot_verify: matches.cannot_verify.into_iter().map(MatchDto::from).collect(),
            considered: matches.considered,
            fits_total: matches.fits_total,
            cannot_verify_total: matches.cannot_verify_total,
            passed_over: matches.passed_over,
            funnel: matches.funnel.into_iter().map(FunnelStepDto::from).collect(),
            binding_constraint: matches.binding.map(|b| BindingDto { subject: b.subject, freed: b.freed }),
            blocked: matches.blocked.into_iter().map(BlockedDto::from).collect(),
            not_considered: matches.not_considered.into_iter().map(NotConsideredDto::from).collect(),
            notices: matches.notices.into_iter().map(NoticeDto::from).collect(),
            interactions_checked: checked_dtos(matches.interactions_checked),
            health_score_terms: matches.health_score_terms,
            receipt_id: matches.receipt_id,
            provenance: matches.provenance.into(),
        }
    }
}

impl From<MatchedProduct> for MatchDto {
    fn from(matched: MatchedProduct) -> Self {
        let (as_of, attested) = (
            matched.product.fields.label_as_of,
            matched.product.fields.allergen_data == AllergenData::Complete,
        );
        let mut verdict = VerdictDto::from(matched.verdict);
        for evidence in verdict.reasons.iter_mut().flat_map(|reason| &mut reason.evidence) {
            evidence.as_of = as_of;
            if attested && evidence.stated_by == StatedBy::Vendor {
                evidence.stated_by = StatedBy::Attested;
            }
        }
        Self { product: matched.product.into(), verdict }
    }
}

impl From<Verdict> for VerdictDto {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict: text(&verdict.verdict),
            tier: text(&verdict.tier),
            score_permille: verdict.score_permille,
            confidence_permille: verdict.confidence_permille,
            parts: verdict.parts.into_iter().map(ScorePartDto::from).collect(),
            reasons: verdict.reasons.into_iter().map(ReasonDto::from).collect(),
            summary: verdict.summary,
        }
    }
}

impl From<Reason> for ReasonDto {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code,
            subject: reason.subject,
            action: text(&reason.action),
            params: reason.params,
            sentence: reason.sentence,
            evidence: reason.evidence.into_iter().map(EvidenceDto::from).collect(),
            source: reason.source.into(),
        }
    }
}

impl From<RuleRef> for SourceDto {
    fn from(rule: RuleRef) -> Self {
        Self { rule: rule.rule, version: rule.version, citation: rule.citation, status: text(&rule.status) }
    }
}

impl From<ScorePart> for ScorePartDto {
    fn from(part: ScorePart) -> Self {
        Self {
            code: part.code,
            weight_milli: part.weight_milli,
            sub_score: part.sub_score,
            known: part.known,
            params: part.params,
            source: part.source.into(),
        }
    }
}

impl From<FunnelStep> for FunnelStepDto {
    fn from(step: FunnelStep) -> Self {
        Self { code: step.code, subject: step.subject, first: step.first, total: step.total }
    }
}

impl From<Blocked> for BlockedDto {
    fn from(blocked: Blocked) -> Self {
        Self { code: blocked.code, field: blocked.field, value: blocked.value, sentence: blocked.sentence }
    }
}

impl From<NotConsidered> for NotConsideredDto {
    fn from(entry: NotConsidered) -> Self {
        Self { field: entry.field, value: entry.value }
    }
}

impl From<SmallestChange> for SmallestChangeDto {
    fn from(change: SmallestChange) -> Self {
        Self { code: change.code, params: change.params, sentence: change.sentence }
    }
}

impl From<Provenance> for ProvenanceDto {
    fn from(provenance: Provenance) -> Self {
        Self {
            answer_id: provenance.answer_id,
            policy_digest: provenance.policy_digest,
            catalog_version: provenance.catalog_version,
            profile_version: provenance.profile_version,
            lists_version: provenance.lists_version,
            consent_version: provenance.consent_version,
            algorithm_version: provenance.algorithm_version,
            rule_pack: provenance.rule_pack,
            rule_pack_version: provenance.rule_pack_version,
            pack_digest: provenance.pack_digest,
            as_of: provenance.as_of,
        }
    }
}

/// A closed enum of the engine under its own stable name.
pub(super) fn text(code: &impl Serialize) -> Value {
    // Unit variants always have a JSON form.
    serde_json::to_value(code).unwrap_or_default()
}
