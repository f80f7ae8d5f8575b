//! Proposals as they go out, decisions as they come in. What is health data has no `Debug`.

use chrono::{DateTime, Utc};
use odyssey_domain::customers::FhirProposal;
use odyssey_matching::fhir::{Change, Decision, Decisions, Line, LineStatus, Note, RejectReason, Verdict};
use odyssey_matching::{Blocked, NotConsidered};
use odyssey_types::{CustomerId, HealthProfile, ProposalId, Sex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::health_dto::{json, without_nulls};
use crate::problem::Problem;

/// What a bundle means for a customer's health profile. Nothing of it is applied.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirProposalDto {
    #[schema(value_type = Uuid)]
    pub id: ProposalId,
    #[schema(value_type = Uuid)]
    pub customer_id: CustomerId,
    /// Version of the profile that `profile` was made from; 0 where there is none yet.
    pub profile_version: i64,
    pub created_at: DateTime<Utc>,
    /// When it was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<DateTime<Utc>>,
    /// When it is deleted; absent while it awaits a decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// A food allergy in it waits for somebody to say what it means; until then nothing is matched.
    pub awaits_decision: bool,
    pub counts: FhirCountsDto,
    /// In the order of the bundle; every resource of the kinds read is in exactly one list.
    pub lines: Vec<FhirLineDto>,
    /// Resources of types that say nothing for a profile.
    pub not_read: Vec<FhirNotReadDto>,
    /// The profile, were every line confirmed as it is.
    #[schema(value_type = HealthProfile)]
    pub profile: Value,
    /// What would keep that profile from being matched.
    pub blocked: Vec<FhirBlockedDto>,
    /// What in it no rule looks at.
    pub not_considered: Vec<FhirNotConsideredDto>,
}

/// How many lines are in each list.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirCountsDto {
    pub mapped: usize,
    pub unmapped: usize,
    pub not_food: usize,
    pub ignored: usize,
    pub unusable: usize,
}

/// What one resource, or one part of an order, was read as.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirLineDto {
    /// Its name within the proposal, for decisions.
    pub id: String,
    /// The resource type; empty where the entry has none.
    pub resource: String,
    /// JSON pointer into the bundle.
    pub pointer: String,
    /// `mapped`, `unmapped`, `not_food`, `ignored` or `unusable`.
    pub status: &'static str,
    /// A stable code: `coded`, `group_only`, `refuted`, …
    pub reason: &'static str,
    /// The reason in words.
    pub sentence: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<FhirCodeDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What confirming it changes; empty where it changes nothing.
    pub proposes: Vec<FhirChangeDto>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<FhirNoteDto>,
    /// What it could be mapped to. Never applied by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggests: Vec<String>,
    /// It blocks matching until somebody decides.
    pub awaits_decision: bool,
}

/// A code as it was sent.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirCodeDto {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// A field of the profile (`birth_date`: of the customer) and what is added to it or set.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirChangeDto {
    pub field: String,
    pub value: Value,
}

/// Something else to know about a line.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirNoteDto {
    pub code: &'static str,
    pub sentence: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(super) struct FhirNotReadDto {
    pub resource: String,
    pub count: usize,
}

/// Why the profile would not be matched.
#[derive(Serialize, ToSchema)]
pub(super) struct FhirBlockedDto {
    pub code: String,
    pub field: String,
    pub value: String,
    pub sentence: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct FhirNotConsideredDto {
    pub field: String,
    pub value: String,
}

impl FhirProposalDto {
    pub(super) fn new(proposal: FhirProposal) -> Result<Self, Problem> {
        let read = proposal.proposal.into_exposed();
        let count = |status| read.count(status);
        Ok(Self {
            id: proposal.id,
            customer_id: proposal.customer_id,
            profile_version: proposal.profile_version,
            created_at: proposal.created_at,
            decided_at: proposal.decided_at,
            expires_at: proposal.expires_at,
            awaits_decision: proposal.awaits_decision,
            counts: FhirCountsDto {
                mapped: count(LineStatus::Mapped),
                unmapped: count(LineStatus::Unmapped),
                not_food: count(LineStatus::NotFood),
                ignored: count(LineStatus::Ignored),
                unusable: count(LineStatus::Unusable),
            },
            not_read: read
                .not_read
                .into_iter()
                .map(|n| FhirNotReadDto { resource: n.resource, count: n.count })
                .collect(),
            lines: read.lines.into_iter().map(FhirLineDto::new).collect::<Result<_, _>>()?,
            profile: without_nulls(json(proposal.profile.expose())?),
            blocked: proposal.blocked.into_exposed().into_iter().map(Into::into).collect(),
            not_considered: proposal.not_considered.into_exposed().into_iter().map(Into::into).collect(),
        })
    }
}

impl FhirLineDto {
    fn new(line: Line) -> Result<Self, Problem> {
        let awaits_decision = line.awaits_decision();
        Ok(Self {
            id: line.id,
            resource: line.resource,
            pointer: line.pointer,
            status: line.status.as_str(),
            reason: line.reason.as_str(),
            sentence: line.reason.sentence(),
            codes: line
                .codes
                .into_iter()
                .map(|c| FhirCodeDto { system: c.system, code: c.code, display: c.display })
                .collect(),
            text: line.text,
            proposes: line.proposes.iter().map(FhirChangeDto::new).collect::<Result<_, _>>()?,
            notes: line.notes.into_iter().map(Into::into).collect(),
            suggests: line.suggests,
            awaits_decision,
        })
    }
}

impl FhirChangeDto {
    fn new(change: &Change) -> Result<Self, Problem> {
        // A change is written as its field and its value.
        let mut written = json(change)?;
        let field = written.get("field").and_then(Value::as_str).unwrap_or_default().to_owned();
        let value = written.get_mut("value").map(Value::take).unwrap_or_default();
        Ok(Self { field, value: without_nulls(value) })
    }
}

impl From<Note> for FhirNoteDto {
    fn from(note: Note) -> Self {
        Self { code: note.as_str(), sentence: note.sentence() }
    }
}

impl From<Blocked> for FhirBlockedDto {
    fn from(blocked: Blocked) -> Self {
        Self { code: blocked.code, field: blocked.field, value: blocked.value, sentence: blocked.sentence }
    }
}

impl From<NotConsidered> for FhirNotConsideredDto {
    fn from(entry: NotConsidered) -> Self {
        Self { field: entry.field, value: entry.value }
    }
}

/// What somebody decides about a proposal.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ApplyFhirProposal {
    /// Ids of the lines to apply as they are; every line when absent. A line about a food that the person must
    /// not eat cannot be left out.
    #[serde(default)]
    pub confirm: Option<Vec<String>>,
    /// At most one for each line.
    #[serde(default)]
    pub decisions: Vec<FhirDecisionDto>,
}

/// A decision about one line.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FhirDecisionDto {
    /// The line's id.
    pub line: String,
    #[schema(inline)]
    pub decision: FhirDecisionKind,
    /// With `map`, for an allergy: allergen codes of ours.
    #[serde(default)]
    pub allergens: Option<Vec<String>>,
    /// With `map`, for a condition or an unmapped diet: the id of a condition template.
    #[serde(default)]
    pub condition: Option<String>,
    /// With `map`, for an unmapped diet: a diet code of ours.
    #[serde(default)]
    pub diet: Option<String>,
    /// With `reject`.
    #[serde(default)]
    #[schema(inline)]
    pub reason: Option<FhirRejectReason>,
    /// With `reject`; required where the reason is `other`. Kept sealed, as long as the proposal.
    #[serde(default)]
    pub note: Option<String>,
    /// With `sex`: which reference the energy formulas use.
    #[serde(default)]
    pub sex: Option<Sex>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FhirDecisionKind {
    Map,
    /// It is an allergy to something that is no food.
    NotFood,
    Reject,
    Sex,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FhirRejectReason {
    NotSo,
    Outgrown,
    EnteredInError,
    OtherPerson,
    Duplicate,
    NotRelevant,
    Other,
}

impl ApplyFhirProposal {
    pub(super) fn into_decisions(self) -> Result<Decisions, Problem> {
        let decisions = self
            .decisions
            .into_iter()
            .enumerate()
            .map(|(at, decision)| decision.into_decision(at))
            .collect::<Result<_, _>>()?;
        Ok(Decisions { confirm: self.confirm, decisions })
    }
}

impl FhirDecisionDto {
    fn into_decision(self, at: usize) -> Result<Decision, Problem> {
        let missing = |field: &str, detail: &str| {
            Err(Problem::invalid(format!("#/decisions/{at}/{field}"), "required", detail))
        };
        let Self { line, decision, allergens, condition, diet, reason, note, sex } = self;
        let verdict = match decision {
            FhirDecisionKind::Map => match (allergens, condition, diet) {
                (Some(allergens), None, None) => Verdict::MapAllergens(allergens),
                (None, Some(condition), None) => Verdict::MapCondition(condition),
                (None, None, Some(diet)) => Verdict::MapDiet(diet),
                _ => {
                    return missing("allergens", "say one of allergens, condition and diet");
                }
            },
            FhirDecisionKind::NotFood => Verdict::NotFood,
            FhirDecisionKind::Reject => match reason {
                Some(reason) => Verdict::Reject { reason: reason.into(), note },
                None => return missing("reason", "say why it is rejected"),
            },
            FhirDecisionKind::Sex => match sex {
                Some(sex) => Verdict::UseSex(sex),
                None => return missing("sex", "say which reference to use"),
            },
        };
        Ok(Decision { line, verdict })
    }
}

impl From<FhirRejectReason> for RejectReason {
    fn from(reason: FhirRejectReason) -> Self {
        match reason {
            FhirRejectReason::NotSo => Self::NotSo,
            FhirRejectReason::Outgrown => Self::Outgrown,
            FhirRejectReason::EnteredInError => Self::EnteredInError,
            FhirRejectReason::OtherPerson => Self::OtherPerson,
            FhirRejectReason::Duplicate => Self::Duplicate,
            FhirRejectReason::NotRelevant => Self::NotRelevant,
            FhirRejectReason::Other => Self::Other,
        }
    }
}
