//! Why a file or a row is not taken, in closed lists with stable names and remedies.

use odyssey_types::{GtinError, Phi};
use serde::{Serialize, Serializer};

macro_rules! row_codes {
    ($($(#[$doc:meta])* $variant:ident $code:literal $remedy:literal;)+) => {
        /// Why a row is refused. The names are stable: vendors' scripts read them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum RowErrorCode { $($(#[$doc])* $variant),+ }

        impl RowErrorCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What a person can do about it.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy),+ }
            }

            pub fn parse(code: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|c| c.as_str() == code)
            }
        }
    };
}

row_codes! {
    IdentityMissing "identity_missing"
        "Give the row an external_id (any code of your own that never changes) or a barcode (GTIN).";
    GtinCheckDigit "gtin_check_digit"
        "The last digit of this barcode does not fit the others: a digit is mistyped or missing. Copy the barcode from the package again, or give the row an external_id.";
    GtinLength "gtin_length"
        "A barcode (GTIN) has 8, 12, 13 or 14 digits. Copy the whole number from the package, or give the row an external_id if this is a code of your own.";
    GtinNotDigits "gtin_not_digits"
        "A barcode has only digits. If this is a code of your own, put it in a column named external_id.";
    GtinDamagedBySpreadsheet "gtin_damaged_by_spreadsheet"
        "A spreadsheet program rounded this barcode to a short form such as 4.68E+11; the digits are lost and cannot be recovered from this file. Export the file from your system again and do not open it in the spreadsheet, or import the barcode column as Text, then upload that file.";
    DuplicateInFile "duplicate_in_file"
        "An earlier row of this file has the same identity (the row is named); the first one counts. Delete this row, or give it an identity of its own.";
    IdentityUnchecked "identity_unchecked"
        "The file that this row came from is no longer kept, so nobody can tell whether another of its rows has the identity that this row was given. Send the row in a file of its own.";
    RaggedRow "ragged_row"
        "This row has more or fewer cells than there are headers, so its values may stand under the wrong headers. Usually a text holds an unquoted delimiter or line break: put quotes around it.";
    RowTooLong "row_too_long"
        "This row is longer than 1 MiB. Usually an opening quote is never closed: look for a lone quote at or before this row.";
    QuoteUnclosed "quote_unclosed"
        "The file ends inside a quoted text that begins in this row. Close the quote, or double it if it belongs to the text.";
    JsonUnreadable "json_unreadable"
        "This line is no JSON object. Write each row on one line of its own, from { to }, with every name and every text in double quotes.";
    JsonTooDeep "json_too_deep"
        "This row holds objects within objects more than 8 deep, more than 2,000 fields, or a field name of more than 500 letters. Write its values side by side under short names.";
    JsonKeyTwice "json_key_twice"
        "This row has the same field twice, and nobody can tell which of the two is meant. Delete one of them.";
    JsonKeyLate "json_key_late"
        "This field occurs for the first time far down in the file, when its columns are settled already. Give the first row every field that the file has (null where nothing is known), or put this row first.";
    EncodingInvalid "encoding_invalid"
        "The identity of this row holds characters that could not be decoded. Save the file as UTF-8 and upload it again.";
    NumberUnreadable "number_unreadable"
        "Write a plain number such as 1.5, with a unit only if it is a usual one (g, mg, kcal); leave the cell empty when it is not known.";
    DateUnreadable "date_unreadable"
        "Write the date as YYYY-MM-DD.";
    SpreadsheetError "spreadsheet_error"
        "A spreadsheet program wrote an error such as #REF! where a formula had no value. Mend the formula, or write what the cell should say; leave it empty only when that is not known.";
    EnumUnknown "enum_unknown"
        "Use one of the values that this column knows, or leave the cell empty.";
    TextTooLong "text_too_long"
        "Shorten this text: short texts have at most 500 characters, identities 200, long texts 20,000.";
    ListTooLong "list_too_long"
        "Shorten this list to at most 200 entries.";
    NutrientNegative "nutrient_negative"
        "A nutrient cannot be negative. Correct the number, or leave the cell empty when it is not known.";
    NutrientOutOfRange "nutrient_out_of_range"
        "There cannot be this much of it in the stated amount of food. Check the unit (g or mg, kJ or kcal) and whether the column is per serving or per 100 g.";
    SaturatedFatExceedsFat "saturated_fat_exceeds_fat"
        "Saturated fat is part of fat and cannot be more than it. Correct one of the two numbers.";
    SugarsExceedCarbohydrate "sugars_exceed_carbohydrate"
        "Sugars are part of carbohydrate and cannot be more than it. Correct one of the two numbers.";
    AddedSugarsExceedSugars "added_sugars_exceed_sugars"
        "Added sugars are part of sugars and cannot be more than them. Correct one of the two numbers.";
    ValueOutOfRange "value_out_of_range"
        "This value is outside what is possible. Check the number and its unit.";
    BirthDateInFuture "birth_date_in_future"
        "The birth date lies in the future. Check the century and the order of day and month.";
    AgeContradictsBirthDate "age_contradicts_birth_date"
        "Age and birth date differ by more than one year. Correct one of them, or leave the age empty.";
    MacroTargetsSum "macro_targets_sum"
        "The shares of protein, fat and carbohydrate must all be given and add up to 98 to 102 percent.";
}

impl std::fmt::Display for RowErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RowErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<GtinError> for RowErrorCode {
    fn from(error: GtinError) -> Self {
        match error {
            GtinError::NotDigits => Self::GtinNotDigits,
            GtinError::Length => Self::GtinLength,
            GtinError::CheckDigit => Self::GtinCheckDigit,
            GtinError::Spreadsheet => Self::GtinDamagedBySpreadsheet,
        }
    }
}

macro_rules! warning_codes {
    ($($variant:ident $code:literal $meaning:literal;)+) => {
        /// What is odd about a row that is taken all the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum WarningCode { $($variant),+ }

        impl WarningCode {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// What was done with the value.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),+ }
            }
        }
    };
}

warning_codes! {
    GtinUnknown "gtin_unknown" "the barcode is not valid; it stays unknown, the row is known by its external_id";
    GtinZeroRestored "gtin_zero_restored" "the barcode has one digit too few and its check digit fits behind a zero, which a spreadsheet program takes away; the zero was put back";
    ReplacementCharacter "replacement_character" "the text holds U+FFFD, what is left of a character lost in an earlier conversion";
    NulRemoved "nul_removed" "NUL characters were removed from the text";
    CellsBeyondHeader "cells_beyond_header" "empty cells beyond the last header were dropped";
    CellsMissing "cells_missing" "the row ends early; only columns that are not mapped are missing";
    FieldNotRead "field_not_read" "a field that no row at the beginning of the file has, and whose name is not known, was left out";
    PlaceholderReadAsUnknown "placeholder_read_as_unknown" "a placeholder such as `n/a` was read as unknown";
    TraceReadAsUnknown "trace_read_as_unknown" "`trace` is no number; the amount stays unknown";
    BoundReadAsValue "bound_read_as_value" "`<` was dropped and the bound itself taken as the amount";
    ApproximateRead "approximate_read" "`~` was dropped and the number taken as the amount";
    NumberRounded "number_rounded" "the number has more decimal places than are kept of this field, and was rounded to the nearest that is";
    UnitUnsupported "unit_unsupported" "the unit does not fit the field; the value stays unknown";
    AllergensNone "allergens_none_is_not_a_declaration" "`none` declares nothing; the allergens stay not stated";
    AllergenUnmapped "allergen_unmapped" "the allergen's name is not in our tables and is kept as written";
    AllergyNotFood "allergy_not_food" "the allergy is to no food and was left out of the food allergies";
    ConditionUnmapped "condition_unmapped" "the condition has no code and is kept as text, which blocks matching until it is mapped";
    PriceWithoutCurrency "price_without_currency" "a price without a currency stays unknown";
    PriceUnreadable "price_unreadable" "the price is no decimal number; it stays unknown";
    ServingUnitMissing "serving_unit_missing" "the serving size has no mass or volume; only its words are kept";
    ServingOutOfRange "serving_out_of_range" "a serving is above 0 and at most 10,000 g or ml; it stays unknown";
    PackageWeightUnread "package_weight_unread" "the package text states no single mass; only its words are kept";
    BooleanUnreadable "boolean_unreadable" "the cell is neither yes nor no; it says nothing";
    MacrosExceedMass "macros_exceed_mass" "fat, carbohydrate, protein, salt and alcohol weigh more than 105 g per 100 g";
    FatPartsExceedFat "fat_parts_exceed_fat" "the kinds of fat together exceed fat by more than 1 g";
    SaltContradictsSodium "salt_contradicts_sodium" "salt and 2.5 times sodium differ by more than 10 %";
    EnergyContradictsMacros "energy_contradicts_macros" "energy differs from that of its nutrients by more than 20 % and 25 kcal";
    SodiumHigh "sodium_high" "more than 10 g sodium per 100 g: plausible only for salt and bouillon";
    PotassiumHigh "potassium_high" "more than 5 g potassium per 100 g";
    FiberExceedsCarbohydrate "fiber_exceeds_carbohydrate" "fiber exceeds carbohydrate, of which it is a part on US labels";
    UnusualHeight "unusual_height" "the height is outside 130 to 220 cm";
    UnusualWeight "unusual_weight" "the weight is outside 35 to 250 kg";
    UnusualAge "unusual_age" "the age is outside 2 to 100 years";
    UnusualBmi "unusual_bmi" "the body mass index is outside 15 to 60";
    UnusualEnergyTarget "unusual_energy_target" "the energy target is outside 1,200 to 4,500 kcal";
    UnusualSodiumTarget "unusual_sodium_target" "the daily sodium limit is below 1,000 mg";
    UnusualGestation "unusual_gestation" "the gestation is outside 4 to 42 weeks";
}

impl Serialize for WarningCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something odd about an accepted row: the code and the column it stood in (none: the row).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWarning {
    pub code: WarningCode,
    /// Index of the column in the file.
    pub column: Option<u16>,
    /// The cell, as the file writes it (shortened to 200 characters). Of customers' rows never.
    pub value: Option<String>,
    /// What was read in its place, where that is another value.
    pub read_as: Option<String>,
}

/// One fault of a refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    pub code: RowErrorCode,
    /// The header as the file writes it; none when the row as a whole is at fault.
    pub column: Option<String>,
    /// The refused value, as the file writes it (shortened to 200 characters).
    pub value: Phi<Option<String>>,
    /// A value that would be right, where that is sure.
    pub suggestion: Option<String>,
    /// For `duplicate_in_file`: the row that has the identity.
    pub first_row: Option<u64>,
}

impl RowError {
    pub const fn remedy(&self) -> &'static str {
        self.code.remedy()
    }
}

/// A row that was refused whole, with every fault that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// 1-based number of the data row.
    pub row: u64,
    /// 1-based line of the decoded file where the row begins.
    pub line: u64,
    /// Never empty.
    pub errors: Vec<RowError>,
    /// The external id of a product's row, where that was read: the row was refused for something else.
    pub external_id: Option<String>,
    /// The cells as the file writes them; empty where the row was too long to keep.
    pub cells: Phi<Vec<String>>,
}

/// Why a file cannot be read (any further).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the file could not be read")]
    Io(#[source] std::io::Error),
    #[error("the compressed file is damaged or ends early")]
    Damaged(#[source] std::io::Error),
    #[error("the file unpacks to more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the file unpacks to more than {ratio} times its size")]
    Bomb { ratio: u64 },
    #[error("{0}")]
    Archive(ArchiveFault),
    #[error("{0}")]
    Workbook(WorkbookFault),
    #[error("the file has no header row")]
    NoHeader,
    #[error(
        "the file is JSON, but neither one object a line (JSON Lines) nor a list of objects, one for each row; write it \
         so, or save the table as .csv or .xlsx"
    )]
    NotJsonLines,
    #[error(
        "the list of JSON objects is damaged at line {line}: behind each object stands a comma or the end of the list; \
         export the file again, or write one object a line without commas between them (JSON Lines)"
    )]
    JsonListBroken { line: u64 },
    #[error(
        "the list of JSON objects does not end (the last line is {line}), so that rows are missing: the file is cut; \
         export it again"
    )]
    JsonListCut { line: u64 },
    #[error(
        "the file is XML or a web page, which is not read here; export the table as .csv or .xlsx, or as JSON with one \
         object a line (GS1 trade items as the JSON of GDSN)"
    )]
    Xml,
    #[error(
        "the file is a FHIR resource, the record of a person, and no table of rows; send a bundle to \
         POST /api/v1/customers/{{customer_id}}/fhir, or import many at once with `odyssey import --mode fhir`"
    )]
    Fhir,
    #[error(
        "the file looks like GS1 trade items in JSON, but is damaged or cut at line {line}; export it again"
    )]
    GdsnUnreadable { line: u64 },
    #[error(
        "this is one of the many tables of USDA SR28 (its fields are separated by ^ and its texts stand between ~) \
         and has no foods with their amounts; upload the abbreviated table (ABBREV), which has both in one file"
    )]
    OneTableOfSr28,
    #[error(
        "this is one of the many tables of a Synthea export, with a row for each allergy, condition or observation of a \
         person; alone it would make people without what it says of them. Have the whole folder imported together: \
         `odyssey import --mode customers --recipe synthea`"
    )]
    OneTableOfSynthea,
    #[error("the file has more than {limit} columns")]
    TooManyColumns { limit: usize },
    #[error("the encoding `{0}` is not known")]
    UnknownEncoding(String),
    #[error("the mapping was made for {expected} columns, the file has {found}")]
    MappingMismatch { expected: usize, found: usize },
    /// Whoever holds the [`StopReading`](crate::StopReading) did that; it says nothing about the file.
    #[error("the reading of the file was stopped")]
    Stopped,
}

/// Why a zip archive is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveFault {
    #[error("the zip holds no file; put the file into it and upload it again")]
    Empty,
    #[error("the zip holds more than one file; upload each file on its own, or a zip with one file in it")]
    SeveralFiles,
    #[error("the zip has a password; upload the file without one, it is encrypted here anyway")]
    Encrypted,
    #[error(
        "the zip is packed in a way that is not read here; pack the file again with the usual method \
         (`deflate`), or as .gz or .zst"
    )]
    Method,
    #[error("the file in the zip has more than 4 GiB; pack it as .gz or .zst, or split it")]
    TooLarge,
    #[error("the zip does not say how long its file is; pack the file again with another program, or as .gz")]
    LengthUnknown,
    #[error("the packed file is itself a packed file; unpack it once and upload what is inside")]
    Nested,
    #[error("this is an OpenDocument file (.ods); save the table as .xlsx or .csv and upload that")]
    OpenDocument,
}

/// Why a workbook is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WorkbookFault {
    #[error(
        "this is no workbook that can be read; open it in a spreadsheet program, save it as .xlsx or .csv and \
         upload that"
    )]
    Unreadable,
    #[error(
        "this is an Excel file of the old kind (.xls), or one with a password; save it as .xlsx or .csv, without \
         a password"
    )]
    OldOrLocked,
    #[error("a workbook has at most {limit} bytes; save the sheet as .csv, pack it and upload that")]
    TooLarge { limit: usize },
    #[error("the workbook unpacks to more than {limit} bytes; save the sheet as .csv and upload that")]
    UnpacksTooLarge { limit: u64 },
    #[error(
        "the workbook is packed as no spreadsheet program does it; save the sheet as .csv and upload that"
    )]
    Bomb,
    #[error(
        "the workbook has too much beside its cells (texts, formats, sheets); save the sheet as .csv and \
         upload that"
    )]
    TooRich,
    #[error(
        "the first sheet has more than {limit} cells, or too much text in them; save it as .csv and upload that"
    )]
    TooManyCells { limit: usize },
    #[error(
        "a cell of the workbook takes more than {limit} bytes, which no spreadsheet program writes; shorten its \
         text, or save the sheet as .csv and upload that"
    )]
    CellTooLong { limit: u64 },
}

impl From<WorkbookFault> for ReadError {
    fn from(fault: WorkbookFault) -> Self {
        Self::Workbook(fault)
    }
}

/// A limit that tripped inside a `Read`, on its way out through `io::Error`.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub(crate) enum Tripped {
    #[error("decompressed size over the limit")]
    TooLarge(u64),
    #[error("decompression ratio over the limit")]
    Bomb(u64),
    #[error("damaged compressed data")]
    Damaged,
    #[error("archive refused")]
    Archive(ArchiveFault),
    #[error("reading was stopped")]
    Stopped,
}

impl From<std::io::Error> for ReadError {
    fn from(error: std::io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Tripped>()) {
            Some(Tripped::TooLarge(limit)) => Self::TooLarge { limit: *limit },
            Some(Tripped::Bomb(ratio)) => Self::Bomb { ratio: *ratio },
            Some(Tripped::Archive(fault)) => Self::Archive(*fault),
            Some(Tripped::Stopped) => Self::Stopped,
            Some(Tripped::Damaged) => Self::Damaged(error),
            None => Self::Io(error),
        }
    }
}
