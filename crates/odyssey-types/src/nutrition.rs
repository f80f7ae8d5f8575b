//! Nutrients in integer fine units (mass 1 µg, energy 1 J) with a declared basis.

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fixed::{parse_json_number, render_fixed};
use crate::{FixedError, parse_fixed_rounding};

/// How a nutrient is written: its unit, and so how many of the stored units one of them is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NutrientUnit {
    Gram,
    Milligram,
    Microgram,
    /// Kilocalories, finest step 0.001; stored as joules (1 kcal = 4,184 J).
    Kilocalorie,
}

impl NutrientUnit {
    /// Digits after the point that the unit may carry.
    pub const fn digits(self) -> u32 {
        match self {
            Self::Gram => 6,
            Self::Milligram | Self::Kilocalorie => 3,
            Self::Microgram => 0,
        }
    }

    /// The stored integer (µg or J) of a count of the finest step.
    pub const fn stored_of_steps(self, steps: i64) -> i64 {
        match self {
            // One step is 0.001 kcal = 4.184 J; the nearest joule reads back as the same step.
            Self::Kilocalorie => div_round(steps * 4184, 1000),
            _ => steps,
        }
    }

    /// The count of the finest step of a stored integer.
    pub const fn steps_of_stored(self, stored: i64) -> i64 {
        match self {
            Self::Kilocalorie => div_round(stored * 1000, 4184),
            _ => stored,
        }
    }
}

const fn div_round(numerator: i64, denominator: i64) -> i64 {
    let half = denominator / 2;
    if numerator >= 0 { (numerator + half) / denominator } else { (numerator - half) / denominator }
}

macro_rules! nutrients {
    ($($variant:ident $field:literal $unit:ident $label:literal;)+) => {
        /// The nutrients a label may declare. The order is that of storage and never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Nutrient { $($variant),+ }

        impl Nutrient {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in JSON, with its unit: `sodium_mg`.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$variant => $field),+ }
            }

            pub const fn unit(self) -> NutrientUnit {
                match self { $(Self::$variant => NutrientUnit::$unit),+ }
            }

            /// The name in a sentence.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label),+ }
            }
        }
    };
}

nutrients! {
    Energy "energy_kcal" Kilocalorie "energy";
    Fat "fat_g" Gram "fat";
    SaturatedFat "saturated_fat_g" Gram "saturated fat";
    TransFat "trans_fat_g" Gram "trans fat";
    MonounsaturatedFat "monounsaturated_fat_g" Gram "monounsaturated fat";
    PolyunsaturatedFat "polyunsaturated_fat_g" Gram "polyunsaturated fat";
    Cholesterol "cholesterol_mg" Milligram "cholesterol";
    Carbohydrate "carbohydrate_g" Gram "carbohydrate";
    Sugars "sugars_g" Gram "sugars";
    AddedSugars "added_sugars_g" Gram "added sugars";
    Polyols "polyols_g" Gram "polyols";
    Fiber "fiber_g" Gram "fiber";
    Protein "protein_g" Gram "protein";
    Salt "salt_g" Gram "salt";
    Sodium "sodium_mg" Milligram "sodium";
    Potassium "potassium_mg" Milligram "potassium";
    Calcium "calcium_mg" Milligram "calcium";
    Iron "iron_mg" Milligram "iron";
    Magnesium "magnesium_mg" Milligram "magnesium";
    Phosphorus "phosphorus_mg" Milligram "phosphorus";
    Zinc "zinc_mg" Milligram "zinc";
    Iodine "iodine_ug" Microgram "iodine";
    Selenium "selenium_ug" Microgram "selenium";
    Copper "copper_mg" Milligram "copper";
    Manganese "manganese_mg" Milligram "manganese";
    VitaminA "vitamin_a_ug" Microgram "vitamin A";
    VitaminC "vitamin_c_mg" Milligram "vitamin C";
    VitaminD "vitamin_d_ug" Microgram "vitamin D";
    VitaminE "vitamin_e_mg" Milligram "vitamin E";
    VitaminK "vitamin_k_ug" Microgram "vitamin K";
    Thiamin "thiamin_mg" Milligram "thiamin";
    Riboflavin "riboflavin_mg" Milligram "riboflavin";
    Niacin "niacin_mg" Milligram "niacin";
    VitaminB6 "vitamin_b6_mg" Milligram "vitamin B6";
    Folate "folate_ug" Microgram "folate";
    VitaminB12 "vitamin_b12_ug" Microgram "vitamin B12";
    Choline "choline_mg" Milligram "choline";
    Caffeine "caffeine_mg" Milligram "caffeine";
    Alcohol "alcohol_g" Gram "alcohol";
}

/// How many nutrients there are: the length of [`Nutrients`].
pub const NUTRIENT_COUNT: usize = Nutrient::ALL.len();

impl Nutrient {
    pub fn from_field(field: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|n| n.field() == field)
    }

    /// Reads a number written in this nutrient's own unit, rounding half-even what is finer than the
    /// step; the flag says whether nothing was rounded.
    pub fn parse_rounding(self, text: &str) -> Result<(i64, bool), FixedError> {
        let (steps, exact) = parse_fixed_rounding(text, self.unit().digits())?;
        Ok((self.unit().stored_of_steps(steps), exact))
    }

    /// A stored amount as text in this nutrient's unit: `120` for 120,000 µg of sodium.
    pub fn render(self, stored: i64) -> String {
        render_fixed(self.unit().steps_of_stored(stored), self.unit().digits())
    }
}

impl std::fmt::Display for Nutrient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.field())
    }
}

impl Serialize for Nutrient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.field())
    }
}

impl<'de> Deserialize<'de> for Nutrient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let field = String::deserialize(deserializer)?;
        Self::from_field(&field)
            .ok_or_else(|| de::Error::custom(format!("`{field}` is not a nutrient of ours")))
    }
}

/// What the amounts of a label are counted per.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum NutritionBasis {
    #[serde(rename = "per_100g")]
    Per100g,
    #[serde(rename = "per_100ml")]
    Per100ml,
    PerServing,
}

impl NutritionBasis {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Per100g => "per_100g",
            Self::Per100ml => "per_100ml",
            Self::PerServing => "per_serving",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "per_100g" => Some(Self::Per100g),
            "per_100ml" => Some(Self::Per100ml),
            "per_serving" => Some(Self::PerServing),
            _ => None,
        }
    }
}

/// Amounts by nutrient, in µg (energy in J); `None` is unknown, which is never zero.
///
/// In JSON: `{"energy_kcal": 250, "sodium_mg": 120.5}`; unknown nutrients are left out.
#[derive(Clone, PartialEq, Eq)]
pub struct Nutrients([Option<i64>; NUTRIENT_COUNT]);

impl Default for Nutrients {
    fn default() -> Self {
        Self([None; NUTRIENT_COUNT])
    }
}

impl std::fmt::Debug for Nutrients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter().map(|(n, v)| (n.field(), v))).finish()
    }
}

impl Nutrients {
    pub const fn get(&self, nutrient: Nutrient) -> Option<i64> {
        self.0[nutrient as usize]
    }

    pub const fn set(&mut self, nutrient: Nutrient, stored: Option<i64>) {
        self.0[nutrient as usize] = stored;
    }

    pub fn iter(&self) -> impl Iterator<Item = (Nutrient, i64)> + '_ {
        Nutrient::ALL.iter().filter_map(|n| self.get(*n).map(|v| (*n, v)))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Option::is_none)
    }

    /// Every amount times `numerator / denominator`, rounded half up; `None` on overflow or a zero
    /// denominator.
    pub fn scaled(&self, numerator: i64, denominator: i64) -> Option<Self> {
        if denominator <= 0 || numerator < 0 {
            return None;
        }
        let mut scaled = Self::default();
        for (nutrient, stored) in self.iter() {
            let wide = i128::from(stored) * i128::from(numerator);
            let rounded = (wide + i128::from(denominator) / 2).div_euclid(i128::from(denominator));
            scaled.set(nutrient, Some(i64::try_from(rounded).ok()?));
        }
        Some(scaled)
    }
}

impl Serialize for Nutrients {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (nutrient, stored) in self.iter() {
            let steps = nutrient.unit().steps_of_stored(stored);
            map.serialize_entry(nutrient.field(), &Steps(steps, nutrient.unit().digits()))?;
        }
        map.end()
    }
}

struct Steps(i64, u32);

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::fixed::serialize_fixed(self.0, self.1, serializer)
    }
}

impl<'de> Deserialize<'de> for Nutrients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Nutrients;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of nutrients such as {\"sodium_mg\": 120}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Nutrients, A::Error> {
                let mut nutrients = Nutrients::default();
                while let Some(field) = map.next_key::<String>()? {
                    let nutrient = Nutrient::from_field(&field).ok_or_else(|| {
                        de::Error::custom(format!("unknown field `{field}`: not a nutrient of ours"))
                    })?;
                    let stored = match map.next_value::<Option<f64>>()? {
                        None => None,
                        Some(number) => {
                            let steps = parse_json_number(number, nutrient.unit().digits())
                                .map_err(|e| de::Error::custom(format!("`{field}` {e}")))?;
                            Some(nutrient.unit().stored_of_steps(steps))
                        }
                    };
                    nutrients.set(nutrient, stored);
                }
                Ok(nutrients)
            }
        }
        deserializer.deserialize_map(Fields)
    }
}
