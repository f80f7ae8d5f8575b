//! The known answers were computed by an independent implementation of the documented layouts (Python's
//! `hashlib`, `hmac` and `cryptography`). One that changes means that stored ids or values became unreadable.

use aes_gcm::{Aes256Gcm, KeyInit};
use odyssey_types::{CustomerId, UploadId, VendorId};
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use crate::envelope::{open_derived, open_direct};
use crate::identity::IdentityKeys;
use crate::key::{DerivingKey, KeyId, NamedSecret, Secret};
use crate::{Aad, BlindKind, KeyStore, PersonKey, VaultError, VendorKeys, canonical_external_id, product_id};

const COLUMN: &str = "customers.email";
/// `Café-7` with a combining accent and white space around it.
const DECOMPOSED: &str = "  Cafe\u{301}-7\u{a0}";

fn vendor() -> VendorId {
    "018f2b6c-7d3e-7a10-8c44-5b6d7e8f9a01".parse().unwrap()
}

fn row(number: u128) -> Uuid {
    Uuid::from_u128(0x018f_2b6c_0000_7000_8000_0000_0000_0000 + number)
}

fn aad(number: u128) -> Aad {
    Aad { vendor: vendor(), row: row(number), column: COLUMN }
}

fn identity() -> IdentityKeys {
    let secret = |byte| Secret::new([byte; 32]);
    IdentityKeys::new(vendor(), &secret(1), &secret(2), &secret(3))
}

fn person_key() -> PersonKey {
    PersonKey::new(&NamedSecret::generate().unwrap())
}

fn store() -> (TempDir, KeyStore) {
    let directory = TempDir::new().unwrap();
    let store = KeyStore::create(directory.path().join("keys")).unwrap();
    (directory, store)
}

fn vendor_keys() -> (TempDir, KeyStore, std::sync::Arc<VendorKeys>) {
    let (directory, store) = store();
    let keys = store.create_vendor(vendor()).unwrap();
    (directory, store, keys)
}

#[test]
fn product_ids_have_their_known_answers() {
    assert_eq!(product_id(vendor(), "SKU-001").to_string(), "ff8cb43a-1ef0-84c2-91bc-4e5b0d09774f");
    assert_eq!(product_id(vendor(), DECOMPOSED).to_string(), "1f09b976-18f6-8b31-a6d0-f01294d6e192");
}

#[test]
fn customer_ids_have_their_known_answers() {
    let keys = identity();
    assert_eq!(keys.customer_id("M-1001").to_string(), "274c4ea3-ab24-8313-916c-54f09adf690a");
    assert_eq!(keys.customer_id(DECOMPOSED).to_string(), "563a88e1-6bde-8b87-bd3a-9b60039372d6");
}

#[test]
fn row_hashes_tokens_and_fingerprints_have_their_known_answers() {
    let keys = identity();
    assert_eq!(
        hex::encode(keys.row_hash(b"a,b,c")),
        "d914bd0386881fb8106256343a3c844b293af4e1c27c066f9d3bf01b8c513ac1"
    );
    assert_eq!(keys.blind_index(BlindKind::Email, "ada@example.org"), -8_496_600_540_320_453_291);
    assert_eq!(keys.blind_index(BlindKind::Phone, "ada@example.org"), -4_921_132_533_450_440_221);
    assert_eq!(keys.blind_index(BlindKind::NamePrefix, "ada"), -1_338_900_002_709_497_000);
    assert_eq!(keys.fingerprint(), "fd1b24adbaa737e0f2f22a59623484f53c5d036e75d0ea69c7e4aeac4380847d");
}

#[test]
fn envelopes_written_once_open_forever() {
    let direct = hex::decode(concat!(
        "01010b0b0b0b0b0b0b0b0c0c0c0c0c0c0c0c0c0c0c0cbe8dc585f1fc618282a5a96ae0797645",
        "db354f8ed1b4498d6d8492c6879200"
    ))
    .unwrap();
    let cipher = Aes256Gcm::new((&[4; 32]).into());
    let opened = open_direct(&cipher, KeyId::from_bytes([0x0b; 8]), &aad(1).context(), "a value", &direct);
    assert_eq!(opened.unwrap().as_slice(), b"ada@example.org");

    let derived = hex::decode(concat!(
        "01020d0d0d0d0d0d0d0d0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0f0f0f0f0f0f0f0f0f0f0f0f",
        "bd024ebb11346a079c2d25a75421b5afbfab3c483969ee16"
    ))
    .unwrap();
    let key = DerivingKey::new(KeyId::from_bytes([0x0d; 8]), &Secret::new([5; 32]));
    let opened = open_derived(&key, "vendor-value", &aad(1).context(), &derived);
    assert_eq!(opened.unwrap().as_slice(), b"rejected");
}

#[test]
fn an_external_id_is_the_same_however_its_accents_and_margins_are_written() {
    assert_eq!(canonical_external_id(DECOMPOSED), "Caf\u{e9}-7");
    assert_eq!(identity().customer_id("Caf\u{e9}-7"), identity().customer_id(DECOMPOSED));
    assert_ne!(product_id(vendor(), "a1"), product_id(vendor(), "A1"));
}

#[test]
fn the_same_external_id_has_another_id_at_another_vendor() {
    let (_directory, store, keys) = vendor_keys();
    let rival = VendorId::from_uuid(row(77));
    assert_ne!(keys.customer_id("M-1"), store.create_vendor(rival).unwrap().customer_id("M-1"));
    assert_ne!(product_id(vendor(), "M-1"), product_id(rival, "M-1"));
}

#[test]
fn a_value_moved_to_another_row_column_or_vendor_does_not_open() {
    let key = person_key();
    let sealed = key.seal(&aad(1), b"ada@example.org").unwrap();
    assert_eq!(key.open(&aad(1), &sealed).unwrap().as_slice(), b"ada@example.org");
    let elsewhere = [
        aad(2),
        Aad { column: "customers.phone", ..aad(1) },
        Aad { vendor: VendorId::from_uuid(row(9)), ..aad(1) },
    ];
    for place in elsewhere {
        assert!(matches!(key.open(&place, &sealed), Err(VaultError::Refused { .. })), "{place:?}");
    }
}

#[test]
fn a_vendor_level_value_moved_to_another_row_or_column_does_not_open() {
    let (_directory, _store, keys) = vendor_keys();
    let sealed = keys.seal_vendor(&aad(1), b"rejected").unwrap();
    for place in [aad(2), Aad { column: "job_errors.original", ..aad(1) }] {
        assert!(matches!(keys.open_vendor(&place, &sealed), Err(VaultError::Refused { .. })), "{place:?}");
    }
}

#[test]
fn keys_of_one_vendor_refuse_the_values_of_another() {
    let (_directory, store, keys) = vendor_keys();
    let rival = store.create_vendor(VendorId::from_uuid(row(77))).unwrap();
    let sealed = keys.seal_vendor(&aad(1), b"rejected").unwrap();
    assert!(matches!(rival.open_vendor(&aad(1), &sealed), Err(VaultError::ForeignVendor { .. })));
    assert!(matches!(rival.seal_vendor(&aad(1), b"x"), Err(VaultError::ForeignVendor { .. })));
    let foreign = Aad { vendor: rival.vendor(), ..aad(1) };
    assert!(matches!(rival.open_vendor(&foreign, &sealed), Err(VaultError::UnknownKey { .. })));
}

#[test]
fn every_changed_byte_of_an_envelope_is_noticed() {
    let key = person_key();
    let sealed = key.seal(&aad(1), b"ada@example.org").unwrap();
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert!(key.open(&aad(1), &changed).is_err(), "byte {place}");
    }
    for length in 0..sealed.len() {
        assert!(key.open(&aad(1), &sealed[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn the_same_value_is_sealed_differently_each_time() {
    let key = person_key();
    assert_ne!(key.seal(&aad(1), b"peanut").unwrap(), key.seal(&aad(1), b"peanut").unwrap());
}

#[test]
fn a_person_key_opens_only_for_its_customer() {
    let (_directory, _store, keys) = vendor_keys();
    let (ada, bob) = (CustomerId::from_uuid(row(1)), CustomerId::from_uuid(row(2)));
    let (key, wrapped) = keys.new_person_key(ada).unwrap();
    let sealed = key.seal(&aad(1), b"peanut").unwrap();
    let again = keys.open_person_key(ada, &wrapped).unwrap();
    assert_eq!(again.open(&aad(1), &sealed).unwrap().as_slice(), b"peanut");
    assert!(matches!(keys.open_person_key(bob, &wrapped), Err(VaultError::Refused { .. })));
}

#[test]
fn one_person_cannot_open_what_is_sealed_for_another() {
    let sealed = person_key().seal(&aad(1), b"peanut").unwrap();
    assert!(matches!(person_key().open(&aad(1), &sealed), Err(VaultError::UnknownKey { .. })));
}

#[test]
fn a_wrapped_key_of_a_person_is_no_key_of_a_file() {
    let (_directory, _store, keys) = vendor_keys();
    let (_, wrapped) = keys.new_person_key(CustomerId::from_uuid(row(1))).unwrap();
    let opened = keys.open_file_key(UploadId::from_uuid(row(1)), &wrapped);
    assert!(matches!(opened, Err(VaultError::Refused { .. })));
}

#[test]
fn rotation_keeps_what_was_sealed_before_readable_and_seals_under_the_new_key() {
    let (_directory, store, keys) = vendor_keys();
    let customer = CustomerId::from_uuid(row(1));
    let before = keys.seal_vendor(&aad(1), b"before").unwrap();
    let (_, wrapped) = keys.new_person_key(customer).unwrap();
    let (id, fingerprint) = (keys.customer_id("M-1"), keys.fingerprint().to_owned());
    assert_eq!(keys.rewrap_person_key(customer, &wrapped).unwrap(), None);

    store.rotate_data_key(vendor()).unwrap();

    let after = keys.seal_vendor(&aad(1), b"after").unwrap();
    assert_ne!(before[2..10], after[2..10], "the key id in the header is another");
    assert_eq!(keys.open_vendor(&aad(1), &before).unwrap().as_slice(), b"before");
    let reopened = KeyStore::open(store.path()).unwrap().vendor(vendor()).unwrap();
    assert_eq!(reopened.open_vendor(&aad(1), &before).unwrap().as_slice(), b"before");
    assert_eq!(reopened.open_vendor(&aad(1), &after).unwrap().as_slice(), b"after");
    assert_eq!((reopened.customer_id("M-1"), reopened.fingerprint()), (id, fingerprint.as_str()));
    let rewrapped = keys.rewrap_person_key(customer, &wrapped).unwrap().unwrap();
    assert_eq!(rewrapped[2..10], after[2..10]);
}

#[test]
fn a_rewrapped_person_key_opens_what_the_person_sealed_before() {
    let (_directory, store, keys) = vendor_keys();
    let customer = CustomerId::from_uuid(row(1));
    let (key, wrapped) = keys.new_person_key(customer).unwrap();
    let sealed = key.seal(&aad(1), b"peanut").unwrap();
    store.rotate_data_key(vendor()).unwrap();
    let rewrapped = keys.rewrap_person_key(customer, &wrapped).unwrap().unwrap();
    let key = keys.open_person_key(customer, &rewrapped).unwrap();
    assert_eq!(key.open(&aad(1), &sealed).unwrap().as_slice(), b"peanut");
}

#[test]
fn json_goes_in_and_comes_out_as_phi() {
    let key = person_key();
    let sealed = key.seal_json(&aad(1), &vec!["peanut", "sesame"]).unwrap();
    let opened = key.open_json::<Vec<String>>(&aad(1), &sealed).unwrap();
    assert_eq!(opened.expose(), &["peanut", "sesame"]);
    assert_eq!(format!("{opened:?}"), "Phi(…)");
}

#[test]
fn a_json_failure_does_not_quote_the_content() {
    let key = person_key();
    let sealed = key.seal_json(&aad(1), &"Ada Lovelace").unwrap();
    let error = key.open_json::<u32>(&aad(1), &sealed).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("Ada"), "{error:?}");
    assert!(error.to_string().contains(COLUMN));
}

#[test]
fn debug_output_shows_no_key() {
    let (_directory, store, keys) = vendor_keys();
    let shown =
        format!("{:?} {store:?} {keys:?}", DerivingKey::new(KeyId::from_bytes([1; 8]), &[2; 32].into()));
    assert!(shown.contains("KeyId(0101010101010101)"), "{shown}");
    assert!(!shown.contains("02, 2") && !shown.contains("0202"), "{shown}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_sealed_opens_unchanged(plaintext in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let key = person_key();
        let sealed = key.seal(&aad(1), &plaintext).unwrap();
        prop_assert_eq!(sealed.len(), plaintext.len() + 38);
        let opened = key.open(&aad(1), &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
    }

    #[test]
    fn arbitrary_bytes_never_open_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        prop_assert!(person_key().open(&aad(1), &bytes).is_err());
    }
}
