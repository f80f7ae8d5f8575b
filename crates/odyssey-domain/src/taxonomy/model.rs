//! Nodes and synonyms, and what may be written of them.

use chrono::{DateTime, Utc};
use odyssey_matching::label::{EXTRA_TERMS_MAX, ExtraTerm};
use odyssey_matching::{EvidenceKey, Role};
use odyssey_tabular::{Mode, Target, Treatment, normal_header, value_target};
use uuid::Uuid;

use super::TaxonomyError;
use crate::field::FieldError;

/// Nodes of one kind that the platform, or a vendor, may have of its own.
pub const NODES_MAX: i64 = 5_000;
/// Synonyms of one kind, likewise.
pub const SYNONYMS_MAX: i64 = 5_000;
/// Synonyms of allergens, likewise: the platform's and a vendor's together fit into one set of tables.
pub const EVIDENCE_SYNONYMS_MAX: i64 = (EXTRA_TERMS_MAX / 2) as i64;
/// Nodes from a leaf to its root, both counted.
pub const DEPTH_MAX: usize = 12;
/// Characters of a code, a domain, a synonym or a target.
pub const CODE_CHARS_MAX: usize = 120;
/// Characters of a label.
pub const LABEL_CHARS_MAX: usize = 200;
/// The domain of value synonyms that are evidence of allergens and classes.
pub const EVIDENCE_DOMAIN: &str = "allergens";

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == code)
            }
        }
    };
}

codes! {
    /// Which tree.
    TaxonomyKind {
        Category = "category",
        Tag = "tag",
        Allergen = "allergen",
        Cuisine = "cuisine",
        Certification = "certification",
        Condition = "condition",
        Diet = "diet",
    }
}

codes! {
    /// What a synonym stands for: a column of a file, a value of a field, a word of a search.
    SynonymKind {
        Header = "header",
        Value = "value",
        Search = "search",
    }
}

codes! {
    /// How surely a word names an allergen.
    Certainty {
        Definite = "definite",
        Likely = "likely",
    }
}

/// The code of a meal role, as it is stored and spoken of.
pub(super) const fn role_code(role: Role) -> &'static str {
    match role {
        Role::Snack => "snack",
        Role::MainDish => "main_dish",
        Role::Meal => "meal",
    }
}

pub(super) fn parse_role(code: &str) -> Option<Role> {
    [Role::Snack, Role::MainDish, Role::Meal].into_iter().find(|role| role_code(*role) == code)
}

/// Whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Platform,
    Vendor,
}

impl Owner {
    pub(super) fn of(vendor_id: Uuid) -> Self {
        if vendor_id.is_nil() { Self::Platform } else { Self::Vendor }
    }
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub owner: Owner,
    /// A row of the platform has this code too, and is not seen.
    pub overrides: bool,
    pub kind: TaxonomyKind,
    pub code: String,
    pub label: String,
    pub parent_code: Option<String>,
    /// Of categories alone: how much of a meal their products are; `None` is as the node above says.
    pub meal_role: Option<Role>,
    pub active: bool,
    pub row_version: i64,
    pub updated_at: DateTime<Utc>,
}

/// A node to be written.
#[derive(Debug, Clone)]
pub struct NodeWrite {
    pub kind: TaxonomyKind,
    pub code: String,
    pub label: String,
    pub parent_code: Option<String>,
    pub meal_role: Option<Role>,
    pub active: bool,
}

/// Which nodes, in the order of their codes.
#[derive(Debug, Clone)]
pub struct NodeQuery {
    pub kind: TaxonomyKind,
    pub parent: Option<String>,
    pub active: Option<bool>,
    /// Only codes behind this one.
    pub after: Option<String>,
    pub limit: u32,
}

/// A word that stands for something of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    pub id: Uuid,
    pub owner: Owner,
    /// A row of the platform has the same kind, domain and synonym, and is not seen.
    pub overrides: bool,
    pub kind: SynonymKind,
    pub domain: String,
    pub synonym: String,
    pub target: String,
    pub transform: Option<String>,
    /// Of synonyms of allergens alone.
    pub certainty: Option<Certainty>,
    pub row_version: i64,
    pub updated_at: DateTime<Utc>,
}

impl Synonym {
    /// Whether it is evidence, so that facts change with it.
    pub fn is_evidence(&self) -> bool {
        is_evidence(self.kind, &self.domain)
    }
}

pub(super) fn is_evidence(kind: SynonymKind, domain: &str) -> bool {
    kind == SynonymKind::Value && domain == EVIDENCE_DOMAIN
}

/// A synonym to be written.
#[derive(Debug, Clone)]
pub struct SynonymWrite {
    pub kind: SynonymKind,
    pub domain: String,
    pub synonym: String,
    pub target: String,
    pub transform: Option<String>,
    pub certainty: Option<Certainty>,
}

/// Which synonyms, in the order of domain and synonym.
#[derive(Debug, Clone)]
pub struct SynonymQuery {
    pub kind: SynonymKind,
    pub domain: Option<String>,
    /// Only those behind this domain and synonym.
    pub after: Option<(String, String)>,
    pub limit: u32,
}

fn text(pointer: &'static str, value: &str, most: usize) -> Result<(), TaxonomyError> {
    let good = !value.is_empty()
        && value.trim() == value
        && value.chars().count() <= most
        && !value.chars().any(|c| c.is_control());
    if good {
        return Ok(());
    }
    let detail = format!("has 1 to {most} characters, no control characters, and no space at either end");
    Err(TaxonomyError::Invalid(FieldError::new(pointer, "invalid", detail)))
}

impl NodeWrite {
    pub(super) fn check(&self) -> Result<(), TaxonomyError> {
        text("/code", &self.code, CODE_CHARS_MAX)?;
        if self.code.contains('/') {
            let detail = "a code is part of an address and has no slash; use a hyphen or a dot";
            return Err(TaxonomyError::Invalid(FieldError::new("/code", "invalid", detail)));
        }
        text("/label", &self.label, LABEL_CHARS_MAX)?;
        if self.meal_role.is_some() && self.kind != TaxonomyKind::Category {
            let detail = "only a category has a meal role; leave it out";
            return Err(TaxonomyError::Invalid(FieldError::new("/meal_role", "invalid", detail)));
        }
        self.parent_code.as_deref().map_or(Ok(()), |parent| text("/parent_code", parent, CODE_CHARS_MAX))
    }
}

impl SynonymWrite {
    pub(super) fn check(&self) -> Result<(), TaxonomyError> {
        let invalid = |pointer: &'static str, code: &'static str, detail: String| {
            Err(TaxonomyError::Invalid(FieldError::new(pointer, code, detail)))
        };
        text("/domain", &self.domain, CODE_CHARS_MAX)?;
        text("/synonym", &self.synonym, CODE_CHARS_MAX)?;
        text("/target", &self.target, CODE_CHARS_MAX)?;
        match self.kind {
            SynonymKind::Header => self.check_header()?,
            SynonymKind::Value => self.check_domain()?,
            SynonymKind::Search => {}
        }
        if let Some(transform) = &self.transform {
            text("/transform", transform, CODE_CHARS_MAX)?;
            if self.kind != SynonymKind::Header {
                return invalid("/transform", "invalid", "only a header has a transform".to_owned());
            }
        }
        if self.kind == SynonymKind::Search && self.synonym.split_whitespace().count() != 1 {
            return invalid(
                "/synonym",
                "invalid",
                "of a search it is one word; its target may be several".to_owned(),
            );
        }
        if !is_evidence(self.kind, &self.domain) {
            return match self.certainty {
                Some(_) => invalid(
                    "/certainty",
                    "invalid",
                    format!("only value synonyms of the domain `{EVIDENCE_DOMAIN}` are more or less sure"),
                ),
                None => Ok(()),
            };
        }
        let Some(term) = term_of(&self.synonym, &self.target, self.certainty) else {
            return invalid(
                "/target",
                "code_unknown",
                "is the code of an allergen or of a class of ingredients that labels are read for: `milk`, \
                 `tree_nut.almond`, `class.alcohol`"
                    .to_owned(),
            );
        };
        match term.check() {
            Ok(()) => Ok(()),
            Err(problem) => invalid("/synonym", "invalid", problem.to_string()),
        }
    }
}

impl SynonymWrite {
    /// A header stands for a field of the files it is met in, with a transform of the closed list.
    fn check_header(&self) -> Result<(), TaxonomyError> {
        let invalid = |pointer: &'static str, detail: String| {
            Err(TaxonomyError::Invalid(FieldError::new(pointer, "invalid", detail)))
        };
        let Some(mode) = [Mode::Products, Mode::Customers].into_iter().find(|m| m.as_str() == self.domain)
        else {
            return invalid(
                "/domain",
                "of a header it is what the file holds: `products` or `customers`".into(),
            );
        };
        if normal_header(&self.synonym).is_empty() {
            return invalid("/synonym", "a header has a letter or a digit".into());
        }
        let Some(target) = Target::from_code(&self.target).filter(|target| target.belongs_to(mode)) else {
            let detail = format!("of a header it is a field of {}: `external_id`, `status`, …", self.domain);
            return invalid("/target", detail);
        };
        match self.transform.as_deref().map(|transform| Treatment::parse(transform, target)) {
            Some(Err(detail)) => invalid("/transform", detail),
            _ => Ok(()),
        }
    }

    /// A value is one of a field that a column can be read into, or evidence on labels.
    fn check_domain(&self) -> Result<(), TaxonomyError> {
        let known = |mode| value_target(&self.domain, mode).is_some();
        if is_evidence(self.kind, &self.domain) || known(Mode::Products) || known(Mode::Customers) {
            return Ok(());
        }
        let detail = "of a value it is the field that a column is read into (`status`, `category_id`, `contains`, \
                      `diets`, …), or `allergens`, for evidence on labels";
        Err(TaxonomyError::Invalid(FieldError::new("/domain", "invalid", detail)))
    }
}

/// The term that a synonym of an allergen is; `None` where we know no such key.
pub(super) fn term_of(synonym: &str, target: &str, certainty: Option<Certainty>) -> Option<ExtraTerm> {
    let key = EvidenceKey::from_code(target)?;
    Some(ExtraTerm { text: synonym.to_owned(), key, definite: certainty != Some(Certainty::Likely) })
}
