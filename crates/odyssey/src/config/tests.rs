//! Layers, places, refusals and secrets.

use std::ffi::OsString;
use std::path::Path;

use super::layers::SECRET_KEYS;
use super::{ConfigError, Loaded, load_from};

fn variables(pairs: &[(&str, &str)]) -> impl Iterator<Item = (String, OsString)> {
    let owned: Vec<_> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(*value))).collect();
    owned.into_iter()
}

fn with_environment(pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    load_from(None, variables(pairs))
}

fn with_file(text: &str, pairs: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("odyssey.toml");
    std::fs::write(&path, text).expect("written");
    load_from(Some(&path), variables(pairs))
}

fn refusal(outcome: Result<Loaded, ConfigError>) -> String {
    match outcome {
        Err(error) => error.to_string(),
        Ok(_) => panic!("accepted"),
    }
}

#[test]
fn the_defaults_alone_are_valid() {
    let settings = with_environment(&[]).expect("valid").settings;
    assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.auth.access_token_ttl_seconds, 600);
    assert_eq!(settings.keys_dir(), Path::new(".odyssey/keys"));
    assert!(settings.database.url.is_none(), "an empty text means not set");
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text = "[server]\nbind = '127.0.0.1:9000'\n[jobs]\nworkers = 7\n";
    let settings = with_file(text, &[("ODYSSEY__SERVER__BIND", "127.0.0.1:9001")]).expect("valid").settings;
    assert_eq!(settings.server.bind.port(), 9001);
    assert_eq!(settings.jobs.workers, 7);
    assert_eq!(settings.jobs.attempts_max, 8);
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_name() {
    let from_file = refusal(with_file("[server]\nbnd = '127.0.0.1:1'\n", &[]));
    assert!(from_file.contains("`server.bnd`") && from_file.contains("odyssey.toml"), "{from_file}");
    assert!(from_file.contains("did you mean `server.bind`"), "{from_file}");
    let variable = refusal(with_environment(&[("ODYSSEY__SERVER__NOPE", "1")]));
    assert!(variable.contains("ODYSSEY__SERVER__NOPE"), "{variable}");
    assert!(refusal(with_environment(&[("ODYSSEY__SERVER", "1")])).contains("`server`"));
    assert!(refusal(with_file("[servr]\nbind = ''\n", &[])).contains("servr.bind"));
    assert!(refusal(with_file("loose = 1\n", &[])).contains("`loose`"));
}

#[test]
fn a_bad_value_stops_with_its_name_and_place() {
    let cases = [
        ("ODYSSEY__SERVER__BIND", "nowhere", "server.bind"),
        ("ODYSSEY__JOBS__WORKERS", "many", "jobs.workers"),
        ("ODYSSEY__JOBS__WORKERS", "-1", "jobs.workers"),
        ("ODYSSEY__JOBS__LEASE_SECONDS", "0", "jobs.lease_seconds"),
        ("ODYSSEY__JOBS__HEARTBEAT_SECONDS", "31", "jobs.heartbeat_seconds"),
        ("ODYSSEY__AUTH__ACCESS_TOKEN_TTL_SECONDS", "86400", "auth.access_token_ttl_seconds"),
        ("ODYSSEY__DATABASE__TLS_ALLOW_UNVERIFIED", "yes", "database.tls_allow_unverified"),
        ("ODYSSEY__DATABASE__CONNECT_TIMEOUT_SECONDS", "3", "database.connect_timeout_seconds"),
        ("ODYSSEY__DATABASE__URL", "postgres://u:p@h:6543/x", "database.url"),
        ("ODYSSEY__DATABASE__READ_URL", "postgres://u:p@h/x", "database.read_url"),
        ("ODYSSEY__RETENTION__AUDIT_DAYS", "365", "retention.audit_days"),
        ("ODYSSEY__LOG__FORMAT", "xml", "log.format"),
        ("ODYSSEY__LOG__LEVEL", "odyssey=loud", "log.level"),
    ];
    for (name, value, key) in cases {
        let message = refusal(with_environment(&[(name, value)]));
        assert!(message.contains(key), "{name}={value}: {message}");
        assert!(message.contains(name), "{name}={value} does not name its place: {message}");
    }
}

#[test]
fn a_file_that_is_named_must_exist_and_be_valid() {
    assert!(matches!(
        load_from(Some(Path::new("/nonexistent/odyssey.toml")), std::iter::empty()),
        Err(ConfigError::ReadFile { .. })
    ));
    let message = refusal(with_file("[database]\n\nurl = 'postgres://u:s3cr3t@h/x' oops\n", &[]));
    assert!(message.contains("line 3"), "{message}");
    assert!(!message.contains("s3cr3t"), "{message}");
}

#[test]
fn no_secret_is_printed_by_show_or_debug_or_an_error() {
    let secret = "postgres://u:s3cr3t@127.0.0.1/x?password=s3cr3t";
    let loaded = with_environment(&[
        ("ODYSSEY__DATABASE__URL", secret),
        ("ODYSSEY__DATABASE__READ_URL", secret),
        ("ODYSSEY__DATABASE__APP_PASSWORD", "s3cr3t"),
        ("ODYSSEY__DATABASE__PLATFORM_PASSWORD", "s3cr3t"),
    ])
    .expect("valid");
    let shown = loaded.show();
    assert!(shown.contains("(set, not shown)") && shown.contains("ODYSSEY__DATABASE__URL"), "{shown}");
    assert!(!shown.contains("s3cr3t"), "{shown}");
    assert!(!format!("{:?}", loaded.settings).contains("s3cr3t"));
    for key in SECRET_KEYS {
        let (section, field) = key.split_once('.').expect("dotted");
        let message = refusal(with_file(&format!("[{section}]\n{field} = 73577357\n"), &[]));
        assert!(message.contains(key) && !message.contains("73577357"), "{message}");
    }
}

#[test]
fn every_secret_field_is_on_the_list_of_what_is_never_shown() {
    let source = include_str!("database.rs");
    let fields = source.lines().filter(|line| line.contains("Option<SecretString>") && line.contains("pub "));
    let names: Vec<String> = fields
        .filter_map(|line| {
            line.trim().strip_prefix("pub ")?.split(':').next().map(|name| format!("database.{name}"))
        })
        .collect();
    assert_eq!(names.len(), SECRET_KEYS.len());
    assert!(names.iter().all(|name| SECRET_KEYS.contains(&name.as_str())), "{names:?}");
}

#[test]
fn every_setting_is_explained_and_names_its_variable() {
    let text = include_str!("../../../../config.default.toml");
    let mut section = String::new();
    let mut explained = false;
    let sources = [
        include_str!("server.rs"),
        include_str!("storage.rs"),
        include_str!("database.rs"),
        include_str!("auth.rs"),
        include_str!("limits.rs"),
        include_str!("jobs.rs"),
        include_str!("ingest.rs"),
        include_str!("retention.rs"),
        include_str!("log.rs"),
    ]
    .concat();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            explained = false;
        } else if line.starts_with('#') {
            explained = true;
        } else if let Some((key, _)) = line.split_once(" = ") {
            assert!(explained, "{section}.{key} has no comment above it");
            let variable = format!("`ODYSSEY__{}__{}`", section.to_uppercase(), key.to_uppercase());
            assert!(sources.contains(&variable), "no field documents {variable}");
        }
    }
}

#[test]
fn what_show_prints_can_be_read_again() {
    let shown = with_environment(&[("ODYSSEY__JOBS__WORKERS", "3")]).expect("valid").show();
    let settings = with_file(&shown, &[]).expect("show prints a valid file").settings;
    assert_eq!(settings.jobs.workers, 3);
}
