//! The recipe that joins a Synthea export.

use odyssey_tabular::synthea::{Joined, Tables, join};
use odyssey_types::AllergySeverity;

use crate::support::{customers, shared};

type NoTable = &'static [u8];

fn join_text(patients: &str, allergies: &str, conditions: &str) -> (Joined, Vec<u8>) {
    let tables = Tables {
        patients: patients.as_bytes(),
        allergies: allergies.as_bytes(),
        conditions: conditions.as_bytes(),
        medications: None::<NoTable>,
        observations: None::<NoTable>,
    };
    let mut file = Vec::new();
    let joined = join(tables, &mut file).expect("joins");
    (joined, file)
}

#[test]
fn foods_become_codes_other_allergies_do_not_and_the_unmapped_stay_as_words() {
    let (joined, file) = join_text(
        "Id,BIRTHDATE,FIRST,LAST,GENDER\np1,1980-01-01,Ann1,Lee2,F\n",
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n\
         2000-01-01,,p1,e,91934008,Allergy to nut\n\
         2000-01-01,,p1,e,300916003,Latex allergy\n\
         2000-01-01,,p1,e,999999,Allergy to dragonfruit\n\
         2000-01-01,2005-01-01,p1,e,91930004,Allergy to eggs\n\
         2000-01-01,,p9,e,91930004,Allergy to eggs\n",
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION\n\
         2001-01-01,,p1,e,59621000,Hypertension\n\
         2001-01-01,2002-01-01,p1,e,36971009,Sinusitis (disorder)\n",
    );
    assert_eq!((joined.customers, joined.food_allergies, joined.unmapped_allergies), (1, 3, 1));
    assert_eq!((joined.other_allergies, joined.conditions, joined.orphans), (1, 1, 1));
    let parsed = customers(file.as_slice());
    let profile = parsed.accepted[0].profile.expose();
    let allergies: Vec<_> =
        profile.allergies.iter().map(|a| (a.allergen.as_deref(), a.text.as_deref())).collect();
    assert_eq!(allergies, [(Some("nut"), Some("Allergy to nut")), (None, Some("Allergy to dragonfruit"))]);
    assert_eq!(profile.conditions.len(), 1);
    assert_eq!(parsed.accepted[0].identity.expose().name.as_deref(), Some("Ann1 Lee2"));
}

#[test]
fn the_complete_export_of_59_patients_becomes_59_customers() {
    let Some(patients) = shared("patients/synthea_59_complete/patients.csv") else { return };
    let file = |name: &str| shared(&format!("patients/synthea_59_complete/{name}")).expect("present");
    let tables = Tables {
        patients,
        allergies: file("allergies.csv"),
        conditions: file("conditions.csv.gz"),
        medications: Some(file("medications.csv.gz")),
        observations: Some(file("observations.csv.gz")),
    };
    let mut joined_file = Vec::new();
    let joined = join(tables, &mut joined_file).expect("joins");
    // Counted with Python's csv module: rows without STOP, distinct by patient and code; of the 25
    // allergies 9 are of category food, 13 environment, 3 medication.
    let expected = Joined {
        customers: 59,
        food_allergies: 9,
        unmapped_allergies: 0,
        other_allergies: 16,
        conditions: 401,
        medications: 122,
        orphans: 0,
    };
    assert_eq!(joined, expected);

    let parsed = customers(joined_file.as_slice());
    assert_eq!((parsed.accepted.len(), parsed.rejected.len()), (59, 0));
    let allergies: Vec<_> =
        parsed.accepted.iter().flat_map(|r| r.profile.expose().allergies.clone()).collect();
    assert_eq!(allergies.len(), 9);
    assert!(allergies.iter().all(|a| a.allergen.is_some() && a.severity.is_some()));
    assert!(allergies.iter().any(|a| a.severity == Some(AllergySeverity::Anaphylaxis)));
    let measured = parsed.accepted.iter().filter(|r| r.profile.expose().height_cm.is_some()).count();
    assert!(measured >= 50, "{measured} heights");
}

#[test]
fn the_older_layout_and_the_literal_nulls_are_joined_too() {
    let Some(patients) = shared("patients/synthea_1214_nulls/patients-with-nulls.csv.gz") else { return };
    let file = |name: &str| shared(&format!("patients/synthea_1214_nulls/{name}")).expect("present");
    let tables = Tables {
        patients,
        allergies: file("allergies.csv.gz"),
        conditions: file("conditions.csv.gz"),
        medications: None::<std::fs::File>,
        observations: None::<std::fs::File>,
    };
    let mut joined_file = Vec::new();
    let joined = join(tables, &mut joined_file).expect("joins");
    // Of 554 allergies 502 have no STOP: 183 to food (by their eight codes), 319 to mould, dander, pollen,
    // mites, bees and latex.
    assert_eq!((joined.customers, joined.food_allergies, joined.unmapped_allergies), (1_214, 183, 0));
    assert_eq!(joined.other_allergies, 319);
    let parsed = customers(joined_file.as_slice());
    assert_eq!(parsed.accepted.len() + parsed.rejected.len(), 1_214);
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), []);
}
