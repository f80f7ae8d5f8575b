//! Meanings that a platform and its vendors give to headers and values.

use std::sync::Arc;

use odyssey_tabular::{
    BasisSource, ColumnSource, ColumnStatus, CustomerRow, FieldRule, HeaderOverride, HeaderSynonyms,
    IgnoredReason, Mapping, Mode, Options, Outcome, ParseRow, ProductRow, RejectedRow, Rows, Table, Target,
    Treatment, Unit, Vocabulary, WordOwner, map_headers, open,
};
use odyssey_types::{Nutrient, NutritionBasis, ProductStatus};

use super::support::settings;

fn rule(target: Target, transform: &str) -> FieldRule {
    let treatment = match transform {
        "" => Treatment::default(),
        text => Treatment::parse(text, target).expect("a transform"),
    };
    FieldRule { target, treatment }
}

fn read<T: ParseRow>(file: &str, mode: Mode, vocabulary: Vocabulary) -> (Mapping, Vec<T>, Vec<RejectedRow>) {
    let vocabulary = Arc::new(vocabulary);
    let options = Options { mode: Some(mode), vocabulary: Arc::clone(&vocabulary), ..Options::default() };
    let table = Table::new(open(file.as_bytes(), &options).expect("opens")).expect("has a header");
    let synonyms = HeaderSynonyms { vocabulary, ..HeaderSynonyms::default() };
    let mapping = map_headers(table.headers(), &table.sample(), mode, &synonyms);
    let (mut accepted, mut rejected) = (Vec::new(), Vec::new());
    for row in Rows::<_, T>::new(table, mapping.clone(), settings()).expect("fits") {
        match row.expect("readable") {
            Outcome::Accepted(row) => accepted.push(row),
            Outcome::Rejected(row) => rejected.push(row),
        }
    }
    (mapping, accepted, rejected)
}

fn sources(mapping: &Mapping) -> Vec<Option<ColumnSource>> {
    mapping.columns.iter().map(|c| c.source).collect()
}

#[test]
fn foreign_headers_are_read_as_they_were_saved_and_the_rest_is_found() {
    let mut words = Vocabulary::default();
    words.save("ARTIKELNR.", vec![rule(Target::ExternalId, "")]);
    words.save("Bezeichnung", vec![rule(Target::Name, "")]);
    words.save("Eiweiß", vec![rule(Target::Nutrient(Nutrient::Protein), "decimal_comma")]);
    words.save("brand", Vec::new());
    words.basis = Some(NutritionBasis::Per100g);
    let file = "Artikelnr;Bezeichnung;Eiweiß;brand;Fett\n7;Riegel;\"1.234,5 mg\";Acme;2\n8;Brot;1.5;;\n";
    let (mapping, accepted, rejected) = read::<ProductRow>(file, Mode::Products, words);
    let product = &accepted[0];
    assert_eq!((product.external_id.as_str(), product.fields.name.as_deref()), ("7", Some("Riegel")));
    assert_eq!(product.fields.brand, None);
    let amounts = &product.fields.nutrition.as_ref().expect("amounts").amounts;
    assert_eq!(amounts.get(Nutrient::Protein), Some(1_234_500));
    assert_eq!(mapping.basis_source, BasisSource::Saved);
    let saved = Some(ColumnSource::Saved);
    assert_eq!(sources(&mapping)[..4], [saved, saved, saved, saved]);
    assert_eq!(mapping.columns[3].reason, Some(IgnoredReason::BySaved));
    assert_eq!(mapping.columns[4].source, Some(ColumnSource::Header));
    // The value is told as the file writes it.
    assert_eq!(rejected[0].errors[0].value.expose().as_deref(), Some("1.5"));
    assert_eq!(rejected[0].errors[0].column.as_deref(), Some("Eiweiß"));
}

#[test]
fn one_column_fills_several_fields() {
    let mut words = Vocabulary::default();
    words.save("sku", vec![rule(Target::ExternalId, ""), rule(Target::Gtin, "digits")]);
    words.save("Artikel", vec![rule(Target::Brand, "part:1:/"), rule(Target::Name, "part:2:/")]);
    let file = "sku,Artikel,vegan\nEAN 4006381333931,Acme / Oat bar,yes\n,Nobody / Bar,no\n";
    let (mapping, accepted, rejected) = read::<ProductRow>(file, Mode::Products, words);
    assert_eq!((mapping.columns.len(), mapping.columns[3].index, mapping.columns[4].index), (5, 0, 1));
    let product = &accepted[0];
    assert_eq!(product.external_id, "EAN 4006381333931");
    assert_eq!(product.fields.gtin.map(|g| g.to_string()).as_deref(), Some("04006381333931"));
    assert_eq!(product.fields.brand.as_deref(), Some("Acme"));
    assert_eq!(product.fields.name.as_deref(), Some("Oat bar"));
    assert_eq!(product.fields.dietary_tags, Some(vec!["vegan".to_owned()]));
    // A refused row has its cells once.
    assert_eq!(rejected[0].cells.expose().len(), 3);
}

#[test]
fn a_vendors_word_goes_before_a_format_and_the_platforms_behind_it() {
    let file = "code,product_name,fat_100g,labels_en,countries\n4006381333931,Bar,2,Organic,France\n";
    let mut words = Vocabulary::default();
    words.add_header("labels_en", rule(Target::Certifications, ""), WordOwner::Platform);
    let read = |words: &Vocabulary| {
        let (mapping, ..) = read::<ProductRow>(file, Mode::Products, words.clone());
        assert_eq!(mapping.preset, Some("open_food_facts"));
        (mapping.columns[3].target, mapping.columns[3].source)
    };
    assert_eq!(read(&words), (Some(Target::DietaryTags), Some(ColumnSource::Preset)));
    words.add_header("Labels EN", rule(Target::Certifications, ""), WordOwner::Vendor);
    assert_eq!(read(&words), (Some(Target::Certifications), Some(ColumnSource::Synonym)));
}

#[test]
fn a_word_of_the_platform_gives_way_to_the_vendors_and_the_saved_mapping_to_a_request() {
    let mut words = Vocabulary::default();
    words.add_header("Hersteller", rule(Target::Market, ""), WordOwner::Platform);
    words.add_header("hersteller", rule(Target::Brand, ""), WordOwner::Vendor);
    words.add_header("Art. Nr", rule(Target::ExternalId, ""), WordOwner::Platform);
    words.save("name", vec![rule(Target::Description, "")]);
    let headers = ["Art Nr", "Hersteller", "name"].map(str::to_owned);
    let request =
        HeaderOverride { header: "Name".into(), target: Some(Target::Name), unit: None, basis: None };
    let mut synonyms = HeaderSynonyms { vocabulary: Arc::new(words), ..HeaderSynonyms::default() };
    let mapping = map_headers(&headers, &[], Mode::Products, &synonyms);
    let targets = |mapping: &Mapping| mapping.columns.iter().map(|c| c.target).collect::<Vec<_>>();
    assert_eq!(targets(&mapping), [Some(Target::ExternalId), Some(Target::Brand), Some(Target::Description)]);
    assert_eq!(mapping.columns.iter().map(|c| c.confidence).collect::<Vec<_>>(), [98, 99, 100]);
    synonyms.overrides.push(request);
    let mapping = map_headers(&headers, &[], Mode::Products, &synonyms);
    assert_eq!(targets(&mapping)[2], Some(Target::Name));
    assert_eq!(mapping.columns[2].source, Some(ColumnSource::Request));
}

#[test]
fn two_words_for_one_field_are_ambiguous_and_two_saved_columns_are_read_in_their_order() {
    let headers = ["sku", "Titel", "Bezeichnung"].map(str::to_owned);
    let check = |words: Vocabulary, expected: [ColumnStatus; 2]| {
        let synonyms = HeaderSynonyms { vocabulary: Arc::new(words), ..HeaderSynonyms::default() };
        let mapping = map_headers(&headers, &[], Mode::Products, &synonyms);
        assert_eq!([mapping.columns[1].status, mapping.columns[2].status], expected);
    };
    let mut words = Vocabulary::default();
    words.add_header("Titel", rule(Target::Name, ""), WordOwner::Vendor);
    words.add_header("Bezeichnung", rule(Target::Name, ""), WordOwner::Vendor);
    check(words, [ColumnStatus::Ambiguous; 2]);
    let mut saved = Vocabulary::default();
    saved.save("Bezeichnung", vec![rule(Target::Name, "")]);
    saved.save("Titel", vec![rule(Target::Name, "")]);
    check(saved, [ColumnStatus::Fallback, ColumnStatus::Mapped]);
}

#[test]
fn confirming_what_would_be_found_changes_no_digest_and_a_word_for_a_value_does() {
    let headers = ["sku", "name", "status", "sodium"].map(str::to_owned);
    let sample = vec![["1", "Bar", "active", "400"].map(str::to_owned).to_vec()];
    let map = |words: Vocabulary| {
        let synonyms = HeaderSynonyms { vocabulary: Arc::new(words), ..HeaderSynonyms::default() };
        map_headers(&headers, &sample, Mode::Products, &synonyms)
    };
    let found = map(Vocabulary::default());
    let mut words = Vocabulary::default();
    words.save("SKU", vec![rule(Target::ExternalId, "")]);
    words.save("Name", vec![rule(Target::Name, "trim")]);
    words.save("sodium", vec![rule(Target::Nutrient(Nutrient::Sodium), "unit:mg")]);
    words.add_header("status", rule(Target::Status, ""), WordOwner::Vendor);
    let confirmed = map(words.clone());
    assert_eq!(confirmed.digest(), found.digest());
    assert_eq!(sources(&confirmed)[0], Some(ColumnSource::Saved));
    words.add_value(Target::Cuisine, "ital.", "italian");
    assert_eq!(map(words.clone()).digest(), found.digest());
    words.add_value(Target::Status, "auf Lager", "active");
    assert_ne!(map(words.clone()).digest(), found.digest());
    let mut grams = Vocabulary::default();
    grams.save("sodium", vec![rule(Target::Nutrient(Nutrient::Sodium), "unit:g")]);
    assert_ne!(map(grams).digest(), found.digest());
}

#[test]
fn a_saved_column_is_read_before_one_that_our_table_prefers() {
    let headers = ["external_id", "sku", "name", "title"].map(str::to_owned);
    let mut words = Vocabulary::default();
    words.save("sku", vec![rule(Target::ExternalId, "")]);
    words.save("title", vec![rule(Target::Name, "")]);
    let synonyms = HeaderSynonyms { vocabulary: Arc::new(words), ..HeaderSynonyms::default() };
    let mapping = map_headers(&headers, &[], Mode::Products, &synonyms);
    let status = |at: usize| mapping.columns[at].status;
    assert_eq!((status(0), status(1)), (ColumnStatus::Ignored, ColumnStatus::Mapped));
    assert_eq!((status(2), status(3)), (ColumnStatus::Fallback, ColumnStatus::Mapped));
    let found = map_headers(&headers, &[], Mode::Products, &HeaderSynonyms::default());
    assert_ne!(mapping.digest(), found.digest());
}

#[test]
fn words_turn_values_into_ours_before_they_are_typed() {
    let mut words = Vocabulary::default();
    words.add_value(Target::Status, "Auf Lager", "active");
    words.add_value(Target::Status, "ausgelistet", "discontinued");
    words.add_value(Target::Contains, "Milcheiweiss", "milk");
    words.add_value(Target::Category, "Riegel", "bars");
    let file = "sku,status,category,allergens\n1,auf lager,RIEGEL,\"Milcheiweiss, soy\"\n2,Ausgelistet,Brot,\n3,weg,,\n";
    let (_, accepted, rejected) = read::<ProductRow>(file, Mode::Products, words);
    assert_eq!(accepted[0].fields.status, ProductStatus::Active);
    assert_eq!(accepted[0].fields.category_id.as_deref(), Some("bars"));
    let contains = &accepted[0].fields.allergens.as_ref().expect("declared").contains;
    assert_eq!(format!("{contains:?}").matches("milk").count(), 1, "{contains:?}");
    assert_eq!(accepted[1].fields.status, ProductStatus::Discontinued);
    assert_eq!(accepted[1].fields.category_id.as_deref(), Some("Brot"));
    assert_eq!(rejected[0].errors[0].value.expose().as_deref(), Some("weg"));
}

#[test]
fn a_word_for_a_quantity_takes_its_unit_from_the_values_or_is_not_read() {
    let headers = ["id", "Gewicht", "Größe"].map(str::to_owned);
    let sample: Vec<Vec<String>> =
        (0..5).map(|n| vec![n.to_string(), "150".into(), format!("17{n}")]).collect();
    let mut words = Vocabulary::default();
    words.add_header("gewicht", rule(Target::Weight, ""), WordOwner::Vendor);
    words.add_header("größe", rule(Target::Height, ""), WordOwner::Vendor);
    let synonyms = HeaderSynonyms { vocabulary: Arc::new(words), ..HeaderSynonyms::default() };
    let mapping = map_headers(&headers, &sample, Mode::Customers, &synonyms);
    assert_eq!(mapping.columns[1].reason, Some(IgnoredReason::UnitMissing));
    assert_eq!((mapping.columns[2].unit, mapping.columns[2].confidence), (Some(Unit::Centimetre), 90));
}

#[test]
fn customers_have_a_header_only_where_a_word_names_their_identity() {
    let file = "Mitgliedsnummer,Ernährung,Vegan?\nM-1,halal,ja\nM-2,,nein\n";
    let mut words = Vocabulary::default();
    words.add_header("ernährung", rule(Target::Diets, ""), WordOwner::Vendor);
    words.add_header("vegan", rule(Target::Diets, "flag:vegan"), WordOwner::Vendor);
    let (mapping, ..) = read::<CustomerRow>(file, Mode::Customers, words.clone());
    assert_eq!(mapping.columns[0].header, "column_1");
    words.add_header("mitgliedsnummer", rule(Target::ExternalId, ""), WordOwner::Platform);
    let (_, accepted, rejected) = read::<CustomerRow>(file, Mode::Customers, words);
    assert!(rejected.is_empty());
    let diets: Vec<&str> = accepted[0].profile.expose().diets.iter().map(|d| d.diet.as_str()).collect();
    assert_eq!(diets, ["halal", "vegan"]);
    assert!(accepted[1].profile.expose().diets.is_empty());
}

#[test]
fn the_name_of_every_unit_is_read_as_that_unit() {
    for unit in [
        Unit::Microgram,
        Unit::Milligram,
        Unit::Gram,
        Unit::Kilogram,
        Unit::Ounce,
        Unit::Pound,
        Unit::Stone,
        Unit::Millilitre,
        Unit::Centilitre,
        Unit::Decilitre,
        Unit::Litre,
        Unit::FluidOunce,
        Unit::Joule,
        Unit::Kilojoule,
        Unit::Kilocalorie,
        Unit::Centimetre,
        Unit::Metre,
        Unit::Millimetre,
        Unit::Inch,
        Unit::Foot,
        Unit::Iu,
        Unit::PercentVolume,
        Unit::Percent,
    ] {
        let name = serde_json::to_value(unit).expect("a name");
        assert_eq!(Unit::parse(name.as_str().expect("a text")), Some(unit), "{name}");
    }
}
