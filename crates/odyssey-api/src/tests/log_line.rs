use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::house::House;
use super::probe;
use crate::state::ApiSettings;

/// Everything that is logged: target and fields.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<(String, BTreeMap<String, String>)>>>);

impl<S: Subscriber> Layer<S> for Captured {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.0.lock().unwrap().push((event.metadata().target().to_owned(), fields.0));
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Captured {
    fn lines(&self) -> Vec<BTreeMap<String, String>> {
        let all = self.0.lock().unwrap();
        all.iter()
            .filter(|(target, _)| target == "odyssey::request")
            .map(|(_, fields)| fields.clone())
            .collect()
    }

    fn everything(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
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
    let captured = Captured::default();
    let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(captured.clone()));
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
    drop(guard);

    let lines = captured.lines();
    assert_eq!(lines.len(), 7, "one line a request");
    for line in &lines {
        assert_eq!(line.keys().map(String::as_str).collect::<Vec<_>>(), FIELDS);
    }
    for planted in PLANTED {
        assert!(!captured.everything().contains(planted), "{planted} was logged");
    }
    let routes: Vec<&str> = lines.iter().map(|line| line["route"].trim_matches('"')).collect();
    assert_eq!(routes[..2], ["/api/v1/auth/sign-in", "-"]);
    assert_eq!(routes[4], "/probe/people/{person_id}");
    assert_eq!((lines[2]["rows_read"].as_str(), lines[2]["rows_written"].as_str()), ("2", "3"));
    assert_eq!(lines[6]["user_id"].trim_matches('"'), house.user_id.to_string());
    assert_eq!(lines[0]["user_id"].trim_matches('"'), "-");
}
