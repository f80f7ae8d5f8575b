//! A product row, read once.

use std::borrow::Cow;

use odyssey_types::{
    AllergenData, DeclaredAllergens, Gtin, GtinError, Jurisdiction, Nutrient, Nutrients, Nutrition,
    NutritionBasis, ProductFields, ProductStatus,
};

use super::context::Context;
use super::product_words::{basis, currency, jurisdiction, read_price, status, tag, take_currency};
use super::sealed::Parse;
use super::source::source_hash;
use super::{RowSettings, exact};
use crate::error::{RejectedRow, RowErrorCode, RowWarning, WarningCode};
use crate::first_seen::FirstSeen;
use crate::header::{BasisSource, Transform, unit_fits};
use crate::limits::{EXTERNAL_ID_MAX, LONG_TEXT_MAX, SHORT_TEXT_MAX};
use crate::plausible::{self, FindingKind};
use crate::target::{Target, TargetSet};
use crate::unit::Unit;
use crate::value::allergens::{self, Statement};
use crate::value::amount::{read_package, read_serving};
use crate::value::html::words_of_html;
use crate::value::text::is_placeholder;

/// What identifies the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentitySource {
    ExternalId,
    /// No external id in the row: its GTIN in fourteen digits.
    Gtin,
}

/// A product row that was taken; after it nobody sees a raw text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    /// 1-based number of the data row.
    pub row: u64,
    /// 1-based line of the decoded file where the row begins.
    pub line: u64,
    /// The identity: trimmed, NFC, case-sensitive, leading zeros kept.
    pub external_id: String,
    pub identity: IdentitySource,
    pub fields: ProductFields,
    /// The targets that the file has columns for. In `fields`, what is not present is to be kept as it
    /// is stored; what is present and empty is unknown.
    pub present: TargetSet,
    pub warnings: Vec<RowWarning>,
    /// SHA-256 of the mapped part of the source row (see [`super::row_hash_input`]).
    pub source_hash: [u8; 32],
}

/// Parts of fields that several columns make together.
#[derive(Default)]
struct Parts<'a> {
    external_id: Option<(usize, &'a str)>,
    gtin: Option<(usize, &'a str)>,
    basis: Option<NutritionBasis>,
    amounts: Nutrients,
    /// Where each amount stood, for its errors.
    amount_columns: Vec<(Nutrient, usize, &'a str)>,
    serving: Option<(usize, &'a str)>,
    serving_unit: Option<Unit>,
    serving_text: Option<String>,
    price: Option<(usize, &'a str)>,
    currency: Option<String>,
    allergens: DeclaredAllergens,
    tags: Vec<String>,
}

impl Parse for ProductRow {
    fn parse(
        mut row: Context<'_>,
        settings: &RowSettings,
        seen: &mut FirstSeen,
    ) -> Result<Self, RejectedRow> {
        let mut fields = ProductFields::default();
        let mut parts = Parts::default();
        let mut identity = None;
        if row.readable() {
            let plan = row.plan;
            for (target, columns) in &plan.targets {
                if let Some((column, cell)) = row.value(columns) {
                    read_cell(&mut row, &mut fields, &mut parts, *target, column, cell);
                }
            }
            read_flags(&mut row, &mut fields, &mut parts);
            identity = read_identity(&mut row, &mut fields, &parts, seen);
            join(&mut row, &mut fields, parts, settings);
        }
        let (plan, record) = (row.plan, row.record);
        let known = identity.as_ref().map(|(external_id, _)| external_id.clone());
        let read = row.finish(|warnings| {
            let (external_id, identity) = identity?;
            Some(Self {
                row: record.number,
                line: record.line,
                external_id,
                identity,
                fields,
                present: plan.present,
                warnings,
                source_hash: source_hash(plan, record),
            })
        });
        read.map_err(|rejected| RejectedRow { external_id: known, ..rejected })
    }

    fn note_identity(mut row: Context<'_>, seen: &mut FirstSeen) -> Option<String> {
        if !row.readable() {
            return None;
        }
        let mut parts = Parts::default();
        let mut fields = ProductFields::default();
        for (target, columns) in &row.plan.targets {
            match (target, row.known(columns)) {
                (Target::ExternalId, known) => parts.external_id = known,
                (Target::Gtin, known) => parts.gtin = known,
                _ => {}
            }
        }
        read_identity(&mut row, &mut fields, &parts, seen).map(|(identity, _)| identity)
    }
}

fn read_cell<'a>(
    row: &mut Context<'a>,
    fields: &mut ProductFields,
    parts: &mut Parts<'a>,
    target: Target,
    column: usize,
    cell: &'a str,
) {
    let short = SHORT_TEXT_MAX;
    if row.is_exact(column) && exact::read_product_cell(row, fields, target, column, cell) {
        return;
    }
    match target {
        Target::ExternalId => parts.external_id = Some((column, cell)),
        Target::Gtin => parts.gtin = Some((column, cell)),
        Target::Name => fields.name = row.text(column, cell, short),
        Target::Brand => fields.brand = row.text(column, cell, short),
        Target::Description => {
            let html = row.plan.mapping.columns[column].transform == Transform::Html;
            let cell = if html { Cow::Owned(words_of_html(cell)) } else { Cow::Borrowed(cell) };
            fields.description = row.text(column, &cell, LONG_TEXT_MAX);
        }
        Target::Category => fields.category_id = row.text(column, cell, short),
        Target::SubCategory => fields.sub_category_id = row.text(column, cell, short),
        Target::Cuisine => fields.cuisine = row.text(column, cell, short),
        Target::Market => fields.market = row.text(column, cell, short),
        Target::Price => parts.price = Some((column, cell)),
        Target::Currency => parts.currency = row.code(column, cell, |c| currency(&c.to_ascii_uppercase())),
        Target::Status => fields.status = row.code(column, cell, status).unwrap_or(ProductStatus::Active),
        Target::Ingredients => fields.ingredients = row.text(column, cell, LONG_TEXT_MAX),
        Target::Basis => parts.basis = row.code(column, cell, basis),
        Target::ServingSize => parts.serving = Some((column, cell)),
        Target::ServingVolume => {
            let read = read_serving(cell, Some(Unit::Millilitre));
            fields.serving_size.get_or_insert_default().amount_ml = read.size.amount_ml;
        }
        Target::PackageText => fields.package_text = row.text(column, cell, short),
        Target::ServingUnit => parts.serving_unit = Unit::parse(cell),
        Target::ServingText => parts.serving_text = row.text(column, cell, short),
        Target::PackageWeight => read_weight(row, fields, column, cell),
        Target::DietaryTags => {
            parts.tags.extend(row.list(column, cell).unwrap_or_default().iter().map(|t| tag(t)));
        }
        Target::Contains => declare(row, parts, column, cell, Statement::Contains),
        Target::MayContain => declare(row, parts, column, cell, Statement::MayContain),
        Target::Facility => declare(row, parts, column, cell, Statement::Facility),
        Target::FreeFrom => declare(row, parts, column, cell, Statement::FreeFrom),
        Target::Certifications => fields.certifications = row.list(column, cell),
        Target::RegulatoryCodes => fields.regulatory_codes = row.list(column, cell),
        Target::Images => fields.images = row.list(column, cell),
        Target::SourceUrl => fields.source_url = row.text(column, cell, short * 4),
        Target::LabelJurisdiction => {
            fields.label_jurisdiction = row.code(column, cell, jurisdiction).unwrap_or(Jurisdiction::Unknown);
        }
        Target::LabelAsOf => fields.label_as_of = row.date(column, cell),
        Target::AllergenData => {
            fields.allergen_data =
                row.code(column, cell, AllergenData::parse).unwrap_or(AllergenData::Unknown);
        }
        Target::Nutrient(nutrient) => {
            if let Some(stored) = amount(row, nutrient, column, cell) {
                parts.amounts.set(nutrient, Some(stored));
                parts.amount_columns.push((nutrient, column, cell));
            }
        }
        // Targets of customers are never mapped in a product file.
        _ => {}
    }
}

/// The identity and the GTIN; what is wrong with the identity refuses the row.
fn read_identity(
    row: &mut Context<'_>,
    fields: &mut ProductFields,
    parts: &Parts<'_>,
    seen: &mut FirstSeen,
) -> Option<(String, IdentitySource)> {
    let gtin = parts.gtin.map(|(column, cell)| (column, cell, read_gtin(row, column, cell)));
    fields.gtin = gtin.and_then(|(_, _, parsed)| parsed.ok());
    let (column, cell, identity, source) = match (parts.external_id, gtin) {
        (Some((column, cell)), _) => {
            if let Some((column, _, Err(_))) = gtin {
                row.warn(WarningCode::GtinUnknown, Some(column));
            }
            (column, cell, super::external_id(row, column, cell)?, IdentitySource::ExternalId)
        }
        (None, Some((column, cell, Ok(gtin)))) => {
            (column, cell, gtin.as_str().to_owned(), IdentitySource::Gtin)
        }
        (None, Some((column, cell, Err(fault)))) => {
            row.fail(fault.into(), Some(column), cell);
            return None;
        }
        (None, None) => {
            row.fail(RowErrorCode::IdentityMissing, None, "");
            return None;
        }
    };
    if let Some(first) = seen.note(&identity, row.record.number) {
        row.fail_with(RowErrorCode::DuplicateInFile, Some(column), cell, None, Some(first));
    }
    debug_assert!(identity.chars().count() <= EXTERNAL_ID_MAX, "an identity is within its limit");
    Some((identity, source))
}

/// A barcode; a zero that was put back is told, with what came of it.
fn read_gtin(row: &mut Context<'_>, column: usize, cell: &str) -> Result<Gtin, GtinError> {
    let written = Gtin::parse_written(cell)?;
    if let Some(restored) = written.restored() {
        row.warn_read(WarningCode::GtinZeroRestored, Some(column), Some(restored.to_owned()));
    }
    Ok(written.gtin)
}

/// An amount in µg (energy: J) on the step of its field.
fn amount(row: &mut Context<'_>, nutrient: Nutrient, column: usize, cell: &str) -> Option<i64> {
    let number = row.number(column, cell)?;
    let target = Target::Nutrient(nutrient);
    let Some(unit) = number.unit.or(row.plan.mapping.columns[column].unit) else {
        row.fail(RowErrorCode::NumberUnreadable, Some(column), cell);
        return None;
    };
    if !unit_fits(target, unit) {
        row.warn(WarningCode::UnitUnsupported, Some(column));
        return None;
    }
    let energy = nutrient == Nutrient::Energy;
    let factor = match unit {
        // 1 IU of vitamin D is 0.025 µg.
        Unit::Iu => (1, 40),
        // Ethanol weighs 0.789 g/ml.
        Unit::PercentVolume => (789_000, 1),
        _ if energy => unit.millikilocalories()?,
        _ => unit.micrograms()?,
    };
    match number.times(factor) {
        Ok((value, exact)) => {
            if !exact {
                row.warn(WarningCode::NumberRounded, Some(column));
            }
            // Checked against the range first, so that the conversion cannot overflow.
            if value.unsigned_abs() > 1 << 50 {
                row.fail(RowErrorCode::NutrientOutOfRange, Some(column), cell);
                return None;
            }
            Some(if energy { nutrient.unit().stored_of_steps(value) } else { value })
        }
        Err(_) => {
            row.fail(RowErrorCode::NutrientOutOfRange, Some(column), cell);
            None
        }
    }
}

fn declare<'a>(
    row: &mut Context<'a>,
    parts: &mut Parts<'a>,
    column: usize,
    cell: &str,
    statement: Statement,
) {
    let Some(cell) = row.text(column, cell, LONG_TEXT_MAX) else { return };
    let oddities = allergens::declare(&mut parts.allergens, &cell, statement);
    if oddities.none {
        row.warn(WarningCode::AllergensNone, Some(column));
    }
    if oddities.unmapped {
        row.warn(WarningCode::AllergenUnmapped, Some(column));
    }
}

fn read_weight(row: &mut Context<'_>, fields: &mut ProductFields, column: usize, cell: &str) {
    fields.package_text = row.text(column, cell, SHORT_TEXT_MAX);
    fields.package_weight_g = read_package(cell, row.plan.mapping.columns[column].unit);
    if fields.package_weight_g.is_none() {
        row.warn(WarningCode::PackageWeightUnread, Some(column));
    }
}

fn read_flags(row: &mut Context<'_>, fields: &mut ProductFields, parts: &mut Parts<'_>) {
    for (target, tag) in row.flags() {
        match target {
            Target::Certifications => fields.certifications.get_or_insert_default().push(tag),
            _ => parts.tags.push(tag),
        }
    }
}

/// What several columns make together, and what they must not contradict.
fn join(row: &mut Context<'_>, fields: &mut ProductFields, mut parts: Parts<'_>, settings: &RowSettings) {
    join_serving(row, fields, &mut parts);
    join_price(row, fields, &mut parts, settings);
    let mut tags: Vec<String> = Vec::with_capacity(parts.tags.len());
    for tag in parts.tags {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    if !tags.is_empty() {
        fields.dietary_tags = Some(tags);
    }
    if !parts.allergens.is_empty() {
        fields.allergens = Some(parts.allergens);
    }
    if parts.amounts.is_empty() {
        return;
    }
    let basis = match row.plan.mapping.basis_source {
        BasisSource::Column => parts.basis.unwrap_or(row.plan.mapping.basis),
        _ => row.plan.mapping.basis,
    };
    let nutrition = Nutrition { basis, amounts: parts.amounts };
    for finding in plausible::check(&nutrition, fields.serving_size.as_ref()) {
        let at = parts.amount_columns.iter().find(|(n, ..)| *n == finding.nutrient);
        let column = at.map(|(_, column, _)| *column);
        match finding.kind {
            FindingKind::Reject(code) => row.fail(code, column, at.map_or("", |(.., cell)| cell)),
            FindingKind::Flag(code) => row.warn(code, column),
        }
    }
    fields.nutrition = Some(nutrition);
}

fn join_serving(row: &mut Context<'_>, fields: &mut ProductFields, parts: &mut Parts<'_>) {
    let words = parts.serving_text.take();
    let Some((column, cell)) = parts.serving else {
        if let Some(words) = words {
            fields.serving_size = Some(read_serving(&words, None).size).map(|mut size| {
                size.text = Some(words);
                size
            });
        }
        return;
    };
    let Some(cell) = row.text(column, cell, SHORT_TEXT_MAX) else { return };
    let unit = parts.serving_unit.or(row.plan.mapping.columns[column].unit);
    let mut serving = read_serving(&cell, unit);
    if serving.out_of_range {
        row.warn(WarningCode::ServingOutOfRange, Some(column));
    } else if serving.size.amount_g.is_none() && serving.size.amount_ml.is_none() {
        row.warn(WarningCode::ServingUnitMissing, Some(column));
    }
    serving.size.text = words.or(serving.size.text);
    let size = serving.size;
    let empty = size.amount_g.is_none() && size.amount_ml.is_none() && size.text.is_none();
    fields.serving_size = (!empty).then_some(size);
}

fn join_price(
    row: &mut Context<'_>,
    fields: &mut ProductFields,
    parts: &mut Parts<'_>,
    settings: &RowSettings,
) {
    let Some((column, cell)) = parts.price else { return };
    let (text, symbol) = take_currency(cell);
    let Some(price) = read_price(text) else {
        let code = if is_placeholder(cell) {
            WarningCode::PlaceholderReadAsUnknown
        } else {
            WarningCode::PriceUnreadable
        };
        row.warn(code, Some(column));
        return;
    };
    let currency = parts.currency.take().or(symbol).or_else(|| settings.currency.clone());
    if currency.is_none() {
        row.warn(WarningCode::PriceWithoutCurrency, Some(column));
        return;
    }
    fields.price = Some(price);
    fields.currency = currency;
}
