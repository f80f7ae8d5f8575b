use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::house::House;
use super::probe;
use crate::state::ApiSettings;

/// Target and fields of one event.
type Logged = (String, BTreeMap<String, String>);

thread_local! {
    /// What this test's own thread has logged.
    static LOGGED: RefCell<Vec<Logged>> = const { RefCell::new(Vec::new()) };
}

/// Captures for each thread apart. Installed for the whole process: a subscriber of one thread only would
/// race with the other tests for the cache in which tracing keeps who is interested in an event.
struct Capture;

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        LOGGED.with_borrow_mut(|logged| logged.push((event.metadata().target().to_owned(), fields.0)));
    }
}

fn capture() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Capture))
            .expect("no other test installs a subscriber");
    });
    LOGGED.take();
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

const FIELDS: [&str; 9] = [
    "latency_ms",
    "request_id",
    "role",
    "route",
    "rows_read",
    "rows_written",
    "status",
    "user_id",
    "vendor_id",
];

const PLANTED: [&str; 4] = ["ada@example.org", "correct horse", "4711-member", "s3cr3t"];

#[tokio::test]
async fn a_request_leaves_one_line_with_these_fields_and_nothing_personal() {
    capture();
    let real = House::new();
    let house = House::with(ApiSettings::default(), Some(probe::routes()));
    let token = house.token();
    let json = ("content-type", "application/json");
    let sign_in = "{\"email\":\"ada@example.org\",\"password\":\"correct horse battery\"}";
    real.post_json("/api/v1/auth/sign-in", sign_in).await;
    real.get("/no/such/4711-member?token=s3cr3t").await;
    house.post_json("/probe/people", "{\"email\":\"ada@example.org\"}").await;
    house.post_json("/probe/people", "{\"email\":7,\"4711-member\":\"correct horse\"}").await;
    house.get("/probe/people/4711-member?email=ada@example.org").await;
    house.get("/probe/panic").await;
    let keyed = [("authorization", token.as_str()), ("idempotency-key", "s3cr3t"), json];
    house.send("POST", "/probe/keyed", &keyed, "{\"email\":\"ada@example.org\"}").await;

    let logged = LOGGED.take();
    let requests = logged.iter().filter(|(target, _)| target == "odyssey::request");
    let lines: Vec<_> = requests.map(|(_, fields)| fields).collect();
    assert_eq!(lines.len(), 7, "one line a request");
    for line in &lines {
        assert_eq!(line.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
    }
    for planted in PLANTED {
        assert!(!format!("{logged:?}").contains(planted), "{planted} was logged");
    }
    let routes: Vec<&str> = lines.iter().map(|line| line["route"].trim_matches('"')).collect();
    assert_eq!(routes[..2], ["/api/v1/auth/sign-in", "-"]);
    assert_eq!(routes[4], "/probe/people/{person_id}");
    assert_eq!((lines[2]["rows_read"].as_str(), lines[2]["rows_written"].as_str()), ("2", "3"));
    assert_eq!(lines[6]["user_id"].trim_matches('"'), house.user_id.to_string());
    assert_eq!(lines[0]["user_id"].trim_matches('"'), "-");
}
