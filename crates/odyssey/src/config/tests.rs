//! Layers, places, refusals and secrets.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

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
    assert_eq!(settings.jobs.per_vendor_max, 2);
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
        ("ODYSSEY__AUTH__ACCESS_TOKEN_TTL_SECONDS", "86400", "auth.access_token_ttl_seconds"),
        ("ODYSSEY__DATABASE__TLS_ALLOW_UNVERIFIED", "yes", "database.tls_allow_unverified"),
        ("ODYSSEY__DATABASE__CONNECT_TIMEOUT_SECONDS", "3", "database.connect_timeout_seconds"),
        ("ODYSSEY__DATABASE__URL", "postgres://u:p@h:6543/x", "database.url"),
        ("ODYSSEY__DATABASE__READ_URL", "postgres://u:p@h/x", "database.read_url"),
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
        ("ODYSSEY__STORE__KIND", "s3"),
        ("ODYSSEY__STORE__ENDPOINT", "https://s3.example"),
        ("ODYSSEY__STORE__BUCKET", "odyssey"),
        ("ODYSSEY__STORE__ACCESS_KEY_ID", "AK"),
        ("ODYSSEY__STORE__SECRET_ACCESS_KEY", "s3cr3t"),
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
    let sources = [("database", include_str!("database.rs")), ("store", include_str!("store.rs"))];
    let names: Vec<String> = sources
        .iter()
        .flat_map(|(section, source)| source.lines().map(move |line| (section, line)))
        .filter(|(_, line)| line.contains("Option<SecretString>,"))
        .filter_map(|(section, line)| {
            line.trim().strip_prefix("pub ")?.split(':').next().map(|name| format!("{section}.{name}"))
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
        include_str!("store.rs"),
        include_str!("log.rs"),
        include_str!("matching.rs"),
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

#[test]
fn every_setting_is_read_by_code_outside_of_this_module() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect_code(&root, &mut files);
    let (inside, mut outside): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(path, _)| path.starts_with(root.join("config")));
    // The one file of this module that does something with settings instead of reading them in.
    outside.extend(inside.iter().filter(|(path, _)| path.ends_with("database_url.rs")).cloned());
    assert!(outside.len() > 20, "the sources were not found");

    let defaults: toml::Table =
        include_str!("../../../../config.default.toml").parse().expect("the defaults are TOML");
    let mut unread = Vec::new();
    for (section, fields) in &defaults {
        for field in fields.as_table().expect("a section").keys() {
            let accessors = accessors_of(&inside, section, field);
            if !outside.iter().any(|(_, code)| reads(code, section, field, &accessors)) {
                unread.push(format!("{section}.{field}"));
            }
        }
    }
    assert!(unread.is_empty(), "nothing reads {unread:?}: give each an effect or remove it");
}

/// Whether this file takes the setting: by its full path, by its name where it works with its section, or by
/// a method of ours that returns it.
fn reads(code: &str, section: &str, field: &str, accessors: &[String]) -> bool {
    let type_name: String = section.split('_').map(capitalized).chain(["Config".to_owned()]).collect();
    let has_section = has_word(code, &format!("settings.{section}")) || has_word(code, &type_name);
    has_word(code, &format!(".{section}.{field}"))
        || (has_section && has_word(code, &format!(".{field}")))
        || accessors.iter().any(|name| code.contains(&format!(".{name}(")))
}

/// The public methods of the sections (and of all settings together) that look at this field.
fn accessors_of(sources: &[(PathBuf, String)], section: &str, field: &str) -> Vec<String> {
    let methods = sources.iter().flat_map(|(_, code)| code.split("    pub fn ").skip(1));
    methods
        .filter(|method| {
            let body = method.split("\n    }").next().unwrap_or_default();
            has_word(body, &format!("self.{field}")) || has_word(body, &format!("self.{section}.{field}"))
        })
        .filter_map(|method| method.split('(').next().map(str::to_owned))
        .collect()
}

/// The code under a folder, without comments and without tests.
fn collect_code(folder: &Path, files: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect_code(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"))
        {
            let text = std::fs::read_to_string(&path).expect("readable");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            files.push((path, code.collect::<Vec<_>>().join("\n")));
        }
    }
}

/// `needle` in `code`, and not as the beginning of a longer name.
fn has_word(code: &str, needle: &str) -> bool {
    code.match_indices(needle).any(|(at, _)| {
        let next = code[at + needle.len()..].chars().next();
        !next.is_some_and(|next| next.is_alphanumeric() || next == '_')
    })
}

fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}

#[test]
fn a_store_has_what_its_kind_needs_and_nothing_of_another() {
    let s3 = [
        ("ODYSSEY__STORE__KIND", "s3"),
        ("ODYSSEY__STORE__ENDPOINT", "https://s3.example"),
        ("ODYSSEY__STORE__BUCKET", "odyssey"),
        ("ODYSSEY__STORE__ACCESS_KEY_ID", "AK"),
        ("ODYSSEY__STORE__SECRET_ACCESS_KEY", "s3cr3t"),
    ];
    let loaded = with_environment(&s3).expect("valid");
    assert_eq!(loaded.settings.store.kind, super::StoreKind::S3);
    for missing in 1..s3.len() {
        let rest: Vec<_> =
            s3.iter().copied().enumerate().filter(|(at, _)| *at != missing).map(|(_, set)| set).collect();
        let message = refusal(with_environment(&rest));
        let key = s3[missing].0.trim_start_matches("ODYSSEY__").to_ascii_lowercase().replace("__", ".");
        assert!(message.contains(&key) && message.contains("is not set"), "{message}");
    }
    let message = refusal(with_environment(&[("ODYSSEY__STORE__SERVICE_KEY", "s3cr3t")]));
    assert!(message.contains("store.service_key") && !message.contains("s3cr3t"), "{message}");
    let message = refusal(with_environment(&[("ODYSSEY__STORE__KIND", "tape")]));
    assert!(message.contains("store.kind"), "{message}");
}
