//! How the cells of a column are turned into ours, as a person writes it down.

use odyssey_types::NutritionBasis;
use serde::{Deserialize, Serialize};

use super::mapping::Transform;
use super::settle::{own_unit, unit_fits};
use crate::target::Target;
use crate::unit::Unit;

/// Characters of a tag that a column of yes and no stands for.
const TAG_CHARS_MAX: usize = 100;
/// Parts of a cell that may be asked for.
const PARTS_MAX: u8 = 20;

/// The mark between whole numbers and their decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalMark {
    Comma,
    Point,
}

/// Where the meaning of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnSource {
    /// Whoever started the import said so.
    Request,
    /// The vendor's saved mapping.
    Saved,
    /// A header synonym of the vendor.
    Synonym,
    /// A header synonym of the platform.
    PlatformSynonym,
    /// The format that the file was recognised by.
    Preset,
    /// Our own table of headers.
    Header,
    /// The table of headers, and the values below.
    Content,
}

/// What is done with the cells of a column; what is left out is as the file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Treatment {
    pub transform: Option<Transform>,
    /// What stands between the entries of a list.
    pub separator: Option<char>,
    /// Of numbers that state none themselves.
    pub unit: Option<Unit>,
    /// What amounts are counted per.
    pub basis: Option<NutritionBasis>,
    pub decimal: Option<DecimalMark>,
}

/// Every transform, as it is told to whoever wrote another.
pub const TRANSFORMS: &str = "`trim` (nothing else), `html` (tags become text), `apostrophe` (one before the text goes), \
     `digits` (only they stay), `decimal_comma`, `decimal_point`, `list:X` (X, `line` or `tab` between entries), \
     `part:N:X` (the Nth of what X separates), `flag:TAG` (a yes adds the tag), `unit:UNIT`, `basis:BASIS`";

impl Treatment {
    /// Reads a transform of the closed list for a column of this field. The error says what was expected.
    pub fn parse(text: &str, target: Target) -> Result<Self, String> {
        let read = Self::read(text).ok_or_else(|| format!("is one of {TRANSFORMS}"))?;
        read.check(target)?;
        Ok(read)
    }

    fn read(text: &str) -> Option<Self> {
        let plain = Self::default();
        let transform = |transform| Self { transform: Some(transform), ..Self::default() };
        Some(match text.split_once(':') {
            None => match text {
                "trim" => plain,
                "html" => transform(Transform::Html),
                "apostrophe" => transform(Transform::Apostrophe),
                "digits" => transform(Transform::Digits),
                "decimal_comma" => Self { decimal: Some(DecimalMark::Comma), ..plain },
                "decimal_point" => Self { decimal: Some(DecimalMark::Point), ..plain },
                _ => return None,
            },
            Some(("list", separator)) => Self { separator: Some(read_separator(separator)?), ..plain },
            Some(("part", rest)) => {
                let (nth, separator) = rest.split_once(':')?;
                let nth = nth.parse().ok().filter(|nth| (1..=PARTS_MAX).contains(nth))?;
                transform(Transform::Part { nth, separator: read_separator(separator)? })
            }
            Some(("flag", tag)) => transform(Transform::Flag(tag.trim().to_owned())),
            Some(("unit", unit)) => Self { unit: Some(Unit::parse(unit)?), ..plain },
            Some(("basis", basis)) => Self { basis: Some(NutritionBasis::parse(basis)?), ..plain },
            Some(_) => return None,
        })
    }

    /// Whether a column of this field can be treated so. The error says what cannot.
    pub fn check(&self, target: Target) -> Result<(), String> {
        let field = target.code();
        if let Some(Transform::Flag(tag)) = &self.transform {
            if tag.is_empty() || tag.chars().count() > TAG_CHARS_MAX || tag.chars().any(char::is_control) {
                return Err(format!("a tag has 1 to {TAG_CHARS_MAX} characters, all of them printable"));
            }
            if !takes_flags(target) {
                return Err(format!(
                    "`{field}` takes no tags; `dietary_tags`, `certifications`, `tags` and `diets` do"
                ));
            }
        }
        if self.unit.is_some_and(|unit| !unit_fits(target, unit) || !has_unit(target)) {
            return Err(format!("amounts in this unit cannot be read into `{field}`"));
        }
        if self.basis.is_some() && !matches!(target, Target::Nutrient(_)) {
            return Err(format!("`{field}` is no amount of the nutrition panel and has no basis"));
        }
        if self.decimal.is_some() && !is_number(target) {
            return Err(format!("`{field}` is no number and has no decimals"));
        }
        if self.separator.is_some() && !is_list(target) {
            return Err(format!("`{field}` is no list and has no separator"));
        }
        Ok(())
    }

    /// The same, with what `other` says where this says nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            transform: self.transform.or(other.transform),
            separator: self.separator.or(other.separator),
            unit: self.unit.or(other.unit),
            basis: self.basis.or(other.basis),
            decimal: self.decimal.or(other.decimal),
        }
    }
}

/// One character, `line` for a line break or `tab`.
pub fn read_separator(text: &str) -> Option<char> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("line", ..) => Some('\n'),
        ("tab", ..) => Some('\t'),
        (_, Some(only), None) if !only.is_alphanumeric() => Some(only),
        _ => None,
    }
}

/// A separator as [`read_separator`] reads it.
pub fn write_separator(separator: char) -> String {
    match separator {
        '\n' => "line".to_owned(),
        '\t' => "tab".to_owned(),
        other => other.to_string(),
    }
}

impl Transform {
    /// As [`Treatment::parse`] reads it; `None` for what a person does not write.
    pub fn written(&self) -> Option<String> {
        Some(match self {
            Self::Plain | Self::GtinOrId | Self::Exact => return None,
            Self::Flag(tag) => format!("flag:{tag}"),
            Self::Html => "html".to_owned(),
            Self::Apostrophe => "apostrophe".to_owned(),
            Self::Digits => "digits".to_owned(),
            Self::Part { nth, separator } => format!("part:{nth}:{}", write_separator(*separator)),
        })
    }
}

/// Whether a yes under a header can add a tag to the field.
const fn takes_flags(target: Target) -> bool {
    matches!(target, Target::DietaryTags | Target::Certifications | Target::Tags | Target::Diets)
}

/// Whether the field holds entries that a separator parts.
pub(crate) const fn is_list(target: Target) -> bool {
    matches!(
        target,
        Target::DietaryTags
            | Target::Contains
            | Target::MayContain
            | Target::Facility
            | Target::FreeFrom
            | Target::Certifications
            | Target::RegulatoryCodes
            | Target::Images
            | Target::Tags
            | Target::Allergies
            | Target::Conditions
            | Target::Medications
            | Target::Diets
            | Target::Limits
            | Target::Goals
            | Target::LikedBrands
            | Target::DislikedBrands
            | Target::LikedCategories
            | Target::DislikedCategories
    )
}

/// Whether the field begins with a number.
const fn is_number(target: Target) -> bool {
    matches!(
        target,
        Target::Nutrient(_)
            | Target::Price
            | Target::ServingSize
            | Target::PackageWeight
            | Target::Age
            | Target::Height
            | Target::Weight
            | Target::Gestation
            | Target::ProteinShare
            | Target::FatShare
            | Target::CarbohydrateShare
            | Target::EnergyTarget
    )
}

fn has_unit(target: Target) -> bool {
    own_unit(target).is_some() || matches!(target, Target::ServingSize | Target::PackageWeight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use odyssey_types::Nutrient;

    const SODIUM: Target = Target::Nutrient(Nutrient::Sodium);

    #[test]
    fn every_transform_of_the_list_is_read_and_written_back() {
        for (text, target) in [
            ("html", Target::Description),
            ("apostrophe", Target::Gtin),
            ("digits", Target::Gtin),
            ("part:2:/", Target::Brand),
            ("part:1:line", Target::Name),
            ("flag:vegan", Target::DietaryTags),
        ] {
            let read = Treatment::parse(text, target).expect(text);
            assert_eq!(read.transform.and_then(|t| t.written()).as_deref(), Some(text));
        }
        assert_eq!(Treatment::parse("trim", Target::Name), Ok(Treatment::default()));
        assert_eq!(Treatment::parse("list:/", Target::Tags).map(|t| t.separator), Ok(Some('/')));
        assert_eq!(Treatment::parse("unit:g", SODIUM).map(|t| t.unit), Ok(Some(Unit::Gram)));
        let basis = Treatment::parse("basis:per_serving", SODIUM).map(|t| t.basis);
        assert_eq!(basis, Ok(Some(NutritionBasis::PerServing)));
        let comma = Treatment::parse("decimal_comma", SODIUM).map(|t| t.decimal);
        assert_eq!(comma, Ok(Some(DecimalMark::Comma)));
    }

    #[test]
    fn what_is_not_on_the_list_or_does_not_fit_the_field_is_refused() {
        for (text, target) in [
            ("reverse", Target::Name),
            ("flag", Target::DietaryTags),
            ("flag:", Target::DietaryTags),
            ("flag:vegan", Target::Name),
            ("list:ab", Target::Tags),
            ("list:a", Target::Tags),
            ("list:;", Target::Name),
            ("part:0:/", Target::Name),
            ("part:99:/", Target::Name),
            ("unit:furlong", SODIUM),
            ("unit:kcal", SODIUM),
            ("unit:g", Target::Name),
            ("basis:per_100g", Target::Price),
            ("decimal_comma", Target::Name),
        ] {
            assert!(Treatment::parse(text, target).is_err(), "{text}");
        }
        let told = Treatment::parse("reverse", Target::Name).expect_err("no transform");
        assert!(told.contains("`digits`") && told.contains("`flag:TAG`"), "{told}");
    }
}
