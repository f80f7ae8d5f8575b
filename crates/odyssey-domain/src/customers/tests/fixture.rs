//! One customer of one vendor: writes are planned, sealed and opened again as the store would do.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, TimeDelta, Utc};
use odyssey_types::{CustomerId, CustomerIdentity, HealthProfile, Phi, UserId, VendorId};
use odyssey_vault::{KeyStore, VendorKeys};
use serde_json::{Map, Value};

use crate::customers::consents::LatestConsent;
use crate::customers::plan::{Changed, Plan, Stored};
use crate::customers::store::{CustomerRow, ProfileRow};
use crate::customers::write::{BatchOptions, Change, CustomerWrite, ImportOptions, Row, WriteResult};
use crate::customers::{Customer, WriteRefusal};

pub(super) struct Fixture {
    keys: Arc<VendorKeys>,
    pub now: DateTime<Utc>,
    row: Option<CustomerRow>,
    profile: Option<ProfileRow>,
    pub consents: Vec<LatestConsent>,
    pub withheld: usize,
    /// Everything that was ever written to the database, but for ids, times and counters.
    pub written: Vec<Vec<u8>>,
}

/// One vendor's keys for all tests of this process: making a key store syncs files. They stay in memory
/// when the store is gone.
fn keys() -> Arc<VendorKeys> {
    static KEYS: OnceLock<Arc<VendorKeys>> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let store = KeyStore::create(directory.path().join("keys")).expect("a key store");
        store.create_vendor(VendorId::from_uuid(uuid::Uuid::from_u128(7))).expect("keys of a vendor")
    });
    Arc::clone(keys)
}

impl Fixture {
    pub fn new() -> Self {
        let now = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
        Self {
            keys: keys(),
            now,
            row: None,
            profile: None,
            consents: Vec::new(),
            withheld: 0,
            written: Vec::new(),
        }
    }

    pub fn id(&self) -> CustomerId {
        self.keys.customer_id("M-0001")
    }

    /// Writes as a person, an hour after the last write.
    pub fn write(&mut self, write: CustomerWrite) -> Result<WriteResult, WriteRefusal> {
        self.write_with(write, &BatchOptions::default())
    }

    /// Writes as a row of an import.
    pub fn import(
        &mut self,
        write: CustomerWrite,
        import: ImportOptions,
    ) -> Result<WriteResult, WriteRefusal> {
        self.write_with(write, &BatchOptions { import: Some(import), ..BatchOptions::default() })
    }

    fn write_with(
        &mut self,
        write: CustomerWrite,
        options: &BatchOptions,
    ) -> Result<WriteResult, WriteRefusal> {
        self.now += TimeDelta::hours(1);
        let keys = Arc::clone(&self.keys);
        let stored = self.stored();
        let user = UserId::from_uuid(uuid::Uuid::from_u128(1));
        let mut plan = Plan::new(&keys, self.now, options, Some(user));
        plan.consider(Row { at: 0, id: self.id() }, &write, stored.as_ref(), &self.consents)
            .expect("the vault works");
        self.withheld += plan.consents_withheld;
        if let Some((_, settled)) = plan.settled.pop() {
            return settled;
        }
        let changed = plan.changed.pop().expect("a record is settled or changed");
        let result =
            WriteResult { id: changed.row.id, outcome: changed.outcome, row_version: changed.row_version };
        self.keep(changed);
        Ok(result)
    }

    fn keep(&mut self, changed: Changed) {
        let sealed = changed.sealed.clone();
        self.written.push(changed.person_key.clone());
        self.written.push(sealed.external_id.clone());
        let columns = [
            sealed.name.clone(),
            sealed.email.clone(),
            sealed.phone.clone(),
            sealed.birth_date.clone(),
            sealed.address.clone(),
            sealed.member_number.clone(),
            sealed.tags.clone(),
            sealed.notes.clone(),
            changed.profile_sealed.clone(),
        ];
        self.written.extend(columns.into_iter().flatten());
        if let Some(sealed) = changed.profile_sealed {
            let row_version = self.profile.as_ref().map_or(1, |p| p.row_version + 1);
            self.profile =
                Some(ProfileRow { sealed, row_version, updated_at: self.now, edited_at: changed.edited_at });
        }
        for new in changed.consents {
            self.consents.retain(|c| c.purpose != new.consent.purpose);
            self.consents.push(new.consent);
        }
        self.row = Some(CustomerRow {
            id: changed.row.id,
            status: changed.status,
            person_key: changed.person_key,
            sealed,
            has_profile: changed.has_profile,
            health_consent: changed.health_consent,
            lists_version: changed.lists_version,
            consent_version: changed.consent_version,
            row_version: changed.row_version,
            created_at: self.now,
            updated_at: self.now,
            edited_at: changed.edited_at,
            deleted_at: changed.deleted.then_some(self.now),
        });
    }

    /// What is stored, opened with the profile.
    pub fn stored(&self) -> Option<Stored> {
        let row = self.row.as_ref()?;
        let row = CustomerRow { person_key: row.person_key.clone(), sealed: row.sealed.clone(), ..*row };
        let profile = self.profile.as_ref().map(|p| ProfileRow { sealed: p.sealed.clone(), ..*p });
        Some(Stored::open(&self.keys, self.keys.vendor(), row, profile).expect("what was sealed opens"))
    }

    pub fn customer(&self) -> Customer {
        self.stored().expect("the customer is stored").customer
    }

    pub fn profile(&self) -> HealthProfile {
        self.stored().and_then(|s| s.profile).map(|p| p.profile.into_exposed()).unwrap_or_default()
    }
}

pub(super) fn merge(patch: Value) -> CustomerWrite {
    CustomerWrite::by_external_id("M-0001".to_owned(), Change::Merge(Phi::new(object(patch))))
}

pub(super) fn replace(identity: CustomerIdentity) -> CustomerWrite {
    let change =
        Change::Replace { identity: Phi::new(identity), status: odyssey_types::CustomerStatus::Active };
    CustomerWrite::by_external_id("M-0001".to_owned(), change)
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("a record is an object") };
    object
}
