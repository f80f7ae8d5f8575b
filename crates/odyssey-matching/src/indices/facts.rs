//! What the indices say of one product, as it is stored and loaded.

use serde::{Deserialize, Serialize};

use crate::Truth;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $code:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $code)] $variant = $number),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            pub fn from_code(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.code() == code)
            }

            /// By its stored number.
            pub fn from_number(number: i16) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| i16::from(*v as u8) == number)
            }
        }
    };
}

coded! {
    /// The kinds of food that Nutri-Score counts differently. Numbers are stored: append only.
    FoodKind {
        /// Plain, without additives.
        Water = 0 "water";
        /// Milk and plant drinks too; no soup.
        Beverage = 1 "beverage";
        Cheese = 2 "cheese";
        /// Beef, pork, lamb, veal, game and what is made of them.
        RedMeat = 3 "red_meat";
        /// Fats, oils, nuts and seeds.
        Fats = 4 "fats";
        General = 5 "general";
        /// Never scored: infant foods, alcohol, coffee and tea, yeast, honey, vinegar.
        Exempt = 6 "exempt";
    }
}

coded! {
    /// A Nutri-Score grade.
    Grade { A = 0 "a"; B = 1 "b"; C = 2 "c"; D = 3 "d"; E = 4 "e"; }
}

coded! {
    /// A NOVA group by markers (reference 6.3).
    Nova { One = 1 "1"; Two = 2 "2"; Three = 3 "3"; Four = 4 "4"; }
}

coded! {
    /// US nutrient-content claims that a label's own figures prove or refute (reference 5.1). Numbers are
    /// stored as bits: append only, at most 31.
    Claim {
        SodiumFree = 0 "sodium_free";
        VeryLowSodium = 1 "very_low_sodium";
        LowSodium = 2 "low_sodium";
        CalorieFree = 3 "calorie_free";
        LowCalorie = 4 "low_calorie";
        FatFree = 5 "fat_free";
        LowFat = 6 "low_fat";
        SaturatedFatFree = 7 "saturated_fat_free";
        LowSaturatedFat = 8 "low_saturated_fat";
        CholesterolFree = 9 "cholesterol_free";
        LowCholesterol = 10 "low_cholesterol";
        SugarFree = 11 "sugar_free";
        /// Policy: US law has no such claim.
        LowSugar = 12 "low_sugar";
        NoAddedSugar = 13 "no_added_sugar";
        GoodSourceFiber = 14 "good_source_fiber";
        HighFiber = 15 "high_fiber";
        /// Policy: uncorrected for protein quality.
        GoodSourceProtein = 16 "good_source_protein";
        HighProtein = 17 "high_protein";
        GoodSourceCalcium = 18 "good_source_calcium";
        HighCalcium = 19 "high_calcium";
        GoodSourceIron = 20 "good_source_iron";
        HighIron = 21 "high_iron";
        GoodSourcePotassium = 22 "good_source_potassium";
        HighPotassium = 23 "high_potassium";
        GoodSourceVitaminC = 24 "good_source_vitamin_c";
        HighVitaminC = 25 "high_vitamin_c";
        GoodSourceVitaminD = 26 "good_source_vitamin_d";
        HighVitaminD = 27 "high_vitamin_d";
    }
}

/// Nutri-Score 2023.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NutriScore {
    /// Negative less positive points; lower is better.
    pub score: i8,
    pub grade: Grade,
    /// Fibre or the share of fruit is not stated (or not proved in full) and was counted as what is
    /// proved: the true score may be lower, never higher (`DQ_NS_ESTIMATED`).
    pub estimated: bool,
}

/// The UK nutrient profiling model of 2004-5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UkNpm {
    pub score: i8,
    /// From 4 points (food) or 1 point (drink).
    pub less_healthy: bool,
}

/// Claims, three-valued: proved, refuted, or in neither set, which is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Claims {
    pub yes: u32,
    pub no: u32,
}

impl Claims {
    pub const fn truth(self, claim: Claim) -> Truth {
        let bit = 1 << claim as u8;
        if self.yes & bit != 0 {
            Truth::Yes
        } else if self.no & bit != 0 {
            Truth::No
        } else {
            Truth::Unknown
        }
    }

    pub const fn set(&mut self, claim: Claim, truth: Truth) {
        let bit = 1 << claim as u8;
        self.yes &= !bit;
        self.no &= !bit;
        match truth {
            Truth::Yes => self.yes |= bit,
            Truth::No => self.no |= bit,
            Truth::Unknown => {}
        }
    }
}

/// Everything the indices say. Unknown where the category or a needed figure is not stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Indices {
    pub kind: Option<FoodKind>,
    pub nutri_score: Option<NutriScore>,
    pub uk_npm: Option<UkNpm>,
    pub nova: Option<Nova>,
    pub claims: Claims,
    /// FDA "healthy" (reference 6.4).
    pub healthy: Truth,
    /// How much of a complete record is stated, weighted; 0 to 1,000.
    pub completeness_permille: u16,
    /// Completeness less what the findings cost; 0 to 1,000.
    pub quality_permille: u16,
}

impl Default for Indices {
    fn default() -> Self {
        Self {
            kind: None,
            nutri_score: None,
            uk_npm: None,
            nova: None,
            claims: Claims::default(),
            healthy: Truth::Unknown,
            completeness_permille: 0,
            quality_permille: 0,
        }
    }
}
