//! How the types that write their own JSON look in OpenAPI.

use std::borrow::Cow;

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{ExplicitLimit, Fixed, Gtin, LimitPeriod, Nutrient, NutrientUnit, Nutrients};

fn number(digits: u32, description: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Number))
        .description(Some(format!("{description} Finest step 10^-{digits}; a finer number is refused.")))
}

/// A closed list of codes, as they are written.
pub(crate) fn codes(codes: impl Iterator<Item = &'static str>) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(codes)).into()
}

impl<const D: u32> PartialSchema for Fixed<D> {
    fn schema() -> RefOr<Schema> {
        number(D, "A decimal number.").into()
    }
}

impl<const D: u32> ToSchema for Fixed<D> {
    fn name() -> Cow<'static, str> {
        Cow::Owned(format!("Decimal{D}"))
    }
}

impl PartialSchema for Gtin {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .format(Some(SchemaFormat::Custom("gtin".to_owned())))
            .description(Some("GTIN-8, -12, -13 or -14 with a right check digit; answered with 14 digits."))
            .into()
    }
}

impl ToSchema for Gtin {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Gtin")
    }
}

impl PartialSchema for Nutrient {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(Self::ALL.iter().map(|n| n.field())))
            .into()
    }
}

impl ToSchema for Nutrient {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Nutrient")
    }
}

impl PartialSchema for Nutrients {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .description(Some(
                "Amounts by nutrient, each in the unit of its name. Absent is unknown, never zero.",
            ))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        for nutrient in Nutrient::ALL {
            let unit = match nutrient.unit() {
                NutrientUnit::Gram => "Grams.",
                NutrientUnit::Milligram => "Milligrams.",
                NutrientUnit::Microgram => "Micrograms.",
                NutrientUnit::Kilocalorie => "Kilocalories.",
            };
            object = object.property(nutrient.field(), number(nutrient.unit().digits(), unit));
        }
        object.into()
    }
}

impl ToSchema for Nutrients {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Nutrients")
    }
}

impl PartialSchema for ExplicitLimit {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::Object))
            .property("nutrient", Nutrient::schema())
            .required("nutrient")
            .property("max", number(6, "In the unit of the nutrient's name."))
            .required("max")
            .property("period", LimitPeriod::schema())
            .required("period")
            .into()
    }
}

impl ToSchema for ExplicitLimit {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ExplicitLimit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_in_the_schema_is_one_that_is_read_and_written() {
        fn check<T: PartialSchema + serde::Serialize + serde::de::DeserializeOwned>(all: &[T]) {
            let schema = serde_json::to_value(T::schema()).expect("a schema is JSON");
            let written: Vec<_> =
                all.iter().map(|v| serde_json::to_value(v).expect("a code is JSON")).collect();
            assert_eq!(schema["enum"].as_array(), Some(&written), "{}", std::any::type_name::<T>());
            for code in written {
                assert!(serde_json::from_value::<T>(code).is_ok());
            }
        }
        check(crate::AllergenData::ALL);
        check(crate::Jurisdiction::ALL);
        check(crate::ProductStatus::ALL);
        check(crate::Sex::ALL);
        check(crate::ActivityLevel::ALL);
        check(crate::AllergySeverity::ALL);
        check(crate::Strictness::ALL);
        check(crate::DietKind::ALL);
        check(crate::CodeSystem::ALL);
        check(crate::ReproductiveStatus::ALL);
        check(LimitPeriod::ALL);
        check(crate::CustomerStatus::ALL);
    }

    #[test]
    fn every_nutrient_is_a_property_of_the_schema() {
        let json = serde_json::to_value(Nutrients::schema()).expect("a schema is JSON");
        let properties = json["properties"].as_object().expect("properties");
        assert_eq!(properties.len(), crate::NUTRIENT_COUNT);
    }
}
