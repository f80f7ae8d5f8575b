//! A proposal: what each resource was read as, with its reason, and what it would change.

use chrono::NaiveDate;
use odyssey_types::{AllergyEntry, ConditionEntry, DietEntry, ExplicitLimit, Fixed, MedicationEntry, Sex};
use serde::{Deserialize, Serialize};

use super::Code;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $code:literal $sentence:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $(#[serde(rename = $code)] $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What it means, in a sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),+ }
            }
        }
    };
}

words! {
    /// In which list a line stands. Every resource of the kinds we read stands in exactly one.
    LineStatus {
        Mapped "mapped" "It means something to us, and is proposed.";
        Unmapped "unmapped" "It means nothing to us yet, and is proposed in its words or code.";
        NotFood "not_food" "It is an allergy to something that is no food; it constrains nothing.";
        Ignored "ignored" "It is no longer so, was never so, or is not about this person.";
        Unusable "unusable" "It cannot be read.";
    }
}

words! {
    /// Why a line stands where it stands.
    Reason {
        Coded "coded" "The code is in our tables.";
        Worded "worded" "No code is in our tables; the words name it, and a person has to confirm that.";
        Measured "measured" "It is the latest measurement.";
        Administrative "administrative" "An administrative gender is no statement about the body; the energy formulas use the mean of both until somebody says which to use.";
        FirstBirthDate "first_birth_date" "The customer has no birth date yet.";
        NoRule "no_rule" "The code is kept and shown, and no rule of ours looks at it.";
        FoodUnmapped "food_unmapped" "It is a food allergy, and neither its code nor its words are in our tables; nothing is matched until somebody decides.";
        KindUnstated "kind_unstated" "It is an allergy, nobody says to what kind of thing, and neither its code nor its words are in our tables; nothing is matched until somebody decides.";
        GroupOnly "group_only" "It is an allergy to some food which the code does not name; nothing is matched until somebody says which.";
        Contradicts "contradicts" "Its parts contradict each other; nothing is matched until somebody decides.";
        Unreadable "unreadable" "A field has another type than the standard's.";
        AllergyUnreadable "allergy_unreadable" "It is an allergy with a field of another type than the standard's; nothing is matched until somebody decides.";
        DietUnmapped "diet_unmapped" "An order asks for this diet, and it is none of ours; nothing is matched until somebody decides.";
        TextOnly "text_only" "It has words and no code that we know; once it is in the profile, nothing is matched until somebody says which condition it is.";
        ExclusionUnmapped "exclusion_unmapped" "An order excludes this food, and neither its code nor its words are in our tables; nothing is matched until somebody decides.";
        AmountUnread "amount_unread" "An order states an amount of this; whether it is a floor or a ceiling is not stated. Set a limit by hand.";
        NotFoodByCode "not_food_by_code" "The code names no food.";
        NotFoodByCategory "not_food_by_category" "It is recorded as an allergy to a drug, to something in the surroundings, or to a biological.";
        NotFoodByWords "not_food_by_words" "The words name no food.";
        DrugByCode "drug_by_code" "The code is one of drugs.";
        Negation "negation" "It says that there is no such allergy; it never becomes a constraint.";
        Refuted "refuted" "Its verification status is refuted.";
        EnteredInError "entered_in_error" "It was entered in error.";
        NotActive "not_active" "Its clinical status is not active, recurrence or relapse. What the profile holds of it stays: remove it by hand.";
        StatusNotCurrent "status_not_current" "Its status says that it is not in force.";
        Over "over" "It ended before today.";
        NotAnOrder "not_an_order" "It is a proposal or a plan, or says what not to do.";
        OtherPatient "other_patient" "It is about another person.";
        Superseded "superseded" "There is a later measurement.";
        InFuture "in_future" "It is dated in the future.";
        AlreadyKnown "already_known" "The customer has this already.";
        ResourceEmpty "resource_empty" "It has neither a code nor words.";
        EntryEmpty "entry_empty" "The entry has no resource, or one without a type.";
        ValueMissing "value_missing" "It has no plain value.";
        UnitUnknown "unit_unknown" "Its unit is none that we can convert.";
        OutOfRange "out_of_range" "The value is outside what is possible for this person.";
        ModifierUnknown "modifier_unknown" "It carries a modifier extension, which may change its meaning in a way that we do not know.";
        ReferenceUnresolved "reference_unresolved" "What it refers to is not in the bundle.";
    }
}

words! {
    /// What else there is to say about a line.
    Note {
        DisplayMismatch "DQ_CODE_DISPLAY_MISMATCH" "Code and display speak of different things; both count.";
        FromWords "from_words" "The meaning was read from words; a person has to confirm it.";
        Unconfirmed "unconfirmed" "It is not confirmed; it counts all the same.";
        StatusMissing "status_missing" "Its status is missing or unknown; it is taken as active.";
        PatientUnresolved "patient_unresolved" "It does not say about whom it is in a way that leads to the patient; it is taken as about this one.";
        ModifierIgnored "modifier_ignored" "It carries a modifier extension that we do not know; it counts all the same.";
        SevereIntolerance "severe_intolerance" "It is recorded as an intolerance with a severe reaction; check whether it is an allergy.";
        CrossReacts "cross_reacts" "Some foods cross-react with it; ask the person about them.";
        DrugUnrecognised "drug_unrecognised" "No drug of ours is recognised in it; no interaction is inferred, which does not mean that there is none.";
        WashOut "wash_out" "It was stopped less than 14 days ago, or nobody says when, and acts for that long.";
        Rounded "rounded" "The value was rounded to the step of the field.";
        DateMissing "date_missing" "It is not dated; a dated measurement counts before it.";
        LooserThanOrdered "looser_than_ordered" "The order is stricter than our diet of that name.";
        Replaces "replaces" "The profile has another value, which this replaces.";
        BirthDateDiffers "birth_date_differs" "The birth date is not the one that the customer has; nothing is changed.";
        Deceased "deceased" "The person is recorded as deceased.";
    }
}

/// What confirming a line does to the profile (a birth date: to the customer).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "field", content = "value", rename_all = "snake_case")]
pub enum Change {
    Allergies(AllergyEntry),
    Conditions(ConditionEntry),
    Medications(MedicationEntry),
    Diets(DietEntry),
    Limits(ExplicitLimit),
    HeightCm(Fixed<1>),
    WeightKg(Fixed<3>),
    Sex(Sex),
    BirthDate(NaiveDate),
}

/// What one resource (or one part of an order) was read as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its name within the proposal: `line-7`.
    pub id: String,
    /// The resource type.
    pub resource: String,
    /// JSON pointer into the bundle.
    pub pointer: String,
    pub status: LineStatus,
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What confirming it changes; empty where it changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proposes: Vec<Change>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What a person could map it to: allergens, condition templates or diets by their codes. Never
    /// applied by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggests: Vec<String>,
}

impl Line {
    /// Whether it speaks of a food that the person must not eat: such a line can be turned down, but never
    /// left out.
    pub fn is_food_constraint(&self) -> bool {
        self.proposes.iter().any(|change| matches!(change, Change::Allergies(_)))
    }

    /// Whether it names a food allergy, however surely: until somebody has applied it or turned it down, it stands in
    /// no profile and protects nobody, so it blocks matching.
    pub fn awaits_decision(&self) -> bool {
        self.is_food_constraint()
    }
}

/// How many resources of a type were not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotRead {
    pub resource: String,
    pub count: usize,
}

/// What a bundle amounts to for one person. Nothing of it is applied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Proposal {
    /// In the order of the bundle.
    pub lines: Vec<Line>,
    /// Resources of types that say nothing for a profile, by type.
    pub not_read: Vec<NotRead>,
}

impl Proposal {
    /// Whether a food allergy waits for somebody to say what it means.
    pub fn awaits_decision(&self) -> bool {
        self.lines.iter().any(Line::awaits_decision)
    }

    pub fn count(&self, status: LineStatus) -> usize {
        self.lines.iter().filter(|line| line.status == status).count()
    }
}
