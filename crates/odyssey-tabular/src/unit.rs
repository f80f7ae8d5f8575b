//! Units as files write them, and their exact factors (reference: health-matching section 1.4).

use serde::{Deserialize, Serialize};

/// A unit of mass, volume, energy or length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Microgram,
    Milligram,
    Gram,
    Kilogram,
    Ounce,
    Pound,
    Stone,
    Millilitre,
    Centilitre,
    Decilitre,
    Litre,
    FluidOunce,
    Joule,
    Kilojoule,
    Kilocalorie,
    Centimetre,
    Metre,
    Millimetre,
    Inch,
    Foot,
    /// International units: exact only for vitamin D (1 IU = 0.025 µg).
    Iu,
    /// Share by volume; alcohol weighs 0.789 g/ml.
    PercentVolume,
    Percent,
}

impl Unit {
    /// Reads a unit in any of the spellings met; case counts only where it must (`Mg` is never megagram).
    pub fn parse(text: &str) -> Option<Self> {
        let mut buffer = [0_u8; 24];
        let mut len = 0;
        for c in text.chars() {
            let c = match c {
                'µ' | 'μ' => 'u',
                '.' | '(' | ')' | '[' | ']' | ' ' | '\u{a0}' | '_' => continue,
                c => c.to_ascii_lowercase(),
            };
            if !c.is_ascii() || len == buffer.len() {
                return None;
            }
            buffer[len] = c as u8;
            len += 1;
        }
        Some(match std::str::from_utf8(&buffer[..len]).ok()? {
            "ug" | "mcg" | "mc" | "microgram" | "micrograms" | "ugm" | "mcgrae" | "ugrae" | "mcgdfe"
            | "ugdfe" => Self::Microgram,
            "mg" | "mgm" | "milligram" | "milligrams" | "mgate" | "mgne" => Self::Milligram,
            "g" | "gr" | "gm" | "grm" | "gms" | "gram" | "grams" | "gramme" | "grammes" | "gramm" => {
                Self::Gram
            }
            "kg" | "kgm" | "kgs" | "kilo" | "kilos" | "kilogram" | "kilograms" => Self::Kilogram,
            "oz" | "onz" | "ounce" | "ounces" | "ozs" => Self::Ounce,
            "lb" | "lbs" | "lbr" | "pound" | "pounds" => Self::Pound,
            "st" | "stone" | "stones" => Self::Stone,
            "ml" | "mlt" | "millilitre" | "milliliter" | "millilitres" | "milliliters" | "cc" => {
                Self::Millilitre
            }
            "cl" | "clt" | "centilitre" | "centiliter" => Self::Centilitre,
            "dl" | "dlt" | "decilitre" | "deciliter" => Self::Decilitre,
            "l" | "lt" | "ltr" | "litre" | "liter" | "litres" | "liters" => Self::Litre,
            "floz" | "oza" | "fluidounce" | "fluidounces" | "fluidoz" => Self::FluidOunce,
            "j" | "joule" | "joules" => Self::Joule,
            "kj" | "kjo" | "kilojoule" | "kilojoules" => Self::Kilojoule,
            // On labels a calorie is a kilocalorie.
            "kcal" | "kcals" | "e14" | "cal" | "cals" | "calorie" | "calories" | "kilocalorie"
            | "kilocalories" => Self::Kilocalorie,
            "cm" | "cms" | "centimetre" | "centimeter" | "centimetres" | "centimeters" => Self::Centimetre,
            "m" | "metre" | "meter" | "metres" | "meters" => Self::Metre,
            "mm" | "millimetre" | "millimeter" => Self::Millimetre,
            "in" | "inch" | "inches" | "\"" => Self::Inch,
            "ft" | "foot" | "feet" | "'" => Self::Foot,
            "iu" | "ui" => Self::Iu,
            "%vol" | "vol%" | "%volume" | "abv" | "%abv" | "percentvolume" => Self::PercentVolume,
            "%" | "percent" | "pct" => Self::Percent,
            _ => return None,
        })
    }

    /// Micrograms in one, as a fraction; `None` for what is no mass.
    pub(crate) const fn micrograms(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Microgram => (1, 1),
            Self::Milligram => (1_000, 1),
            Self::Gram => (1_000_000, 1),
            Self::Kilogram => (1_000_000_000, 1),
            Self::Ounce => (28_349_523_125, 1_000),
            Self::Pound => (453_592_370, 1),
            Self::Stone => (6_350_293_180, 1),
            _ => return None,
        })
    }

    /// Nanolitres in one.
    pub(crate) const fn nanolitres(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Millilitre => (1_000_000, 1),
            Self::Centilitre => (10_000_000, 1),
            Self::Decilitre => (100_000_000, 1),
            Self::Litre => (1_000_000_000, 1),
            Self::FluidOunce => (29_573_500, 1),
            _ => return None,
        })
    }

    /// Thousandths of a kilocalorie in one (1 kcal = 4,184 J).
    pub(crate) const fn millikilocalories(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Kilocalorie => (1_000, 1),
            Self::Kilojoule => (1_000_000, 4_184),
            Self::Joule => (1_000, 4_184),
            _ => return None,
        })
    }

    /// Tenths of a millimetre in one.
    pub(crate) const fn tenth_millimetres(self) -> Option<(i128, i128)> {
        Some(match self {
            Self::Millimetre => (10, 1),
            Self::Centimetre => (100, 1),
            Self::Metre => (10_000, 1),
            Self::Inch => (254, 1),
            Self::Foot => (3_048, 1),
            _ => return None,
        })
    }
}
