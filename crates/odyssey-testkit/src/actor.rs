//! Who calls: values with verbs.

use axum::body::Body;
use http::{Method, Request, header};
use odyssey_types::VendorId;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::database::VendorSeed;
use crate::response::TestResponse;

/// A vendor of the template and its people.
#[derive(Debug)]
pub struct TestVendor<'a> {
    pub(crate) app: &'a TestApp,
    pub seed: VendorSeed,
}

impl<'a> TestVendor<'a> {
    pub const fn id(&self) -> VendorId {
        self.seed.id
    }

    pub async fn admin(&self) -> Actor<'a> {
        self.person("vendor_admin").await
    }

    pub async fn operator(&self) -> Actor<'a> {
        self.person("vendor_operator").await
    }

    pub async fn viewer(&self) -> Actor<'a> {
        self.person("vendor_viewer").await
    }

    /// The person who has this role here.
    pub async fn person(&self, role: &str) -> Actor<'a> {
        self.app.signed_in(&format!("{role}@{}.example", self.seed.slug), None).await
    }
}

/// Somebody who sends requests.
#[derive(Debug, Clone)]
pub struct Actor<'a> {
    pub(crate) app: &'a TestApp,
    pub token: Option<String>,
    /// Sent as `X-Vendor-Id`.
    pub vendor_id: Option<VendorId>,
}

impl Actor<'_> {
    /// What is called.
    pub const fn app(&self) -> &TestApp {
        self.app
    }

    /// The same person, naming a vendor.
    pub fn at(&self, vendor_id: VendorId) -> Self {
        Self { vendor_id: Some(vendor_id), ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn delete(&self, path: &str) -> TestResponse {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// With a fresh idempotency key.
    pub async fn post(&self, path: &str, body: Value) -> TestResponse {
        self.keyed(Method::POST, path, &[], body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> TestResponse {
        self.keyed(Method::PATCH, path, &[], body).await
    }

    /// PUT of whatever version is stored.
    pub async fn put(&self, path: &str, body: Value) -> TestResponse {
        self.keyed(Method::PUT, path, &[("if-match", "*")], body).await
    }

    pub async fn keyed(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> TestResponse {
        let key = uuid::Uuid::now_v7().to_string();
        let mut headers = headers.to_vec();
        headers.push(("idempotency-key", &key));
        self.send(method, path, &headers, Some(body)).await
    }

    /// Sends exactly this; a body goes as JSON.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> TestResponse {
        let body = body.map(|json| json.to_string());
        self.send_bytes(method, path, headers, body.map(|text| ("application/json", text.into_bytes()))).await
    }

    /// Sends a body of any media type.
    pub async fn send_bytes(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
    ) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(vendor_id) = self.vendor_id {
            request = request.header("x-vendor-id", vendor_id.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = match body {
            Some((media_type, bytes)) => {
                request.header(header::CONTENT_TYPE, media_type).body(Body::from(bytes))
            }
            None => request.body(Body::empty()),
        };
        self.app.send(request.expect("a well-formed request")).await
    }

    /// Creates a product and returns its id.
    pub async fn create_product(&self, external_id: &str, fields: Value) -> String {
        let mut record = fields;
        record["external_id"] = json!(external_id);
        let response = self.post("/api/v1/products", json!({ "products": [record] })).await;
        let result = &response.json()["results"][0];
        assert_eq!(result["status"], 201, "the product is created: {result}");
        result["id"].as_str().expect("an id").to_owned()
    }
}
