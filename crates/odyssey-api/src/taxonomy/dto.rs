//! Nodes and synonyms as they come in and go out.

use chrono::{DateTime, Utc};
use odyssey_domain::taxonomy::{
    Certainty, Node, NodeWrite, Owner, Synonym, SynonymKind, SynonymWrite, TaxonomyKind, Versions,
};
use odyssey_matching::Role;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! mirrored {
    ($(#[$doc:meta])* $name:ident of $domain:ident { $($variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(super) enum $name { $($variant),+ }

        impl From<$name> for $domain {
            fn from(dto: $name) -> Self {
                match dto { $($name::$variant => Self::$variant),+ }
            }
        }

        impl From<$domain> for $name {
            fn from(domain: $domain) -> Self {
                match domain { $($domain::$variant => Self::$variant),+ }
            }
        }
    };
}

mirrored! {
    /// Which tree.
    TaxonomyKindDto of TaxonomyKind { Category, Tag, Allergen, Cuisine, Certification, Condition, Diet }
}
mirrored! {
    /// What a synonym stands for: a column of a file, a value of a field, a word of a search.
    SynonymKindDto of SynonymKind { Header, Value, Search }
}
mirrored! {
    /// How surely a word names an allergen: `definite` is evidence that a product contains it, `likely` leaves
    /// it in doubt.
    CertaintyDto of Certainty { Definite, Likely }
}
mirrored! {
    /// How much of a meal one reference amount of a product is: a snack (or an ingredient), a main dish, a meal.
    /// Scores divide its share of a day by 1, 2 or 3; hard limits never do.
    MealRoleDto of Role { Snack, MainDish, Meal }
}
mirrored! {
    /// Whose row it is.
    OwnerDto of Owner { Platform, Vendor }
}

/// A node of a tree.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaxonomyNodeDto {
    owner: OwnerDto,
    /// A row of the platform has this code too; deleting this one shows it again.
    overrides_platform: bool,
    kind: TaxonomyKindDto,
    code: String,
    label: String,
    parent_code: Option<String>,
    /// Of a category: as it is said here; null is as the category above says, at the root a snack.
    meal_role: Option<MealRoleDto>,
    active: bool,
    row_version: i64,
    updated_at: DateTime<Utc>,
}

impl From<Node> for TaxonomyNodeDto {
    fn from(node: Node) -> Self {
        Self {
            owner: node.owner.into(),
            overrides_platform: node.overrides,
            kind: node.kind.into(),
            code: node.code,
            label: node.label,
            parent_code: node.parent_code,
            meal_role: node.meal_role.map(Into::into),
            active: node.active,
            row_version: node.row_version,
            updated_at: node.updated_at,
        }
    }
}

/// A new node; one with the code of a row of the platform takes its place at this vendor.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTaxonomyNode {
    kind: TaxonomyKindDto,
    /// 1 to 120 characters, no slash.
    code: String,
    /// 1 to 200 characters.
    label: String,
    /// A node of the same kind; null at the root. A tree has at most 12 levels.
    #[serde(default)]
    parent_code: Option<String>,
    /// Of a category alone; null is as the category above says, at the root a snack. Its products are derived anew.
    #[serde(default)]
    meal_role: Option<MealRoleDto>,
    #[serde(default = "yes")]
    active: bool,
}

/// What a node says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TaxonomyNodeFields {
    /// 1 to 200 characters.
    label: String,
    /// A node of the same kind; null at the root. A tree has at most 12 levels.
    #[serde(default)]
    parent_code: Option<String>,
    /// Of a category alone; null is as the category above says, at the root a snack. Its products are derived anew.
    #[serde(default)]
    meal_role: Option<MealRoleDto>,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

impl NewTaxonomyNode {
    pub fn into_write(self) -> NodeWrite {
        let Self { kind, code, label, parent_code, meal_role, active } = self;
        let meal_role = meal_role.map(Into::into);
        NodeWrite { kind: kind.into(), code, label, parent_code, meal_role, active }
    }
}

impl TaxonomyNodeFields {
    pub fn into_write(self, kind: TaxonomyKind, code: String) -> NodeWrite {
        let Self { label, parent_code, meal_role, active } = self;
        NodeWrite { kind, code, label, parent_code, meal_role: meal_role.map(Into::into), active }
    }
}

/// A word that stands for something of ours.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SynonymDto {
    id: Uuid,
    owner: OwnerDto,
    /// A row of the platform has the same kind, domain and synonym.
    overrides_platform: bool,
    kind: SynonymKindDto,
    domain: String,
    synonym: String,
    target: String,
    transform: Option<String>,
    certainty: Option<CertaintyDto>,
    row_version: i64,
    updated_at: DateTime<Utc>,
}

impl From<Synonym> for SynonymDto {
    fn from(synonym: Synonym) -> Self {
        Self {
            id: synonym.id,
            owner: synonym.owner.into(),
            overrides_platform: synonym.overrides,
            kind: synonym.kind.into(),
            domain: synonym.domain,
            synonym: synonym.synonym,
            target: synonym.target,
            transform: synonym.transform,
            certainty: synonym.certainty.map(Into::into),
            row_version: synonym.row_version,
            updated_at: synonym.updated_at,
        }
    }
}

/// A synonym. With `kind: "value"` and `domain: "allergens"` it is evidence on labels: it only ever adds, and
/// the products it touches are derived anew at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WriteSynonym {
    kind: SynonymKindDto,
    /// Of a header what the file holds, of a value its field (`allergens`), of a search its language.
    domain: String,
    /// 1 to 120 characters.
    synonym: String,
    /// What it stands for. Of evidence the code of an allergen or class: `milk`, `tree_nut.almond`.
    target: String,
    /// Of a header alone: how its values are turned into ours.
    #[serde(default)]
    transform: Option<String>,
    /// Of evidence alone; `definite` when nothing is said.
    #[serde(default)]
    certainty: Option<CertaintyDto>,
}

impl From<WriteSynonym> for SynonymWrite {
    fn from(body: WriteSynonym) -> Self {
        let WriteSynonym { kind, domain, synonym, target, transform, certainty } = body;
        Self { kind: kind.into(), domain, synonym, target, transform, certainty: certainty.map(Into::into) }
    }
}

/// How often the taxonomy changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TaxonomyVersionsDto {
    /// Of your own rows; 0 before the first change.
    version: i64,
    /// Of the platform's rows.
    platform_version: i64,
    /// Of the tables by which labels are read; it changes with the synonyms of allergens alone.
    tables_version: u32,
}

impl From<Versions> for TaxonomyVersionsDto {
    fn from(versions: Versions) -> Self {
        Self {
            version: versions.vendor,
            platform_version: versions.platform,
            tables_version: versions.tables,
        }
    }
}
