//! Deciding what becomes of each record, from what is stored and what is wanted. Opens and seals; does
//! no IO.

use chrono::{DateTime, Utc};
use odyssey_types::{CustomerId, CustomerStatus, HealthProfile, Phi, UserId, VendorId};
use odyssey_vault::{PersonKey, VaultError, VendorKeys, canonical_external_id};
use serde_json::{Map, Value};

use super::consents::{LatestConsent, NewConsent, Settlement, Wanting, settle};
use super::customer::age_on;
use super::merge::{Record, merge_profile, merge_record};
use super::seal::{self, Before, Place, SealedIdentity, Tokens};
use super::store::{CustomerRow, ProfileRow};
use super::validate::{validate_health, validate_identity};
use super::write::{BatchOptions, Change, CustomerWrite, Row, Target, WriteResult};
use super::{ConsentState, Customer, CustomerContent, Observed, RowOutcome, WriteRefusal, merging};
use crate::field::FieldError;

/// A stored customer, opened, with what is needed to seal it again.
#[derive(Debug)]
pub(super) struct Stored {
    pub customer: Customer,
    pub sealed: SealedIdentity,
    pub person_key: Vec<u8>,
    pub key: PersonKey,
    pub deleted: bool,
    /// Another customer went into it, and its writer has looked.
    pub absorbed: bool,
    /// Loaded only where a record touches it.
    pub profile: Option<StoredProfile>,
}

#[derive(Debug)]
pub(super) struct StoredProfile {
    pub profile: Phi<HealthProfile>,
    pub row_version: i64,
}

impl Stored {
    pub fn open(
        keys: &VendorKeys,
        vendor: VendorId,
        row: CustomerRow,
        profile: Option<ProfileRow>,
    ) -> Result<Self, VaultError> {
        let place = Place { vendor, customer: row.id };
        let key = keys.open_person_key(row.id, &row.person_key)?;
        let (external_id, identity) = seal::open_identity(place, &key, &row.sealed)?;
        let profile = match profile {
            Some(profile) => Some(StoredProfile {
                profile: seal::open_profile(place, &key, &profile.sealed)?,
                row_version: profile.row_version,
            }),
            None => None,
        };
        let deleted = row.deleted_at.is_some();
        let (customer, sealed, person_key) = row.into_customer(external_id, identity);
        Ok(Self { customer, sealed, person_key, key, deleted, absorbed: false, profile })
    }

    fn record(&self) -> Record {
        Record { identity: self.customer.identity.expose().clone(), status: self.customer.status }
    }
}

/// A customer that will be written.
#[derive(Debug)]
pub(super) struct Changed {
    pub row: Row,
    pub outcome: RowOutcome,
    pub status: CustomerStatus,
    pub person_key: Vec<u8>,
    pub sealed: SealedIdentity,
    /// Absent when they stay as they are.
    pub tokens: Option<Tokens>,
    /// Absent when it stays as it is.
    pub profile_sealed: Option<Vec<u8>>,
    pub has_profile: bool,
    pub health_consent: ConsentState,
    pub consent_version: i64,
    pub lists_version: i64,
    pub row_version: i64,
    pub edited_at: Option<DateTime<Utc>>,
    pub source_hash: Option<[u8; 32]>,
    pub deleted: bool,
    /// It was deleted and comes back, without what it had.
    pub returned: bool,
    pub consents: Vec<NewConsent>,
}

impl Changed {
    /// Nobody had this external id before.
    pub const fn is_new(&self) -> bool {
        self.row_version == 1
    }
}

/// What a chunk of records amounts to.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    keys: &'a VendorKeys,
    now: DateTime<Utc>,
    options: &'a BatchOptions,
    user_id: Option<UserId>,
    pub changed: Vec<Changed>,
    /// Records that need no write.
    pub settled: Vec<(usize, Result<WriteResult, WriteRefusal>)>,
    /// Source rows to remember for customers whose content stays.
    pub marks: Vec<(CustomerId, [u8; 32])>,
    pub consents_withheld: usize,
    /// What changes, where somebody wants to see it.
    pub observed: Vec<Observed>,
    /// Records of a file that would have taken from a merged customer what protects them, and did not.
    pub united: Vec<usize>,
}

/// Why a record is not planned.
enum Stop {
    Settled(RowOutcome, i64),
    Refused(WriteRefusal),
    Vault(VaultError),
}

impl From<WriteRefusal> for Stop {
    fn from(refusal: WriteRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Vec<FieldError>> for Stop {
    fn from(errors: Vec<FieldError>) -> Self {
        Self::Refused(WriteRefusal::Invalid(errors))
    }
}

impl From<VaultError> for Stop {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

/// What a record wants the customer to be.
struct Wanted {
    external_id: Phi<String>,
    record: Phi<Record>,
    /// Absent when the record does not speak of the profile.
    profile: Option<Phi<HealthProfile>>,
}

impl Wanted {
    /// Unites what a file wants with what protects the stored customer; says whether that is more than it wants.
    fn keep_protection(&mut self, live: &Stored) -> bool {
        let mut united = false;
        // A birth date says how old somebody is, and rules for children hang on it.
        let birth_date = &mut self.record.expose_mut().identity.birth_date;
        let stored = live.customer.identity.expose().birth_date;
        if birth_date.is_none() && stored.is_some() {
            *birth_date = stored;
            united = true;
        }
        if let (Some(wanted), Some(stored)) = (&mut self.profile, &live.profile) {
            let kept = merging::keep_protection(stored.profile.expose(), wanted.expose());
            united |= kept != *wanted.expose();
            *wanted = Phi::new(kept);
        }
        united
    }
}

impl<'a> Plan<'a> {
    pub fn new(
        keys: &'a VendorKeys,
        now: DateTime<Utc>,
        options: &'a BatchOptions,
        user_id: Option<UserId>,
    ) -> Self {
        Self {
            keys,
            now,
            options,
            user_id,
            changed: Vec::new(),
            settled: Vec::new(),
            marks: Vec::new(),
            consents_withheld: 0,
            observed: Vec::new(),
            united: Vec::new(),
        }
    }

    /// Plans one record, given its customer as stored (deleted or not) and the consents as they stand.
    pub fn consider(
        &mut self,
        row: Row,
        write: &CustomerWrite,
        stored: Option<&Stored>,
        latest: &[LatestConsent],
    ) -> Result<(), VaultError> {
        match self.decide(row, write, stored, latest) {
            Ok(changed) => self.changed.push(changed),
            Err(Stop::Settled(outcome, row_version)) => {
                self.settled.push((row.at, Ok(WriteResult { id: row.id, outcome, row_version })));
            }
            Err(Stop::Refused(refusal)) => self.settled.push((row.at, Err(refusal))),
            Err(Stop::Vault(error)) => return Err(error),
        }
        Ok(())
    }

    fn decide(
        &mut self,
        row: Row,
        write: &CustomerWrite,
        stored: Option<&Stored>,
        latest: &[LatestConsent],
    ) -> Result<Changed, Stop> {
        let live = stored.filter(|s| !s.deleted);
        check_conditions(row.id, write, live)?;
        if let (Some(live), Some(import)) = (live, &self.options.import)
            // Edited after the import began, or after the very row wrote them: the person knew better than the file.
            && (live.customer.edited_at.is_some_and(|at| at >= import.started_at)
                || write.import.as_ref().is_some_and(|mark| mark.edited_since))
        {
            let same = self.says_the_same(write, live, latest);
            let outcome = if same { RowOutcome::Unchanged } else { RowOutcome::Kept };
            return Err(Stop::Settled(outcome, live.customer.row_version));
        }
        let mut wanted = want(write, live)?;
        if self.options.import.is_some()
            && let Some(live) = live.filter(|live| live.absorbed)
            && wanted.keep_protection(live)
        {
            self.united.push(row.at);
        }
        let returned = stored.is_some() && live.is_none();
        if returned && wanted.profile.is_none() && stored.is_some_and(|s| s.customer.has_profile) {
            // Whoever comes back does so without the profile of before.
            wanted.profile = Some(Phi::new(HealthProfile::default()));
        }
        let deleted = matches!(write.change, Change::Delete);
        let record_changed = live.is_none_or(|live| live.record() != *wanted.record.expose());
        let profile_changed = wanted.profile.as_ref().is_some_and(|profile| match live {
            Some(live) => {
                live.profile.as_ref().map_or(!profile.expose().is_empty(), |p| p.profile != *profile)
            }
            None => returned || !profile.expose().is_empty(),
        });
        let at = if matches!(write.change, Change::Merge(_)) { "/profile" } else { "" };
        self.validate(&wanted, record_changed && !deleted, profile_changed, at)?;
        let consents = self.settle_consents(write, stored, latest, deleted)?;
        let undone = self.options.undo.is_some();
        let nothing = !record_changed && !profile_changed && !deleted && consents.new.is_empty();
        // What is undone gets a version that says so, whatever differs.
        if live.is_some() && nothing && !undone {
            if let Some(mark) = &write.import {
                self.marks.push((row.id, mark.source_hash));
            }
            let row_version = live.map_or(0, |live| live.customer.row_version);
            return Err(Stop::Settled(RowOutcome::Unchanged, row_version));
        }
        if self.options.observe {
            self.observed.push(observe(row, live, &wanted));
        }
        let edit = Edit { record_changed, profile_changed, deleted, returned };
        Ok(self.seal(row, write, stored, &wanted, edit, consents)?)
    }

    /// Whether a record would change nothing.
    fn says_the_same(&mut self, write: &CustomerWrite, live: &Stored, latest: &[LatestConsent]) -> bool {
        let Ok(wanted) = want(write, Some(live)) else { return false };
        let profile = wanted.profile.as_ref().is_none_or(|wanted| match &live.profile {
            Some(stored) => stored.profile == *wanted,
            None => wanted.expose().is_empty(),
        });
        // Nothing is recorded here, so nothing is withheld either.
        let withheld = self.consents_withheld;
        let consents = self.settle_consents(write, Some(live), latest, false);
        self.consents_withheld = withheld;
        live.record() == *wanted.record.expose()
            && profile
            && consents.is_ok_and(|settled| settled.new.is_empty())
    }

    /// `at` is where the profile lies in the record.
    fn validate(
        &self,
        wanted: &Wanted,
        record_changed: bool,
        profile_changed: bool,
        at: &str,
    ) -> Result<(), Stop> {
        if self.options.undo.is_some() {
            // It was taken once, and what is undone is to be as it was.
            return Ok(());
        }
        let record = wanted.record.expose();
        let mut errors = Vec::new();
        if record_changed {
            errors = validate_identity(wanted.external_id.expose(), &record.identity, self.now);
        }
        if let Some(profile) = wanted.profile.as_ref().filter(|_| profile_changed) {
            let age = record.identity.birth_date.and_then(|birth| age_on(birth, self.now));
            errors.extend(validate_health(profile.expose(), age, at));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors.into()) }
    }

    fn settle_consents(
        &mut self,
        write: &CustomerWrite,
        stored: Option<&Stored>,
        latest: &[LatestConsent],
        deleted: bool,
    ) -> Result<Settlement, Stop> {
        for (at, change) in write.consents.iter().enumerate() {
            change.check().map_err(|mut error| {
                error.pointer = format!("/consents/{at}{}", error.pointer);
                vec![error]
            })?;
        }
        let settlement = settle(&Wanting {
            now: self.now,
            user_id: self.user_id,
            import: self.options.import.as_ref(),
            undo: self.options.undo.as_ref(),
            stated: &write.consents,
            deleted,
            latest,
            version: stored.map_or(0, |s| s.customer.consent_version),
            health: stored.map_or(ConsentState::Missing, |s| s.customer.health_consent),
        });
        self.consents_withheld += settlement.withheld;
        Ok(settlement)
    }

    fn seal(
        &self,
        row: Row,
        write: &CustomerWrite,
        stored: Option<&Stored>,
        wanted: &Wanted,
        edit: Edit,
        consents: Settlement,
    ) -> Result<Changed, VaultError> {
        let place = Place { vendor: self.keys.vendor(), customer: row.id };
        let fresh = match stored {
            Some(_) => None,
            None => Some(self.keys.new_person_key(row.id)?),
        };
        let (key, person_key) = match (stored, &fresh) {
            (Some(stored), _) => (&stored.key, &stored.person_key),
            (None, Some((key, wrapped))) => (key, wrapped),
            // Made just above.
            (None, None) => return Err(VaultError::Format { what: "a person key" }),
        };
        let record = wanted.record.expose();
        let external_id = wanted.external_id.expose();
        let before = stored.map(|s| Before {
            external_id: s.customer.external_id.expose(),
            identity: s.customer.identity.expose(),
            sealed: &s.sealed,
        });
        let profile = wanted.profile.as_ref().filter(|_| edit.profile_changed);
        let profile_sealed = profile.map(|p| seal::seal_profile(place, key, p.expose())).transpose()?;
        let live = stored.filter(|s| !s.deleted);
        Ok(Changed {
            row,
            outcome: match (live, edit.deleted) {
                (_, true) => RowOutcome::Deleted,
                (Some(_), false) => RowOutcome::Updated,
                (None, false) => RowOutcome::Created,
            },
            status: record.status,
            person_key: person_key.clone(),
            sealed: seal::seal_identity(place, key, external_id, &record.identity, before)?,
            tokens: self.tokens(wanted, live, edit),
            has_profile: profile
                .map_or_else(|| live.is_some_and(|s| s.customer.has_profile), |p| !p.expose().is_empty()),
            profile_sealed,
            health_consent: consents.health,
            consent_version: consents.version,
            lists_version: stored
                .map_or(0, |s| s.customer.lists_version + i64::from(edit.deleted || edit.returned)),
            row_version: stored.map_or(1, |s| s.customer.row_version + 1),
            edited_at: match &self.options.import {
                Some(_) => None,
                // The undo gives it back; see `versions`.
                None if self.options.undo.is_some() => None,
                None if edit.record_changed || edit.profile_changed => Some(self.now),
                None => live.and_then(|s| s.customer.edited_at),
            },
            source_hash: write.import.as_ref().map(|mark| mark.source_hash),
            deleted: edit.deleted,
            returned: edit.returned,
            consents: consents.new,
        })
    }

    fn tokens(&self, wanted: &Wanted, live: Option<&Stored>, edit: Edit) -> Option<Tokens> {
        let of = |external_id: &str, record: &Record| Tokens::of(self.keys, external_id, &record.identity);
        let now = of(wanted.external_id.expose(), wanted.record.expose());
        let was = live.map(|s| of(s.customer.external_id.expose(), &s.record()));
        (!edit.deleted && (edit.returned || was != Some(now))).then_some(now)
    }
}

fn observe(row: Row, live: Option<&Stored>, wanted: &Wanted) -> Observed {
    let content = |record: Record, profile| CustomerContent {
        identity: record.identity,
        status: record.status,
        profile,
    };
    let former = live.and_then(|live| live.profile.as_ref()).map(|stored| stored.profile.expose().clone());
    let profile = wanted.profile.as_ref().map(|profile| profile.expose().clone());
    let profile = profile.or_else(|| former.clone()).unwrap_or_default();
    Observed {
        at: row.at,
        id: row.id,
        outcome: if live.is_some() { RowOutcome::Updated } else { RowOutcome::Created },
        before: live.map(|live| Phi::new(content(live.record(), former.unwrap_or_default()))),
        after: Phi::new(content(wanted.record.expose().clone(), profile)),
    }
}

/// What of a customer changes.
#[derive(Debug, Clone, Copy)]
struct Edit {
    record_changed: bool,
    profile_changed: bool,
    deleted: bool,
    returned: bool,
}

/// The conditions that a record sets for being taken.
fn check_conditions(
    id: CustomerId,
    write: &CustomerWrite,
    live: Option<&Stored>,
) -> Result<(), WriteRefusal> {
    if write.must_not_exist && live.is_some() {
        return Err(WriteRefusal::Exists { id });
    }
    // Only these two can bring a customer into being, and only by naming its external id.
    let makes = matches!(write.change, Change::Replace { .. } | Change::Merge(_));
    let named = matches!(write.target, Target::ExternalId(_));
    if live.is_none() && (write.must_exist || !makes || !named) {
        return Err(WriteRefusal::NotFound);
    }
    let Some(live) = live else { return Ok(()) };
    let version = live.customer.row_version;
    if write.if_versions.as_ref().is_some_and(|wanted| !wanted.contains(&version)) {
        return Err(WriteRefusal::VersionMismatch { current: version });
    }
    let version = live.profile.as_ref().map_or(0, |p| p.row_version);
    if write.if_profile_versions.as_ref().is_some_and(|wanted| !wanted.contains(&version)) {
        return Err(WriteRefusal::VersionMismatch { current: version });
    }
    Ok(())
}

fn want(write: &CustomerWrite, live: Option<&Stored>) -> Result<Wanted, Stop> {
    let external_id = external_id_of(write, live)?;
    let current = live.map(Stored::record).unwrap_or_default();
    let stored_profile = live.and_then(|l| l.profile.as_ref()).map(|p| p.profile.expose());
    let empty = HealthProfile::default();
    let profile = stored_profile.unwrap_or(&empty);
    let (record, profile) = match &write.change {
        Change::Replace { identity, status } => {
            (Record { identity: identity.expose().clone(), status: *status }, None)
        }
        Change::Merge(patch) => {
            let patch = patch.expose();
            (merge_record(&current, patch)?, profile_of(patch, profile)?)
        }
        Change::ReplaceProfile(wanted) => (current, Some(wanted.expose().as_ref().clone())),
        Change::MergeProfile(patch) => (current, Some(merge_profile(profile, patch.expose(), "")?)),
        Change::Restore { identity, status, profile } => (
            Record { identity: identity.expose().clone(), status: *status },
            Some(profile.expose().as_ref().clone()),
        ),
        Change::ConsentsOnly | Change::Delete => (current, None),
    };
    Ok(Wanted { external_id, record: Phi::new(record), profile: profile.map(Phi::new) })
}

fn profile_of(patch: &Map<String, Value>, current: &HealthProfile) -> Result<Option<HealthProfile>, Stop> {
    match patch.get("profile") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(HealthProfile::default())),
        Some(Value::Object(patch)) => Ok(Some(merge_profile(current, patch, "/profile")?)),
        Some(_) => Err(vec![FieldError::new("/profile", "unreadable", "a profile is an object")].into()),
    }
}

/// The external id in its canonical form. A customer keeps the one it has.
fn external_id_of(write: &CustomerWrite, live: Option<&Stored>) -> Result<Phi<String>, Stop> {
    let (given, by_id) = match &write.target {
        Target::ExternalId(given) => (Some(given), false),
        Target::Id { external_id, .. } => (external_id.as_ref(), true),
    };
    let given = given.map(|given| canonical_external_id(given.expose()).into_owned());
    match (live.map(|l| l.customer.external_id.clone()), given) {
        (Some(stored), Some(given)) if by_id && *stored.expose() != given => {
            let detail = "the external id of a customer never changes";
            Err(vec![FieldError::new("/external_id", "immutable", detail)].into())
        }
        (Some(stored), _) => Ok(stored),
        (None, Some(given)) => Ok(Phi::new(given)),
        (None, None) => Err(WriteRefusal::NotFound.into()),
    }
}
