use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::Barrier;
use std::thread;

use tempfile::TempDir;

use super::*;
use crate::Aad;
use crate::key::{DerivingKey, KeyId, Secret};

fn vendor(number: u128) -> VendorId {
    VendorId::from_uuid(Uuid::from_u128(number))
}

fn customer(number: u128) -> CustomerId {
    CustomerId::from_uuid(Uuid::from_u128(number))
}

fn aad(vendor: VendorId) -> Aad {
    Aad { vendor, row: Uuid::from_u128(1), column: "job_errors.value" }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + seconds, 123_456_000).unwrap()
}

fn new_store() -> (TempDir, KeyStore) {
    let directory = TempDir::new().unwrap();
    let store = KeyStore::create(directory.path().join("node/keys")).unwrap();
    (directory, store)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_lost_key_store_is_reported_and_not_replaced() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("keys");
    assert!(matches!(KeyStore::open(&root), Err(VaultError::Missing { .. })));
    assert!(!root.exists());
}

#[test]
fn a_lost_key_encryption_key_is_neither_passed_over_nor_made_anew() {
    let (_directory, store) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    fs::remove_file(store.path().join("kek")).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::Missing { .. })));
    assert!(matches!(KeyStore::create(store.path()), Err(VaultError::Remnants { .. })));
}

#[test]
fn a_ledger_with_erasures_stops_a_new_key_from_being_made_beside_it() {
    let (_directory, store) = new_store();
    store.record_erasure(vendor(1), customer(1), at(0)).unwrap();
    fs::remove_file(store.path().join("kek")).unwrap();
    assert!(matches!(KeyStore::create(store.path()), Err(VaultError::Remnants { .. })));
}

#[test]
fn an_existing_key_store_is_not_created_again() {
    let (_directory, store) = new_store();
    assert!(matches!(KeyStore::create(store.path()), Err(VaultError::AlreadyExists { .. })));
    assert_eq!(KeyStore::open(store.path()).unwrap().fingerprint(), store.fingerprint());
}

#[test]
fn a_start_that_died_before_the_key_was_written_can_be_repeated() {
    let (_directory, store) = new_store();
    fs::remove_file(store.path().join("kek")).unwrap();
    fs::write(store.path().join(".tmp-0000000000000000"), "half a k").unwrap();
    KeyStore::create(store.path()).unwrap();
    assert!(!store.path().join(".tmp-0000000000000000").exists());
}

#[test]
fn a_foreign_key_encryption_key_is_refused() {
    let (_directory, store) = new_store();
    let (_other_directory, other) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    assert_ne!(store.fingerprint(), other.fingerprint());
    fs::copy(other.path().join("kek"), store.path().join("kek")).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::WrongKek { .. })));
}

#[test]
fn a_foreign_key_encryption_key_is_refused_for_secrets_alone() {
    let (_directory, store) = new_store();
    let (_other_directory, other) = new_store();
    store.put_named_secret("token-signing", b"seed").unwrap();
    fs::copy(other.path().join("kek"), store.path().join("kek")).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::WrongKek { .. })));
}

#[test]
fn the_fingerprint_has_its_known_answer() {
    let key = DerivingKey::new(KeyId::from_bytes([0x0a; 8]), &Secret::new([7; 32]));
    assert_eq!(kek::fingerprint(&key), "9a640010902431d50f3939933a66ac6e72f174c8b3d00a76c5678b0ad5b01859");
}

#[test]
fn a_damaged_key_encryption_key_is_told_from_a_foreign_one() {
    let (_directory, store) = new_store();
    let path = store.path().join("kek");
    let line = fs::read_to_string(&path).unwrap();
    let digit = if line.as_bytes()[40] == b'0' { "1" } else { "0" };
    fs::write(&path, format!("{}{digit}{}", &line[..40], &line[41..])).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::Corrupt { .. })));
}

#[test]
fn files_and_directories_are_for_their_owner_alone() {
    let (_directory, store) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    store.put_named_secret("token-signing", b"seed").unwrap();
    store.record_erasure(vendor(1), customer(1), at(0)).unwrap();
    store.rotate_data_key(vendor(1)).unwrap();
    let root = store.path();
    for directory in [root.to_path_buf(), root.join("vendors"), root.join("secrets")] {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
    }
    let vendor_file = root.join("vendors").join(vendor(1).to_string());
    for file in [root.join("kek"), root.join("erasures"), root.join("secrets/token-signing"), vendor_file] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn whatever_is_readable_by_others_is_refused() {
    let (_directory, store) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    store.put_named_secret("token-signing", b"seed").unwrap();
    let vendor_file = format!("vendors/{}", vendor(1));
    for name in ["kek", "erasures", "secrets/token-signing", &vendor_file, "vendors", "secrets", "."] {
        let path = store.path().join(name);
        let proper = mode(&path);
        fs::set_permissions(&path, Permissions::from_mode(proper | 0o044)).unwrap();
        let refused = KeyStore::open(store.path());
        assert!(matches!(refused, Err(VaultError::Permissions { .. })), "{name}: {refused:?}");
        fs::set_permissions(&path, Permissions::from_mode(proper)).unwrap();
    }
    KeyStore::open(store.path()).unwrap();
}

#[test]
fn a_vendor_without_keys_is_unknown() {
    let (_directory, store) = new_store();
    assert!(matches!(store.vendor(vendor(1)), Err(VaultError::UnknownVendor { .. })));
    assert!(matches!(store.rotate_data_key(vendor(1)), Err(VaultError::UnknownVendor { .. })));
    assert!(!store.remove_vendor(vendor(1)).unwrap());
}

#[test]
fn creating_a_vendor_again_keeps_its_keys() {
    let (_directory, store) = new_store();
    let sealed = store.create_vendor(vendor(1)).unwrap().seal_vendor(&aad(vendor(1)), b"kept").unwrap();
    let again = store.create_vendor(vendor(1)).unwrap();
    assert_eq!(again.open_vendor(&aad(vendor(1)), &sealed).unwrap().as_slice(), b"kept");
}

#[test]
fn a_vendor_created_by_another_process_is_found() {
    let (_directory, store) = new_store();
    let other = KeyStore::open(store.path()).unwrap();
    let theirs = other.create_vendor(vendor(1)).unwrap();
    assert_eq!(store.vendor(vendor(1)).unwrap().fingerprint(), theirs.fingerprint());
    assert_eq!(store.vendors().unwrap(), [vendor(1)]);
}

#[test]
fn a_rotation_by_another_process_is_followed_by_keys_already_held() {
    let (_directory, store) = new_store();
    let held = store.create_vendor(vendor(1)).unwrap();
    let other = KeyStore::open(store.path()).unwrap();
    other.rotate_data_key(vendor(1)).unwrap();
    let theirs = other.vendor(vendor(1)).unwrap().seal_vendor(&aad(vendor(1)), b"new").unwrap();
    assert_eq!(held.open_vendor(&aad(vendor(1)), &theirs).unwrap().as_slice(), b"new");
    let ours = store.vendor(vendor(1)).unwrap().seal_vendor(&aad(vendor(1)), b"ours").unwrap();
    assert_eq!(ours[2..10], theirs[2..10], "both seal under the new key");
}

#[test]
fn a_removed_vendor_opens_nothing_any_more() {
    let (_directory, store) = new_store();
    let other = KeyStore::open(store.path()).unwrap();
    let held = store.create_vendor(vendor(1)).unwrap();
    let held_elsewhere = other.vendor(vendor(1)).unwrap();
    let sealed = held.seal_vendor(&aad(vendor(1)), b"gone").unwrap();

    assert!(store.remove_vendor(vendor(1)).unwrap());

    assert!(matches!(held.open_vendor(&aad(vendor(1)), &sealed), Err(VaultError::UnknownVendor { .. })));
    assert!(matches!(store.vendor(vendor(1)), Err(VaultError::UnknownVendor { .. })));
    other.reload().unwrap();
    let elsewhere = held_elsewhere.open_vendor(&aad(vendor(1)), &sealed);
    assert!(matches!(elsewhere, Err(VaultError::UnknownVendor { .. })));
    assert!(matches!(
        KeyStore::open(store.path()).unwrap().vendor(vendor(1)),
        Err(VaultError::UnknownVendor { .. })
    ));
    let successor = store.create_vendor(vendor(1)).unwrap();
    assert!(matches!(successor.open_vendor(&aad(vendor(1)), &sealed), Err(VaultError::UnknownKey { .. })));
}

#[test]
fn removing_a_vendor_takes_half_written_copies_of_its_keys_along() {
    let (_directory, store) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    let vendors = store.path().join("vendors");
    fs::copy(vendors.join(vendor(1).to_string()), vendors.join(".tmp-0000000000000000")).unwrap();
    store.remove_vendor(vendor(1)).unwrap();
    assert_eq!(fs::read_dir(&vendors).unwrap().count(), 0);
}

#[test]
fn the_file_of_one_vendor_does_not_serve_another() {
    let (_directory, store) = new_store();
    store.create_vendor(vendor(1)).unwrap();
    let vendors = store.path().join("vendors");
    fs::copy(vendors.join(vendor(1).to_string()), vendors.join(vendor(2).to_string())).unwrap();
    assert!(matches!(store.vendor(vendor(2)), Err(VaultError::Corrupt { .. })));
}

#[test]
fn stores_that_create_the_same_vendor_at_once_agree_on_its_keys() {
    let (_directory, store) = new_store();
    let barrier = Barrier::new(8);
    let fingerprints: Vec<String> = thread::scope(|scope| {
        let create = || {
            let other = KeyStore::open(store.path()).unwrap();
            barrier.wait();
            other.create_vendor(vendor(1)).unwrap().fingerprint().to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]));
}

#[test]
fn of_key_stores_created_at_once_exactly_one_wins() {
    let directory = TempDir::new().unwrap();
    let root = directory.path().join("keys");
    let barrier = Barrier::new(6);
    let created: Vec<bool> = thread::scope(|scope| {
        let create = || {
            barrier.wait();
            match KeyStore::create(&root) {
                Ok(_) => true,
                Err(VaultError::AlreadyExists { .. }) => false,
                Err(error) => panic!("{error}"),
            }
        };
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(created.iter().filter(|created| **created).count(), 1);
}

#[test]
fn rotations_at_once_lose_no_key() {
    let (_directory, store) = new_store();
    let keys = store.create_vendor(vendor(1)).unwrap();
    let sealed: Vec<Vec<u8>> = thread::scope(|scope| {
        let rotate = || {
            let other = KeyStore::open(store.path()).unwrap();
            other.rotate_data_key(vendor(1)).unwrap();
            other.vendor(vendor(1)).unwrap().seal_vendor(&aad(vendor(1)), b"kept").unwrap()
        };
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(rotate)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for sealed in sealed {
        assert_eq!(keys.open_vendor(&aad(vendor(1)), &sealed).unwrap().as_slice(), b"kept");
    }
}

#[test]
fn a_named_secret_reads_back_and_is_not_stored_in_the_clear() {
    let (_directory, store) = new_store();
    assert!(store.named_secret("token-signing").unwrap().is_none());
    store.put_named_secret("token-signing", b"first seed").unwrap();
    store.put_named_secret("token-signing", b"second seed").unwrap();
    let reopened = KeyStore::open(store.path()).unwrap();
    assert_eq!(reopened.named_secret("token-signing").unwrap().unwrap().as_slice(), b"second seed");
    let file = fs::read(store.path().join("secrets/token-signing")).unwrap();
    assert!(!file.windows(4).any(|window| window == b"seed"));
}

#[test]
fn a_secret_put_where_there_is_one_yields_the_one_that_is_there() {
    let (_directory, store) = new_store();
    assert_eq!(store.named_secret_or_put("token-signing", b"first").unwrap().as_slice(), b"first");
    assert_eq!(store.named_secret_or_put("token-signing", b"second").unwrap().as_slice(), b"first");
}

#[test]
fn a_secret_renamed_on_disk_does_not_open() {
    let (_directory, store) = new_store();
    store.put_named_secret("webhook-signing", b"seed").unwrap();
    let secrets = store.path().join("secrets");
    fs::rename(secrets.join("webhook-signing"), secrets.join("token-signing")).unwrap();
    assert!(matches!(store.named_secret("token-signing"), Err(VaultError::Corrupt { .. })));
}

#[test]
fn a_secrets_name_cannot_leave_its_directory() {
    let (_directory, store) = new_store();
    for name in ["", "../kek", "a/b", ".tmp-x", "Token", &"a".repeat(65)] {
        assert!(matches!(store.put_named_secret(name, b"x"), Err(VaultError::SecretName)), "{name:?}");
        assert!(matches!(store.named_secret(name), Err(VaultError::SecretName)), "{name:?}");
    }
}

#[test]
fn erasures_read_back_in_order_and_by_vendor() {
    let (_directory, store) = new_store();
    store.record_erasure(vendor(1), customer(1), at(0)).unwrap();
    store.record_erasure(vendor(2), customer(2), at(1)).unwrap();
    store.record_erasure(vendor(1), customer(3), at(2)).unwrap();
    let reopened = KeyStore::open(store.path()).unwrap();
    let of_vendor = [
        Erasure { vendor: vendor(1), customer: customer(1), at: at(0) },
        Erasure { vendor: vendor(1), customer: customer(3), at: at(2) },
    ];
    assert_eq!(reopened.erasures(vendor(1)).unwrap(), of_vendor);
    assert_eq!(reopened.all_erasures().unwrap().len(), 3);
}

#[test]
fn a_line_torn_by_a_crash_is_passed_over_and_cut_before_the_next() {
    let (_directory, store) = new_store();
    store.record_erasure(vendor(1), customer(1), at(0)).unwrap();
    let mut file = OpenOptions::new().append(true).open(store.path().join("erasures")).unwrap();
    file.write_all(b"00000000-0000-0000-0000-0000000000").unwrap();
    assert_eq!(store.all_erasures().unwrap().len(), 1);
    store.record_erasure(vendor(1), customer(2), at(1)).unwrap();
    let erased: Vec<_> = store.erasures(vendor(1)).unwrap().iter().map(|erasure| erasure.customer).collect();
    assert_eq!(erased, [customer(1), customer(2)]);
}

#[test]
fn a_lost_or_damaged_ledger_is_refused_at_the_start() {
    let (_directory, store) = new_store();
    let path = store.path().join("erasures");
    store.record_erasure(vendor(1), customer(1), at(0)).unwrap();
    let line = fs::read_to_string(&path).unwrap();
    fs::write(&path, line.replacen('0', "x", 1)).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::Corrupt { .. })));
    fs::write(&path, "x".repeat(500)).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::Corrupt { .. })));
    fs::remove_file(&path).unwrap();
    assert!(matches!(KeyStore::open(store.path()), Err(VaultError::Missing { .. })));
}

#[test]
fn what_belongs_to_no_vendor_has_keys_of_its_own() {
    let (_directory, store) = new_store();
    let keys = store.create_vendor(PLATFORM).unwrap();
    let sealed = keys.seal_vendor(&aad(PLATFORM), b"answer").unwrap();
    assert_eq!(keys.open_vendor(&aad(PLATFORM), &sealed).unwrap().as_slice(), b"answer");
}
