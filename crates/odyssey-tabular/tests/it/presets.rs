//! Files of known origin by hand, one each: recognised, mapped without a click, every field with its value.

use odyssey_tabular::{
    BasisSource, HeaderOverride, HeaderSynonyms, IgnoredReason, Mode, Options, ReadError, Target,
    map_headers, open, presets,
};
use serde_json::{Value, json};

use crate::support::{Parsed, customers, products};

/// What a row says, without what it does not.
fn said(value: impl serde::Serialize) -> Value {
    fn strip(value: Value) -> Value {
        match value {
            Value::Object(members) => Value::Object(
                members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, strip(v))).collect(),
            ),
            other => other,
        }
    }
    strip(serde_json::to_value(value).expect("JSON"))
}

/// Reads a file of this preset; its rows as they are stored.
fn rows(file: &str, preset: &str) -> Vec<Value> {
    let parsed: Parsed<_> = products(file.as_bytes());
    assert_eq!(parsed.mapping.preset, Some(preset));
    assert_eq!(parsed.codes().into_iter().collect::<Vec<_>>(), []);
    let row = |row: &odyssey_tabular::ProductRow| {
        let mut value = said(&row.fields);
        value["external_id"] = json!(row.external_id);
        value
    };
    parsed.accepted.iter().map(row).collect()
}

/// Those of a row's fields that a file of any kind leaves as they are.
fn check(file: &str, preset: &str, expected: &[Value]) {
    let mut rows = rows(file, preset);
    for row in &mut rows {
        let members = row.as_object_mut().expect("an object");
        for (name, usual) in
            [("allergen_data", "unknown"), ("label_jurisdiction", "unknown"), ("status", "active")]
        {
            if members.get(name).is_some_and(|value| value == usual) {
                members.remove(name);
            }
        }
    }
    assert_eq!(rows, expected);
}

#[test]
fn open_food_facts_export() {
    check(
        OFF,
        "open_food_facts",
        &[
            json!({
                "external_id": "04006381333931", "gtin": "04006381333931", "name": "Oat \"bar\"", "brand": "Acme",
                "category_id": "Snacks,Bars", "dietary_tags": ["organic", "No; really"],
                "regulatory_codes": ["FR 01", "FR 02"], "ingredients": "oats, milk",
                "allergens": {
                    "contains": ["milk", "tree_nut"], "may_contain": ["peanut"], "facility": [], "free_from": []
                },
                "serving_size": {"amount_g": 45, "text": "1 bar (45 g)"}, "package_text": "2 x 45 g",
                "images": ["https://example.org/1.jpg"], "source_url": "https://example.org/p/1",
                "nutrition": {"basis": "per_100g", "amounts": {
                    "energy_kcal": 440.01, "fat_g": 20, "saturated_fat_g": 4.5, "carbohydrate_g": 50,
                    "sugars_g": 20, "fiber_g": 8, "protein_g": 12.5, "salt_g": 0.75, "sodium_mg": 300,
                    "vitamin_d_ug": 2, "calcium_mg": 120,
                }},
            }),
            json!({
                "external_id": "00000096385074", "gtin": "00000096385074", "name": "Cider", "package_text": "33 cl",
                "nutrition": {"basis": "per_100g", "amounts": {"energy_kcal": 43, "alcohol_g": 3.5505}},
            }),
        ],
    );
}

#[test]
fn open_food_facts_answers_of_its_api() {
    check(
        OFF_API,
        "open_food_facts",
        &[json!({
            "external_id": "04006381333931", "gtin": "04006381333931", "name": "Oat bar", "brand": "Acme",
            "category_id": "en:snacks; en:bars", "dietary_tags": ["organic"], "ingredients": "oats",
            "allergens": {"contains": ["milk"], "may_contain": ["peanut"], "facility": [], "free_from": []},
            "serving_size": {"amount_g": 45},
            "nutrition": {"basis": "per_100g", "amounts": {
                "energy_kcal": 440, "fat_g": 20, "carbohydrate_g": 50, "sodium_mg": 300,
            }},
        })],
    );
}

#[test]
fn usda_branded_foods() {
    check(
        FDC,
        "usda_fdc_branded",
        &[
            json!({
                "external_id": "1", "gtin": "00012345678905", "name": "OAT BAR", "brand": "Acme",
                "category_id": "Snacks", "market": "United States", "ingredients": "OATS, MILK.",
                "serving_size": {"amount_g": 45, "text": "1 bar"}, "package_weight_g": 340,
                "package_text": "12 oz/340 g", "label_as_of": "2020-09-03",
            }),
            json!({
                "external_id": "2", "brand": "Acme Foods", "category_id": "Drinks", "ingredients": "WATER",
                "serving_size": {"amount_ml": 240, "text": "1 cup"},
            }),
        ],
    );
}

#[test]
fn usda_sr28_as_csv_and_as_ascii() {
    let amounts = json!({
        "energy_kcal": 440, "fat_g": 20, "saturated_fat_g": 4.5, "cholesterol_mg": 10, "carbohydrate_g": 50,
        "sugars_g": 20, "fiber_g": 8, "protein_g": 12.5, "sodium_mg": 300, "calcium_mg": 120, "vitamin_d_ug": 2,
    });
    let serving = json!({"amount_g": 45, "text": "1 bar (1\" thick)"});
    let mut bar = json!({
        "external_id": "00012", "name": "OAT BAR,PLAIN", "serving_size": serving,
        "nutrition": {"basis": "per_100g", "amounts": amounts},
    });
    let water = json!({
        "external_id": "00013", "name": "WATER",
        "nutrition": {"basis": "per_100g", "amounts": {"energy_kcal": 0, "sodium_mg": 4}},
    });
    check(SR28_ASCII, "usda_sr28", &[bar.clone(), water]);
    bar["nutrition"]["amounts"]["selenium_ug"] = json!(4);
    bar["nutrition"]["amounts"]["vitamin_a_ug"] = json!(30);
    check(SR28, "usda_sr28", &[bar]);

    let one_table = "~00012~^~203~^12.5^0^~~^~1~\r\n~00012~^~204~^20^0^~~^~1~\r\n";
    let refused = open(one_table.as_bytes(), &Options::default()).map(|decoded| decoded.detected);
    let Err(ReadError::OneTableOfSr28) = refused else { panic!("refused") };
    // Tildes alone are no reason.
    assert!(open(&b"~sku~,name\n1,a\n"[..], &Options::default()).is_ok());
}

#[test]
fn a_table_of_synthea_that_would_make_people_without_their_allergies_is_refused() {
    for header in [
        "START,STOP,PATIENT,ENCOUNTER,CODE,DESCRIPTION",
        "\"DATE\",\"PATIENT\",\"ENCOUNTER\",\"CATEGORY\",\"CODE\",\"DESCRIPTION\",\"VALUE\",\"UNITS\",\"TYPE\"",
    ] {
        let file = format!("{header}\n1999-12-29,,p1,e1,111088007,Latex (substance)\n");
        let refused = open(file.as_bytes(), &Options::default()).map(|decoded| decoded.detected);
        assert!(matches!(refused, Err(ReadError::OneTableOfSynthea)), "{refused:?}");
    }
    assert!(open(&b"patient,code,description\np1,a,b\n"[..], &Options::default()).is_ok());
}

#[test]
fn shopify_variants_are_rows_and_take_from_their_product_what_they_leave_empty() {
    let bar = |sku: &str, gtin: &str, grams: u8| {
        json!({
            "external_id": sku, "gtin": gtin, "name": "Oat bar", "brand": "Acme", "description": "Oats & milk",
            "category_id": "Food > Snacks", "sub_category_id": "Bars", "dietary_tags": ["vegan", "gluten_free"],
            "ingredients": "oats", "images": ["https://example.org/1.jpg"],
            "package_weight_g": grams, "package_text": grams.to_string(),
        })
    };
    let tea = json!({
        "external_id": "T-1", "name": "Tea", "brand": "Brew", "package_text": "0", "status": "inactive",
    });
    check(
        SHOPIFY,
        "shopify_products",
        &[bar("B-1", "04006381333931", 45), bar("B-2", "00000096385074", 50), tea],
    );
    check(
        SHOPIFY_BY_HANDLE,
        "shopify_products",
        &[
            json!({"external_id": "oat-bar", "name": "Oat bar", "brand": "Acme"}),
            json!({"external_id": "tea", "name": "Tea", "brand": "Brew"}),
        ],
    );
    // The row of a picture is passed over, and the rows behind it keep their numbers.
    assert_eq!(
        products(SHOPIFY.as_bytes()).accepted.iter().map(|row| row.row).collect::<Vec<_>>(),
        [1, 2, 4]
    );
}

#[test]
fn google_merchant_feed_with_and_without_prefixes() {
    let mut bar = json!({
        "external_id": "A-1", "gtin": "04006381333931", "name": "Oat bar", "brand": "Acme",
        "description": "Oats 1\" thick", "category_id": "Food > Bars", "price": "1.50", "currency": "EUR",
        "source_url": "https://example.org/p/1", "images": ["https://example.org/1.jpg"],
        "package_weight_g": 45, "package_text": "45g",
    });
    check(MERCHANT, "google_merchant", std::slice::from_ref(&bar));
    let members = bar.as_object_mut().expect("an object");
    for name in ["description", "package_weight_g", "package_text"] {
        members.remove(name);
    }
    members.insert("category_id".to_owned(), json!("422"));
    check(MERCHANT_PREFIXED, "google_merchant", &[bar]);
}

#[test]
fn gs1_trade_items_in_one_document_and_in_many() {
    let bar = json!({
        "external_id": "04006381333931", "gtin": "04006381333931", "name": "Oat bar 45 g", "brand": "Acme",
        "category_id": "10000028", "ingredients": "oats",
        "allergens": {
            "contains": ["milk"], "may_contain": ["tree_nut.hazelnut"], "facility": [],
            "free_from": [{"allergen": "egg", "certified": false}],
        },
        "serving_size": {"amount_g": 45}, "package_weight_g": 45, "package_text": "0.045 kg",
        "images": ["https://example.org/1.jpg"],
        "nutrition": {"basis": "per_100g", "amounts": {
            "energy_kcal": 440, "fat_g": 20, "fiber_g": 0.5, "sodium_mg": 300, "calcium_mg": 120,
        }},
    });
    check(GDSN, "gs1_gdsn", std::slice::from_ref(&bar));
    let mut other = bar.clone();
    other["gtin"] = json!("00000096385074");
    other["external_id"] = json!("00000096385074");
    let second = GDSN.replace("04006381333931", "96385074");
    check(&format!("{GDSN}\n{second}"), "gs1_gdsn", &[bar.clone(), other.clone()]);
    check(&format!("[{GDSN},{second}]"), "gs1_gdsn", &[bar, other]);

    let two = products(format!("{GDSN}\n\n{second}").as_bytes());
    let lines = GDSN.lines().count() as u64;
    assert_eq!(
        two.accepted.iter().map(|row| (row.row, row.line)).collect::<Vec<_>>(),
        [(1, 1), (2, lines + 3)]
    );

    let large =
        GDSN.replace("Oat bar 45 g", &"x".repeat(odyssey_tabular::limits::GDSN_DOCUMENT_BYTES_MAX as usize));
    let table = odyssey_tabular::Table::new(open(large.as_bytes(), &Options::default()).expect("opens"));
    assert!(matches!(table, Err(ReadError::TooLarge { .. })));
    let cut = &GDSN[..GDSN.len() / 2];
    let table = odyssey_tabular::Table::new(open(cut.as_bytes(), &Options::default()).expect("opens"));
    assert!(matches!(table, Err(ReadError::GdsnUnreadable { line: 10.. })));
}

#[test]
fn a_file_cut_anywhere_is_read_or_refused() {
    for file in [GDSN, SR28_ASCII, SHOPIFY, OFF_API] {
        for end in (0..file.len()).step_by(3).filter(|end| file.is_char_boundary(*end)) {
            let Ok(decoded) = open(&file.as_bytes()[..end], &Options::default()) else { continue };
            let Ok(table) = odyssey_tabular::Table::new(decoded) else { continue };
            let headers = table.headers().to_vec();
            let mapping = map_headers(&headers, &table.sample(), Mode::Products, &HeaderSynonyms::default());
            let settings = crate::support::settings();
            let rows = odyssey_tabular::Rows::<_, odyssey_tabular::ProductRow>::new(table, mapping, settings);
            assert!(rows.expect("fits").count() <= 5);
        }
    }
}

#[test]
fn synthea_patients() {
    let parsed = customers(SYNTHEA.as_bytes());
    assert_eq!(parsed.mapping.preset, Some("synthea_patients"));
    let row = &parsed.accepted[0];
    assert_eq!(row.external_id.expose(), "p-1");
    assert_eq!(
        said(row.identity.expose()),
        json!({
            "name": "Ann1 Lee2", "birth_date": "1980-02-28", "address": "1 Road, Natick, Massachusetts, 01760",
            "tags": [],
        })
    );
    assert_eq!(said(row.profile.expose())["sex"], "female");
}

#[test]
fn amounts_apart_from_their_foods_are_known_and_are_no_products() {
    let headers = ["id", "fdc_id", "nutrient_id", "amount", "name", "unit_name"].map(str::to_owned);
    let mapping = map_headers(&headers, &[], Mode::Products, &HeaderSynonyms::default());
    assert_eq!(mapping.preset, Some("usda_fdc_nutrients"));
    assert!(!mapping.has_identity() && mapping.read_columns().next().is_none());
}

#[test]
fn a_persons_decision_goes_before_the_preset() {
    let headers: Vec<String> = FDC.lines().next().expect("headers").split(',').map(str::to_owned).collect();
    let decide =
        |header: &str, target| HeaderOverride { header: header.into(), target, unit: None, basis: None };
    let overrides = HeaderSynonyms {
        overrides: vec![
            decide("subbrand_name", Some(Target::Brand)),
            decide("FDC id", None),
            decide("short_description", Some(Target::Description)),
        ],
        basis: Some(odyssey_types::NutritionBasis::PerServing),
        ..HeaderSynonyms::default()
    };
    let mapping = map_headers(&headers, &[], Mode::Products, &overrides);
    assert_eq!((mapping.preset, mapping.basis_source), (Some("usda_fdc_branded"), BasisSource::Override));
    let column = |header: &str| mapping.columns.iter().find(|c| c.header == header).expect("a column");
    assert_eq!(column("subbrand_name").confidence, 100);
    assert_eq!(column("fdc_id").reason, Some(IgnoredReason::ByRequest));
    assert_eq!(column("short_description").target, Some(Target::Description));
    assert_eq!(column("trade_channel").reason, Some(IgnoredReason::ByPreset));

    let plain = map_headers(&headers, &[], Mode::Products, &HeaderSynonyms::default());
    assert_eq!(plain.basis_source, BasisSource::Preset);
    assert_ne!(plain.digest(), mapping.digest());
}

#[test]
fn each_file_is_known_as_itself_and_a_vendors_own_as_none() {
    let ids: Vec<_> = presets().map(|preset| preset.id).collect();
    for id in ["open_food_facts", "shopify_products", "gs1_gdsn", "synthea_patients"] {
        assert!(ids.contains(&id), "{id}");
    }
    for (headers, mode) in [
        ("sku,name,brand,price,ingredients,allergens,fat_g,sodium_mg", Mode::Products),
        ("code,product_name,fat_100g,sugars_100g", Mode::Products),
        ("id,title,link,price", Mode::Products),
        ("id,title,link,image_link,price,availability,a,b,c,d,e,f", Mode::Products),
        ("handle,title,price", Mode::Products),
        ("fdc_id,gtin_upc,name,kcal", Mode::Products),
        ("NDB_No,name,energy", Mode::Products),
        ("gtin,tradeItemDescription", Mode::Products),
        ("id,birthdate,first,last,gender,allergies", Mode::Customers),
        ("", Mode::Products),
    ] {
        let headers: Vec<String> = headers.split(',').map(str::to_owned).collect();
        let mapping = map_headers(&headers, &[], mode, &HeaderSynonyms::default());
        assert_eq!(mapping.preset, None, "{headers:?}");
    }
    let synthea: Vec<String> =
        SYNTHEA.lines().next().expect("headers").split(',').map(str::to_owned).collect();
    assert_eq!(map_headers(&synthea, &[], Mode::Products, &HeaderSynonyms::default()).preset, None);
}

const OFF: &str = "code\turl\tproduct_name\tgeneric_name\tquantity\tbrands\tcategories\tcategories_en\tlabels\tlabels_en\temb_codes\tcountries\tingredients_text\tallergens\ttraces\tserving_size\tnutriscore_grade\timage_url\tenergy-kj_100g\tenergy-kcal_100g\tenergy_100g\tfat_100g\tsaturated-fat_100g\tcarbohydrates_100g\tcarbohydrates-total_100g\tsugars_100g\tfiber_100g\tproteins_100g\tsalt_100g\tsodium_100g\talcohol_100g\tvitamin-d_100g\tcalcium_100g\n\
4006381333931\thttps://example.org/p/1\tOat \"bar\"\tBar\t2 x 45 g\tAcme\ta\tSnacks,Bars\tfr:bio\tOrganic,No; really\tFR 01,FR 02\tFrance\toats, milk\ten:milk,en:nuts\ten:peanuts\t1 bar (45 g)\tc\thttps://example.org/1.jpg\t\t\t1841\t20\t4.5\t50\t55\t20\t8\t12.5\t0.75\t0.3\t\t0.0000015\t0.12\n\
96385074\t\t\tCider\t33 cl\t\t\t\t\t\t\t\t\t\t\t\t\t\t180\t43\t180\t\t\t\t\t\t\t\t\t\t4.5\t\t\n";
const OFF_API: &str = r#"{"code":"4006381333931","product_name":"Oat bar","product_name_en":"Oat bar","product_name_fr":"Barre","brands":"Acme","ingredients":[{"id":"en:oat"}],"ingredients_text":"oats","ingredients_text_fr":"avoine","categories_tags":["en:snacks","en:bars"],"labels_tags":["en:organic"],"allergens_tags":["en:milk"],"traces_tags":["en:peanuts"],"nutrition_data_per":"serving","serving_size":"45 g","nutriments":{"fat":9,"fat_100g":20,"fat_serving":9,"fat_unit":"g","energy":800,"energy_100g":1841,"energy-kcal_100g":440,"energy-kcal_unit":"kcal","sodium":0.1,"sodium_100g":0.3,"sodium_unit":"mg","carbohydrates_100g":50,"carbohydrates-total_100g":55,"sugars_prepared_100g":1}}
"#;
const FDC: &str = "fdc_id,brand_owner,brand_name,subbrand_name,gtin_upc,ingredients,not_a_significant_source_of,serving_size,serving_size_unit,household_serving_fulltext,branded_food_category,data_source,package_weight,modified_date,available_date,market_country,discontinued_date,preparation_state_code,trade_channel,short_description\n\
1,Acme Foods,Acme,,012345678905,\"OATS, MILK.\",,45.0,GRM,1 bar,Snacks,LI,12 oz/340 g,2020-09-03,2020-11-13,United States,,,,OAT BAR\n\
2,Acme Foods,,,1234,WATER,,240,MLT,1 cup,Drinks,LI,,,,,,,,\n";
const SR28: &str = "NDB_No,Shrt_Desc,Water_(g),Energ_Kcal,Protein_(g),Lipid_Tot_(g),Ash_(g),Carbohydrt_(g),Fiber_TD_(g),Sugar_Tot_(g),Calcium_(mg),Sodium_(mg),Selenium_(µg),Vit_A_IU,Vit_A_RAE_(µg)_,Vit_D_µg,Vit_D_IU,FA_Sat_(g),Cholestrl_(mg),GmWt_1,GmWt_Desc1,GmWt_2,GmWt_Desc2,Refuse_Pct\n\
00012,\"OAT BAR,PLAIN\",5,440,12.5,20,2,50,8,20,120,300,4.5,100,30,1.5,60,4.5,10,45,\"1 bar (1\"\" thick)\",28,1 oz,0\n";
const SR28_ASCII: &str = "~00012~^~OAT BAR,PLAIN~^5^440^12.5^20^^50^8^20^120^^^^^300^^^^^^^^^^^^^^^^^100^^^^^^^^^^60^^4.5^^^10^45^~1 bar (1\" thick)~^^~~^0\r\n~00013~^~WATER~^100^0^^^^^^^^^^^^4^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^~~^^^\r\n";
const SHOPIFY: &str = "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Variant SKU,Variant Grams,Variant Inventory Policy,Variant Price,Variant Compare At Price,Variant Barcode,Image Src,Image Position,Gift Card,SEO Title,Google Shopping / Condition,Variant Weight Unit,Cost per item,Status,Ingredients (product.metafields.custom.ingredients)\n\
oat-bar,Oat bar,<p>Oats &amp; milk</p>,Acme,Food > Snacks,Bars,\"vegan, Gluten Free\",TRUE,Flavour,Plain,B-1,45,deny,1.50,2.00,'4006381333931,https://example.org/1.jpg,1,FALSE,,new,g,0.5,active,oats\n\
oat-bar,,,,,,,,,Cocoa,B-2,50,deny,1.70,,96385074,,,,,,g,0.5,,\n\
oat-bar,,,,,,,,,,,,,,,,https://example.org/2.jpg,2,,,,,,,\n\
tea,Tea,,Brew,,,,false,,,T-1,0,deny,3,,,,,FALSE,,,g,,draft,\n";
const SHOPIFY_BY_HANDLE: &str =
    "Handle,Title,Vendor,Variant SKU,Variant Price\noat-bar,Oat bar,Acme,,1.50\ntea,Tea,Brew,,3\n";
const MERCHANT: &str = "id\ttitle\tdescription\tlink\timage link\tprice\tavailability\tbrand\tgtin\tproduct type\tgoogle product category\tcondition\tunit pricing measure\n\
A-1\tOat bar\t<b>Oats</b> 1\" thick\thttps://example.org/p/1\thttps://example.org/1.jpg\t1.50 EUR\tin_stock\tAcme\t4006381333931\tFood > Bars\t422\tnew\t45g\n";
const MERCHANT_PREFIXED: &str = "g:id\tg:title\tg:description\tg:link\tg:image_link\tg:price\tg:availability\tg:brand\tg:gtin\tg:google_product_category\n\
A-1\tOat bar\t\thttps://example.org/p/1\thttps://example.org/1.jpg\t1.50 EUR\tout of stock\tAcme\t4006381333931\t422\n";
const GDSN: &str = r##"{"n:catalogueItemNotificationMessage": {"transaction": {"catalogueItem": {
  "tradeItem": {"gtin": {"$t": "14006381333938"}, "isTradeItemAConsumerUnit": {"$t": "false"}, "tradeItemInformation": {"x:tradeItemDescriptionModule": {"tradeItemDescriptionInformation": {"tradeItemDescription": {"$t": "CASE"}}}}},
  "catalogueItemChildItemLink": {"catalogueItem": {
  "tradeItem": {
    "gtin": {"$t": "04006381333931"},
    "isTradeItemAConsumerUnit": {"$t": "true"},
    "brandOwner": {"gln": "1", "partyName": "Acme Foods"},
    "gdsnTradeItemClassification": {"gpcCategoryCode": "10000028"},
    "tradeItemInformation": {"extension": {
      "a:allergenInformationModule": {"allergenRelatedInformation": [{"allergen": [
        {"allergenTypeCode": "AM", "levelOfContainmentCode": "CONTAINS"},
        {"allergenTypeCode": "SH", "levelOfContainmentCode": "MAY_CONTAIN"},
        {"allergenTypeCode": "AE", "levelOfContainmentCode": "FREE_FROM"},
        {"allergenTypeCode": "AF", "levelOfContainmentCode": "UNDECLARED"}]}]},
      "i:foodAndBeverageIngredientModule": {"ingredientStatement": [{"$t": "avoine", "languageCode": "fr"}, {"$t": "oats", "languageCode": "en"}]},
      "n:nutritionalInformationModule": {"nutrientHeader": [
        {"preparationStateCode": "PREPARED", "servingSize": {"$t": "100", "measurementUnitCode": "GRM"}, "nutrientDetail": [
          {"nutrientTypeCode": "FAT", "quantityContained": {"$t": "99", "measurementUnitCode": "GRM"}}]},
        {"preparationStateCode": "UNPREPARED", "servingSize": {"#": "45", "@": {"measurementUnitCode": "GRM"}}, "nutrientDetail": [
          {"nutrientTypeCode": "FAT", "quantityContained": {"$t": "9", "measurementUnitCode": "GRM"}}]},
        {"preparationStateCode": "UNPREPARED", "servingSize": {"#": "100.0", "@": {"measurementUnitCode": "GRM"}}, "nutrientDetail": [
          {"nutrientTypeCode": "ENER-", "quantityContained": [{"$t": "1841", "measurementUnitCode": "KJO"}, {"$t": "440", "measurementUnitCode": "E14"}]},
          {"nutrientTypeCode": "FAT", "measurementPrecisionCode": "APPROXIMATELY", "quantityContained": {"$t": "20", "measurementUnitCode": "GRM"}},
          {"nutrientTypeCode": "FIBTG", "measurementPrecisionCode": "LESS_THAN", "quantityContained": [{"#": "0.5", "@": {"measurementUnitCode": "GRM"}}]},
          {"nutrientTypeCode": "NA", "quantityContained": {"$t": "0.3", "measurementUnitCode": "GRM"}},
          {"nutrientTypeCode": "CA", "quantityContained": {"$t": "120", "measurementUnitCode": "MGM"}}]}]},
      "f:referencedFileDetailInformationModule": {"referencedFileHeader": [
        {"referencedFileTypeCode": "PRODUCT_IMAGE", "uniformResourceIdentifier": "https://example.org/1.jpg"},
        {"referencedFileTypeCode": "DOCUMENT", "uniformResourceIdentifier": "https://example.org/1.pdf"}]},
      "d:tradeItemDescriptionModule": {"tradeItemDescriptionInformation": {
        "tradeItemDescription": {"#": "Oat bar 45 g", "@": {"languageCode": "en"}}, "brandNameInformation": {"brandName": "Acme"}}},
      "m:tradeItemMeasurementsModule": {"tradeItemMeasurements": {"netContent": [{"$t": "1", "measurementUnitCode": "H87"}, {"$t": "0.045", "measurementUnitCode": "KGM"}]}}}}
  }}}}}}}
"##;
const SYNTHEA: &str = "Id,BIRTHDATE,DEATHDATE,SSN,DRIVERS,PASSPORT,PREFIX,FIRST,LAST,SUFFIX,MAIDEN,MARITAL,RACE,ETHNICITY,GENDER,BIRTHPLACE,ADDRESS,CITY,STATE,COUNTY,ZIP,LAT,LON,HEALTHCARE_EXPENSES,HEALTHCARE_COVERAGE\n\
p-1,1980-02-28,,999-00-0000,S1,X1,Mrs.,Ann1,Lee2,,Ray3,M,white,nonhispanic,F,Town,1 Road,Natick,Massachusetts,County,01760,42.1,-71.3,10.5,1.5\n";
