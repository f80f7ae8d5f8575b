//! What a column of a file can be read into.

use odyssey_types::Nutrient;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Products,
    Customers,
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Products => "products",
            Self::Customers => "customers",
        }
    }
}

macro_rules! targets {
    ($($variant:ident $code:literal $mode:ident;)+) => {
        /// A field of a product or customer row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Target {
            $($variant,)+
            /// An amount of the nutrition panel.
            Nutrient(Nutrient),
        }

        impl Target {
            /// Every target but the nutrients, in the order of the bits of [`TargetSet`].
            const FIELDS: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name: `external_id`, `sodium_mg`.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                    Self::Nutrient(nutrient) => nutrient.field(),
                }
            }

            /// The kind of file it belongs to; `external_id` and `status` belong to both.
            pub const fn belongs_to(self, mode: Mode) -> bool {
                let of = match self {
                    $(Self::$variant => Belongs::$mode,)+
                    Self::Nutrient(_) => Belongs::Products,
                };
                matches!((of, mode), (Belongs::Both, _) | (Belongs::Products, Mode::Products) | (Belongs::Customers, Mode::Customers))
            }
        }
    };
}

#[derive(Clone, Copy)]
enum Belongs {
    Products,
    Customers,
    Both,
}

targets! {
    ExternalId "external_id" Both;
    Status "status" Both;
    Gtin "gtin" Products;
    Name "name" Products;
    Brand "brand" Products;
    Description "description" Products;
    Category "category_id" Products;
    SubCategory "sub_category_id" Products;
    Cuisine "cuisine" Products;
    Market "market" Products;
    Price "price" Products;
    Currency "currency" Products;
    Ingredients "ingredients" Products;
    Basis "nutrition_basis" Products;
    ServingSize "serving_size" Products;
    ServingUnit "serving_size_unit" Products;
    ServingText "serving_text" Products;
    PackageWeight "package_weight" Products;
    DietaryTags "dietary_tags" Products;
    Contains "allergens" Products;
    MayContain "may_contain" Products;
    Facility "facility" Products;
    FreeFrom "free_from" Products;
    Certifications "certifications" Products;
    RegulatoryCodes "regulatory_codes" Products;
    Images "images" Products;
    SourceUrl "source_url" Products;
    LabelJurisdiction "label_jurisdiction" Products;
    LabelAsOf "label_as_of" Products;
    AllergenData "allergen_data" Products;
    FullName "full_name" Customers;
    FirstName "first_name" Customers;
    LastName "last_name" Customers;
    Email "email" Customers;
    Phone "phone" Customers;
    BirthDate "birth_date" Customers;
    DeathDate "death_date" Customers;
    Address "address" Customers;
    City "city" Customers;
    Region "region" Customers;
    PostalCode "postal_code" Customers;
    Country "country" Customers;
    MemberNumber "member_number" Customers;
    Tags "tags" Customers;
    Notes "notes" Customers;
    Age "age_years" Customers;
    Sex "sex" Customers;
    Height "height_cm" Customers;
    Weight "weight_kg" Customers;
    Activity "activity_level" Customers;
    Reproductive "reproductive_status" Customers;
    Gestation "gestation_weeks" Customers;
    Allergies "allergies" Customers;
    Conditions "conditions" Customers;
    Medications "medications" Customers;
    Diets "diets" Customers;
    Limits "limits" Customers;
    Goals "goals" Customers;
    ProteinShare "protein_pct" Customers;
    FatShare "fat_pct" Customers;
    CarbohydrateShare "carbohydrate_pct" Customers;
    EnergyTarget "energy_target_kcal" Customers;
    LikedBrands "liked_brands" Customers;
    DislikedBrands "disliked_brands" Customers;
    LikedCategories "liked_categories" Customers;
    DislikedCategories "disliked_categories" Customers;
    Consent "consent_health_data" Customers;
    ConsentAt "consent_at" Customers;
    ConsentVersion "consent_version" Customers;
    ServingVolume "serving_size_ml" Products;
    PackageText "package_text" Products;
    PrePregnancyWeight "pre_pregnancy_weight_kg" Customers;
    EnergyFormula "energy_formula" Customers;
    Guideline "guideline" Customers;
}

impl Target {
    /// By its stable name.
    pub fn from_code(code: &str) -> Option<Self> {
        let field = Self::FIELDS.iter().copied().find(|t| t.code() == code);
        field.or_else(|| Nutrient::from_field(code).map(Self::Nutrient))
    }

    /// Position among all targets: fields first, then nutrients. Append only.
    pub(crate) fn ordinal(self) -> usize {
        match self {
            Self::Nutrient(nutrient) => NUTRIENTS_FROM + nutrient as usize,
            field => Self::FIELDS.iter().position(|t| *t == field).unwrap_or(0),
        }
    }

    fn at(ordinal: usize) -> Option<Self> {
        if ordinal >= NUTRIENTS_FROM {
            return Nutrient::ALL.get(ordinal - NUTRIENTS_FROM).copied().map(Self::Nutrient);
        }
        Self::FIELDS.get(ordinal).copied()
    }
}

const NUTRIENTS_FROM: usize = 128;
const _: () = assert!(Target::FIELDS.len() <= NUTRIENTS_FROM, "fields fit below the nutrients");
const _: () = assert!(NUTRIENTS_FROM + Nutrient::ALL.len() <= 192, "the set holds every target");

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::from_code(&code).ok_or_else(|| de::Error::custom("a target that is not known"))
    }
}

/// The targets that a file has columns for: what is in the set and empty in a row becomes unknown,
/// what is not in the set keeps its stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TargetSet([u64; 3]);

impl TargetSet {
    pub fn insert(&mut self, target: Target) {
        let at = target.ordinal();
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub fn contains(self, target: Target) -> bool {
        let at = target.ordinal();
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == [0; 3]
    }

    /// In the order of storage.
    pub fn iter(self) -> impl Iterator<Item = Target> {
        (0..192).filter(move |at| self.0[at / 64] & (1 << (at % 64)) != 0).filter_map(Target::at)
    }

    /// True when a column of the nutrition panel is among them.
    pub fn has_nutrients(self) -> bool {
        self.iter().any(|t| matches!(t, Target::Nutrient(_)))
    }
}

impl FromIterator<Target> for TargetSet {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Self {
        let mut set = Self::default();
        for target in targets {
            set.insert(target);
        }
        set
    }
}

impl Serialize for TargetSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
