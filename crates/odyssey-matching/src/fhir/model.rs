//! The few fields of FHIR R4 that we read. Unknown fields are tolerated, as the standard demands; a field of
//! another type than the standard's makes the resource unreadable, which is reported and never skipped.

use serde::Deserialize;
use serde_json::Number;

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $kind:ty),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub(super) struct $name { $(pub $field: $kind),+ }
    )+};
}

resources! {
    Coding { system: Option<String>, code: Option<String>, display: Option<String> }
    Concept { coding: Vec<Coding>, text: Option<String> }
    Reference { reference: Option<String>, display: Option<String> }
    Quantity {
        value: Option<Number>,
        comparator: Option<String>,
        unit: Option<String>,
        system: Option<String>,
        code: Option<String>,
    }
    Period { start: Option<String>, end: Option<String> }
    Identifier { system: Option<String>, value: Option<String> }

    Patient {
        id: Option<String>,
        identifier: Vec<Identifier>,
        name: Vec<HumanName>,
        telecom: Vec<ContactPoint>,
        address: Vec<Address>,
        gender: Option<String>,
        birth_date: Option<String>,
        deceased_boolean: Option<bool>,
        deceased_date_time: Option<String>,
    }
    HumanName { r#use: Option<String>, text: Option<String>, family: Option<String>, given: Vec<String> }
    ContactPoint { system: Option<String>, value: Option<String>, r#use: Option<String> }
    Address {
        r#use: Option<String>,
        text: Option<String>,
        line: Vec<String>,
        city: Option<String>,
        state: Option<String>,
        postal_code: Option<String>,
        country: Option<String>,
    }

    AllergyIntolerance {
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        r#type: Option<String>,
        category: Vec<String>,
        criticality: Option<String>,
        code: Option<Concept>,
        patient: Option<Reference>,
        reaction: Vec<Reaction>,
    }
    Reaction { substance: Option<Concept>, manifestation: Vec<Concept>, severity: Option<String> }

    Condition {
        clinical_status: Option<Concept>,
        verification_status: Option<Concept>,
        code: Option<Concept>,
        subject: Option<Reference>,
    }

    Observation {
        status: Option<String>,
        code: Option<Concept>,
        subject: Option<Reference>,
        effective_date_time: Option<String>,
        effective_instant: Option<String>,
        effective_period: Option<Period>,
        issued: Option<String>,
        value_quantity: Option<Quantity>,
    }

    /// `MedicationStatement` and `MedicationRequest`.
    MedicationUse {
        status: Option<String>,
        intent: Option<String>,
        do_not_perform: Option<bool>,
        medication_codeable_concept: Option<Concept>,
        medication_reference: Option<Reference>,
        subject: Option<Reference>,
        effective_period: Option<Period>,
    }
    Medication { code: Option<Concept>, ingredient: Vec<Ingredient> }
    Ingredient { item_codeable_concept: Option<Concept>, item_reference: Option<Reference> }

    NutritionOrder {
        status: Option<String>,
        intent: Option<String>,
        patient: Option<Reference>,
        allergy_intolerance: Vec<Reference>,
        food_preference_modifier: Vec<Concept>,
        exclude_food_modifier: Vec<Concept>,
        oral_diet: Option<OralDiet>,
    }
    OralDiet { r#type: Vec<Concept>, nutrient: Vec<NutrientModifier> }
    NutrientModifier { modifier: Option<Concept>, amount: Option<Quantity> }
}
