//! What an audit event says.

use odyssey_types::CustomerId;

use crate::tenancy::Purpose;

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Allowed,
    /// The caller was known and may not.
    Refused,
    /// A sign-in with a wrong password.
    Failed,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// An act to be recorded. Details are codes, counts and ids: nothing personal fits through `detail`
/// other than by intent.
#[derive(Debug, Clone)]
pub struct AuditEvent {
    pub action: &'static str,
    pub entity_kind: &'static str,
    pub entity_id: Option<String>,
    pub purpose: Purpose,
    pub reason: Option<String>,
    pub count: i64,
    pub outcome: Outcome,
    pub details: serde_json::Map<String, serde_json::Value>,
    /// The people whose data the answer shows.
    pub subjects: Vec<CustomerId>,
}

impl AuditEvent {
    pub fn new(action: &'static str, entity_kind: &'static str, purpose: Purpose) -> Self {
        Self {
            action,
            entity_kind,
            entity_id: None,
            purpose,
            reason: None,
            count: 1,
            outcome: Outcome::Allowed,
            details: serde_json::Map::new(),
            subjects: Vec::new(),
        }
    }

    pub fn entity(mut self, id: impl std::fmt::Display) -> Self {
        self.entity_id = Some(id.to_string());
        self
    }

    pub const fn count(mut self, count: i64) -> Self {
        self.count = count;
        self
    }

    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Why, in a person's words.
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// One person whose data is shown.
    pub fn discloses(mut self, customer_id: CustomerId) -> Self {
        self.subjects.push(customer_id);
        self
    }

    /// Many people whose data is shown.
    pub fn discloses_all(mut self, customers: impl IntoIterator<Item = CustomerId>) -> Self {
        self.subjects.extend(customers);
        self
    }

    /// A code, a count or an id.
    pub fn detail(mut self, name: &'static str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}
