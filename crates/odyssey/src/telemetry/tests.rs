//! What a panic leaves in the log.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt;

use super::log_panic;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_panic_is_logged_with_its_place_and_without_its_message() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = fmt().json().with_writer(move || writer.clone()).finish();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(log_panic));
    let ended = tracing::subscriber::with_default(subscriber, || {
        let name = "Ada";
        std::panic::catch_unwind(|| panic!("no such customer: {name}"))
    });
    std::panic::set_hook(before);

    assert!(ended.is_err());
    let logged = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    assert!(logged.contains("\"level\":\"ERROR\"") && logged.contains("telemetry/tests.rs:"), "{logged}");
    assert!(logged.contains("odyssey::telemetry"), "the target: {logged}");
    assert!(!logged.contains("Ada") && !logged.contains("no such customer"), "{logged}");
}
