//! The first customers of the demo, each with a story worth showing.

use super::customers::Person;

/// Rows 1 to 10 of every customer file, whatever the seed.
pub(super) const STORIES: [Person<'static>; 10] = [
    // The customer of the tour: a life-threatening peanut allergy, high blood pressure, and no animals.
    Person {
        external_id: "demo-1",
        name: "Dana Whitfield",
        email: "dana.whitfield@example.com",
        phone: "(312) 555-0101",
        birth_date: "1984-03-12",
        sex: "female",
        height_cm: "168",
        weight_kg: "71.5",
        activity_level: "moderate",
        allergies: "peanut:anaphylaxis",
        conditions: "I10",
        diets: "vegan:ethical",
        ..Person::CONSENTING
    },
    // Type 2 diabetes and a milk allergy.
    Person {
        external_id: "demo-2",
        name: "Marcus Oyelaran",
        email: "marcus.oyelaran@example.com",
        phone: "(404) 555-0102",
        birth_date: "1971-09-30",
        sex: "male",
        height_cm: "181",
        weight_kg: "94.2",
        activity_level: "light",
        allergies: "milk:allergy",
        conditions: "E11.9",
        ..Person::CONSENTING
    },
    // Eats no gluten, and has no diagnosis that would ask for it.
    Person {
        external_id: "demo-3",
        name: "Priya Ramanathan",
        email: "priya.ramanathan@example.org",
        phone: "(617) 555-0103",
        birth_date: "1993-01-22",
        sex: "female",
        height_cm: "162",
        weight_kg: "58",
        activity_level: "very",
        diets: "gluten_free",
        ..Person::CONSENTING
    },
    // Two conditions at once, and a limit that the physician wrote down.
    Person {
        external_id: "demo-4",
        name: "Tomasz Bielak",
        email: "tomasz.bielak@example.net",
        phone: "(773) 555-0104",
        birth_date: "1958-06-04",
        sex: "male",
        height_cm: "174",
        weight_kg: "88.7",
        activity_level: "sedentary",
        conditions: "E11.9;I10",
        limits: "sodium_mg<=400/serving;added_sugars_g<=25/day",
        ..Person::CONSENTING
    },
    // A religious diet, and tree nuts that must not even be near.
    Person {
        external_id: "demo-5",
        name: "Yusuf Karamanli",
        email: "yusuf.karamanli@example.com",
        phone: "(313) 555-0105",
        birth_date: "2001-11-17",
        sex: "male",
        height_cm: "177",
        weight_kg: "73",
        activity_level: "very",
        allergies: "tree_nut:anaphylaxis:facility",
        diets: "halal:religious",
        ..Person::CONSENTING
    },
    // Kosher; tolerates traces of egg.
    Person {
        external_id: "demo-6",
        name: "Leah Abramsohn",
        email: "leah.abramsohn@example.org",
        phone: "(718) 555-0106",
        birth_date: "1979-04-08",
        sex: "female",
        height_cm: "165",
        weight_kg: "66.4",
        activity_level: "light",
        allergies: "egg:intolerance",
        diets: "kosher:religious",
        ..Person::CONSENTING
    },
    // Kidney disease of stage 3, the stage of which asks for rules of its own.
    Person {
        external_id: "demo-7",
        name: "Grace Lindquist",
        email: "grace.lindquist@example.net",
        phone: "(612) 555-0107",
        birth_date: "1949-12-01",
        sex: "female",
        height_cm: "159",
        weight_kg: "61",
        activity_level: "sedentary",
        allergies: "sesame:allergy",
        conditions: "N18.3",
        diets: "vegetarian",
        ..Person::CONSENTING
    },
    // Never consented: there is a profile and no match.
    Person {
        external_id: "demo-8",
        name: "Hector Villanova",
        email: "hector.villanova@example.com",
        phone: "(210) 555-0108",
        birth_date: "1988-08-19",
        sex: "male",
        height_cm: "170",
        weight_kg: "79.9",
        activity_level: "moderate",
        allergies: "crustacean:allergy",
        consent: "no",
        consent_at: "",
        consent_version: "",
        ..Person::CONSENTING
    },
    // Coeliac disease; neither height nor weight is known, so limits of the day are missing.
    Person {
        external_id: "demo-9",
        name: "Mei-Lin Fortier",
        email: "mei-lin.fortier@example.org",
        phone: "(503) 555-0109",
        birth_date: "1996-05-27",
        sex: "female",
        activity_level: "moderate",
        conditions: "K90.0",
        diets: "gluten_free:medical",
        ..Person::CONSENTING
    },
    // High blood pressure, and a drug that food matters to.
    Person {
        external_id: "demo-10",
        name: "Walter Nakashima",
        email: "walter.nakashima@example.net",
        phone: "(808) 555-0110",
        birth_date: "1952-02-14",
        sex: "male",
        height_cm: "171",
        weight_kg: "70.3",
        activity_level: "light",
        conditions: "I10",
        medications: "rxnorm:11289 Warfarin",
        ..Person::CONSENTING
    },
];
