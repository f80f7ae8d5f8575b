//! Sealing and opening the columns of one customer: one envelope per identity column, one for the notes,
//! one versioned JSON for the profile, each bound to vendor, customer and column.

use chrono::NaiveDate;
use odyssey_types::{CustomerId, CustomerIdentity, HealthProfile, Phi, VendorId};
use odyssey_vault::{Aad, BlindKind, PersonKey, VaultError, VendorKeys};
use serde::{Deserialize, Serialize};

use super::normalise::{normalise_email, normalise_phone};

/// Version of the JSON in `profile_sealed`.
const PROFILE_FORMAT: u32 = 1;

/// Whose columns they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub vendor: VendorId,
    pub customer: CustomerId,
}

/// The sealed identity columns of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SealedIdentity {
    pub external_id: Vec<u8>,
    pub name: Option<Vec<u8>>,
    pub email: Option<Vec<u8>>,
    pub phone: Option<Vec<u8>>,
    pub birth_date: Option<Vec<u8>>,
    pub address: Option<Vec<u8>>,
    pub member_number: Option<Vec<u8>>,
    pub tags: Option<Vec<u8>>,
    pub notes: Option<Vec<u8>>,
}

/// The identity a row holds now and its envelopes: what did not change keeps its envelope.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before<'a> {
    pub external_id: &'a str,
    pub identity: &'a CustomerIdentity,
    pub sealed: &'a SealedIdentity,
}

/// Seals what a customer is to become.
pub(super) fn seal_identity(
    place: Place,
    key: &PersonKey,
    external_id: &str,
    identity: &CustomerIdentity,
    before: Option<Before<'_>>,
) -> Result<SealedIdentity, VaultError> {
    let column =
        |column, now: Option<String>, was: Option<String>, sealed: Option<&Vec<u8>>| match (now, sealed) {
            (None, _) => Ok(None),
            (Some(now), Some(sealed)) if was.as_deref() == Some(now.as_str()) => Ok(Some(sealed.clone())),
            (Some(now), _) => key.seal(&place.aad(column), now.as_bytes()).map(Some),
        };
    macro_rules! text {
        ($name:literal, $field:ident) => {
            column(
                $name,
                identity.$field.clone(),
                before.and_then(|b| b.identity.$field.clone()),
                before.and_then(|b| b.sealed.$field.as_ref()),
            )?
        };
    }
    let external_id = match before.filter(|b| b.external_id == external_id) {
        Some(before) => before.sealed.external_id.clone(),
        None => key.seal(&place.aad("customers.external_id"), external_id.as_bytes())?,
    };
    Ok(SealedIdentity {
        external_id,
        name: text!("customers.name", name),
        email: text!("customers.email", email),
        phone: text!("customers.phone", phone),
        address: text!("customers.address", address),
        member_number: text!("customers.member_number", member_number),
        notes: text!("customers.notes", notes),
        birth_date: column(
            "customers.birth_date",
            identity.birth_date.map(|d| d.to_string()),
            before.and_then(|b| b.identity.birth_date).map(|d| d.to_string()),
            before.and_then(|b| b.sealed.birth_date.as_ref()),
        )?,
        tags: seal_tags(place, key, identity, before)?,
    })
}

fn seal_tags(
    place: Place,
    key: &PersonKey,
    identity: &CustomerIdentity,
    before: Option<Before<'_>>,
) -> Result<Option<Vec<u8>>, VaultError> {
    if identity.tags.is_empty() {
        return Ok(None);
    }
    let same = before.filter(|b| b.identity.tags == identity.tags).and_then(|b| b.sealed.tags.clone());
    match same {
        Some(sealed) => Ok(Some(sealed)),
        None => key.seal_json(&place.aad("customers.tags"), &identity.tags).map(Some),
    }
}

/// Opens the identity columns of a row.
pub(super) fn open_identity(
    place: Place,
    key: &PersonKey,
    sealed: &SealedIdentity,
) -> Result<(Phi<String>, Phi<CustomerIdentity>), VaultError> {
    let text = |column, sealed: &Option<Vec<u8>>| match sealed {
        Some(sealed) => open_text(key, &place.aad(column), sealed).map(Some),
        None => Ok(None),
    };
    let tags = match &sealed.tags {
        Some(sealed) => key.open_json(&place.aad("customers.tags"), sealed)?.into_exposed(),
        None => Vec::new(),
    };
    let birth_date = sealed.birth_date.as_ref().map(|date| open_birth_date(place, key, date)).transpose()?;
    let external_id = open_text(key, &place.aad("customers.external_id"), &sealed.external_id)?;
    let identity = CustomerIdentity {
        name: text("customers.name", &sealed.name)?,
        email: text("customers.email", &sealed.email)?,
        phone: text("customers.phone", &sealed.phone)?,
        birth_date,
        address: text("customers.address", &sealed.address)?,
        member_number: text("customers.member_number", &sealed.member_number)?,
        tags,
        notes: text("customers.notes", &sealed.notes)?,
    };
    Ok((Phi::new(external_id), Phi::new(identity)))
}

/// Opens only the birth date.
pub(super) fn open_birth_date(place: Place, key: &PersonKey, sealed: &[u8]) -> Result<NaiveDate, VaultError> {
    let date = open_text(key, &place.aad("customers.birth_date"), sealed)?.parse::<NaiveDate>();
    date.map_err(|_| VaultError::Format { what: "customers.birth_date" })
}

fn open_text(key: &PersonKey, aad: &Aad, sealed: &[u8]) -> Result<String, VaultError> {
    let plaintext = key.open(aad, sealed)?;
    std::str::from_utf8(&plaintext).map(str::to_owned).map_err(|_| VaultError::Format { what: aad.column })
}

#[derive(Serialize)]
struct ProfileOut<'a> {
    v: u32,
    profile: &'a HealthProfile,
}

#[derive(Deserialize)]
struct ProfileIn {
    v: u32,
    profile: HealthProfile,
}

/// Seals a profile as `{"v":1,"profile":{…}}`.
pub(super) fn seal_profile(
    place: Place,
    key: &PersonKey,
    profile: &HealthProfile,
) -> Result<Vec<u8>, VaultError> {
    key.seal_json(&place.aad("health_profiles.profile"), &ProfileOut { v: PROFILE_FORMAT, profile })
}

/// Opens a profile; one of a later format is refused and not half read.
pub(super) fn open_profile(
    place: Place,
    key: &PersonKey,
    sealed: &[u8],
) -> Result<Phi<HealthProfile>, VaultError> {
    let read: Phi<ProfileIn> = key.open_json(&place.aad("health_profiles.profile"), sealed)?;
    if read.expose().v != PROFILE_FORMAT {
        return Err(VaultError::Format { what: "health_profiles.profile" });
    }
    Ok(read.map(|read| read.profile))
}

/// What a customer can be found by, as blind-index tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tokens {
    pub external_id: i64,
    pub email: Option<i64>,
    pub phone: Option<i64>,
}

impl Tokens {
    pub fn of(keys: &VendorKeys, external_id: &str, identity: &CustomerIdentity) -> Self {
        let token = |kind, text: Option<String>| text.map(|text| keys.blind_index(kind, &text));
        Self {
            external_id: keys.blind_index(BlindKind::ExternalId, external_id),
            email: token(BlindKind::Email, identity.email.as_deref().and_then(normalise_email)),
            phone: token(BlindKind::Phone, identity.phone.as_deref().and_then(normalise_phone)),
        }
    }
}

impl Place {
    fn aad(self, column: &'static str) -> Aad {
        Aad { vendor: self.vendor, row: self.customer.as_uuid(), column }
    }
}
