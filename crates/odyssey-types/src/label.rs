//! What a product's label says, field by field, as vendors write it.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{Fixed, Gtin, Nutrients, NutritionBasis};

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant),+ }

        // By hand: the derive does not see a rename that a macro wrote, and would list the Rust names.
        #[cfg(feature = "schema")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::schema::codes(Self::ALL.iter().map(|v| v.as_str()))
            }
        }

        #[cfg(feature = "schema")]
        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == code)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// How complete the allergen declaration is. `complete` is an attestation by a named person.
    AllergenData { Complete = "complete", Partial = "partial", Unknown = "unknown" }
}

codes! {
    /// Whose labelling law the label was written under.
    Jurisdiction {
        Us = "US", Ca = "CA", Eu = "EU", Gb = "GB", Au = "AU", Nz = "NZ", Unknown = "unknown",
    }
}

codes! {
    /// Whether a product may be offered at all.
    ProductStatus { Active = "active", Inactive = "inactive", Discontinued = "discontinued" }
}

/// A free-from claim, with its certificate where there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct FreeFromClaim {
    /// Allergen code: `milk`, `gluten`, `tree_nut.almond`.
    pub allergen: String,
    /// True when a current certificate or a regulated claim stands behind it.
    #[serde(default)]
    pub certified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
}

/// The vendor's allergen declaration. Five different things: listed under `contains`,
/// `may_contain`, `facility` or `free_from`, or in none of them, which is *not stated*.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DeclaredAllergens {
    pub contains: Vec<String>,
    pub may_contain: Vec<String>,
    pub facility: Vec<String>,
    pub free_from: Vec<FreeFromClaim>,
}

impl DeclaredAllergens {
    pub fn is_empty(&self) -> bool {
        self.contains.is_empty()
            && self.may_contain.is_empty()
            && self.facility.is_empty()
            && self.free_from.is_empty()
    }
}

/// The labelled serving: a mass or a volume, and the label's own words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ServingSize {
    /// Grams, finest step 1 µg.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_g: Option<Fixed<6>>,
    /// Millilitres, finest step 1 nl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_ml: Option<Fixed<6>>,
    /// Such as `1 cup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Declared nutrition: one basis and the amounts on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Nutrition {
    pub basis: NutritionBasis,
    pub amounts: Nutrients,
}

/// Everything about a product that a vendor writes, but for its external id. What is written reads
/// back equal; an absent field is unknown, an empty list is a statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProductFields {
    pub gtin: Option<Gtin>,
    pub name: Option<String>,
    pub brand: Option<String>,
    pub description: Option<String>,
    /// Taxonomy code of the category.
    pub category_id: Option<String>,
    pub sub_category_id: Option<String>,
    pub cuisine: Option<String>,
    /// ISO 3166-1 country or the vendor's own market code.
    pub market: Option<String>,
    /// Decimal text such as `4.50`.
    pub price: Option<String>,
    /// ISO 4217 code; present exactly when `price` is.
    pub currency: Option<String>,
    pub status: ProductStatus,
    pub ingredients: Option<String>,
    pub nutrition: Option<Nutrition>,
    pub serving_size: Option<ServingSize>,
    /// Grams, finest step 1 mg.
    pub package_weight_g: Option<Fixed<3>>,
    pub package_text: Option<String>,
    pub dietary_tags: Option<Vec<String>>,
    /// `None`: not stated at all.
    pub allergens: Option<DeclaredAllergens>,
    pub certifications: Option<Vec<String>>,
    pub regulatory_codes: Option<Vec<String>>,
    pub images: Option<Vec<String>>,
    pub source_url: Option<String>,
    pub label_jurisdiction: Jurisdiction,
    pub label_as_of: Option<NaiveDate>,
    pub allergen_data: AllergenData,
}

impl Default for ProductFields {
    fn default() -> Self {
        Self {
            gtin: None,
            name: None,
            brand: None,
            description: None,
            category_id: None,
            sub_category_id: None,
            cuisine: None,
            market: None,
            price: None,
            currency: None,
            status: ProductStatus::Active,
            ingredients: None,
            nutrition: None,
            serving_size: None,
            package_weight_g: None,
            package_text: None,
            dietary_tags: None,
            allergens: None,
            certifications: None,
            regulatory_codes: None,
            images: None,
            source_url: None,
            label_jurisdiction: Jurisdiction::Unknown,
            label_as_of: None,
            allergen_data: AllergenData::Unknown,
        }
    }
}
