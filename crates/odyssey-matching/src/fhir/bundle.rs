//! A bundle taken apart into resources that know their place and each other.

use std::collections::BTreeMap;

use serde_json::Value;

use super::limits::{BUNDLE_BYTES_MAX, DEPTH_MAX, NESTING_MAX, RESOURCES_MAX};

/// Why a bundle is refused as a whole. Nothing of its content is repeated; the pointer says where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    #[error("a bundle has at most {max} bytes")]
    TooLarge { max: usize },
    #[error("a bundle is nested at most {max} levels deep")]
    TooDeep { max: usize },
    #[error("this is not JSON from line {line}, column {column} on")]
    NotJson { line: usize, column: usize },
    #[error("a resource of type Bundle is expected; put a single resource into one as an entry")]
    NotABundle,
    #[error(
        "a bundle of this type holds former or unwanted versions; send a collection, a document, a search set, a batch or a transaction"
    )]
    BundleType { pointer: String },
    #[error("the entries of a bundle are a list")]
    EntriesUnreadable { pointer: String },
    #[error("a bundle has at most {max} resources")]
    TooManyResources { max: usize },
    #[error("bundles stand inside each other at most {max} deep")]
    NestedTooDeep { pointer: String, max: usize },
    #[error("a bundle has at most {max} resources of the kinds that are read")]
    TooManyLines { max: usize },
}

impl BundleError {
    /// A stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "bundle_too_large",
            Self::TooDeep { .. } => "bundle_too_deep",
            Self::NotJson { .. } => "not_json",
            Self::NotABundle => "not_a_bundle",
            Self::BundleType { .. } => "bundle_type",
            Self::EntriesUnreadable { .. } => "entries_unreadable",
            Self::TooManyResources { .. } => "too_many_resources",
            Self::NestedTooDeep { .. } => "bundles_nested_too_deep",
            Self::TooManyLines { .. } => "too_many_lines",
        }
    }

    /// JSON pointer to what is refused.
    pub fn pointer(&self) -> &str {
        match self {
            Self::NotABundle => "/resourceType",
            Self::BundleType { pointer }
            | Self::EntriesUnreadable { pointer }
            | Self::NestedTooDeep { pointer, .. } => pointer,
            Self::TooManyResources { .. } | Self::TooManyLines { .. } => "/entry",
            Self::TooLarge { .. } | Self::TooDeep { .. } | Self::NotJson { .. } => "",
        }
    }
}

/// One resource and its place. No `Debug` output of the content: it is health data.
pub(super) struct Resource {
    /// JSON pointer into what was sent: `/entry/3/resource`.
    pub pointer: String,
    /// `AllergyIntolerance`; empty where the resource does not say.
    pub kind: String,
    pub id: Option<String>,
    pub full_url: Option<String>,
    /// The index of the resource that contains this one.
    pub container: Option<usize>,
    pub value: Value,
}

/// A bundle that was read. Its `Debug` shows nothing of the content.
pub struct Bundle {
    pub(super) resources: Vec<Resource>,
    /// Entries that hold nothing, by their pointers.
    pub(super) unreadable: Vec<String>,
    by_url: BTreeMap<String, usize>,
    by_id: BTreeMap<(String, String), usize>,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bundle").field("resources", &self.resources.len()).finish_non_exhaustive()
    }
}

impl Bundle {
    /// Reads a bundle; what its resources mean is asked later.
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleError::TooLarge { max: BUNDLE_BYTES_MAX });
        }
        if depth_of(bytes) > DEPTH_MAX {
            return Err(BundleError::TooDeep { max: DEPTH_MAX });
        }
        let value = serde_json::from_slice(bytes)
            .map_err(|error| BundleError::NotJson { line: error.line(), column: error.column() })?;
        Self::of_value(value)
    }

    /// The same of a document that is parsed already.
    pub fn of_value(value: Value) -> Result<Self, BundleError> {
        if kind_of(&value) != "Bundle" {
            return Err(BundleError::NotABundle);
        }
        let mut bundle = Self {
            resources: Vec::new(),
            unreadable: Vec::new(),
            by_url: BTreeMap::new(),
            by_id: BTreeMap::new(),
        };
        bundle.take_bundle(value, "", 1)?;
        for (at, resource) in bundle.resources.iter().enumerate() {
            if let Some(url) = &resource.full_url {
                bundle.by_url.entry(url.clone()).or_insert(at);
            }
            if let (None, Some(id)) = (resource.container, &resource.id) {
                bundle.by_id.entry((resource.kind.clone(), id.clone())).or_insert(at);
            }
        }
        Ok(bundle)
    }

    fn take_bundle(&mut self, mut value: Value, pointer: &str, nesting: usize) -> Result<(), BundleError> {
        if nesting > NESTING_MAX {
            return Err(BundleError::NestedTooDeep { pointer: pointer.to_owned(), max: NESTING_MAX });
        }
        if value.get("type").and_then(Value::as_str) == Some("history") {
            return Err(BundleError::BundleType { pointer: format!("{pointer}/type") });
        }
        let entries = match value.get_mut("entry").map(Value::take) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries,
            Some(_) => {
                return Err(BundleError::EntriesUnreadable { pointer: format!("{pointer}/entry") });
            }
        };
        for (at, mut entry) in entries.into_iter().enumerate() {
            let place = format!("{pointer}/entry/{at}");
            let full_url = entry.get("fullUrl").and_then(Value::as_str).map(str::to_owned);
            // Without a resource: a deletion, a response, or nothing.
            let has_request = entry.get("request").is_some() || entry.get("response").is_some();
            match entry.get_mut("resource").map(Value::take) {
                Some(resource @ Value::Object(_)) if kind_of(&resource) == "Bundle" => {
                    self.take_bundle(resource, &format!("{place}/resource"), nesting + 1)?;
                }
                Some(resource @ Value::Object(_)) => {
                    self.take_resource(resource, format!("{place}/resource"), full_url)?;
                }
                None if has_request => {}
                None | Some(_) => self.unreadable.push(place),
            }
        }
        Ok(())
    }

    fn take_resource(
        &mut self,
        mut value: Value,
        pointer: String,
        full_url: Option<String>,
    ) -> Result<(), BundleError> {
        let contained = match value.get_mut("contained").map(Value::take) {
            Some(Value::Array(contained)) => contained,
            _ => Vec::new(),
        };
        let container = self.resources.len();
        let below = format!("{pointer}/contained");
        self.push(value, pointer, full_url, None)?;
        for (at, inner) in contained.into_iter().enumerate() {
            self.push(inner, format!("{below}/{at}"), None, Some(container))?;
        }
        Ok(())
    }

    fn push(
        &mut self,
        value: Value,
        pointer: String,
        full_url: Option<String>,
        container: Option<usize>,
    ) -> Result<(), BundleError> {
        if self.resources.len() >= RESOURCES_MAX {
            return Err(BundleError::TooManyResources { max: RESOURCES_MAX });
        }
        let kind = kind_of(&value).to_owned();
        let id = value.get("id").and_then(Value::as_str).map(str::to_owned);
        self.resources.push(Resource { pointer, kind, id, full_url, container, value });
        Ok(())
    }

    /// The resource that a reference leads to, if it is in the bundle: contained (`#id`), by full URL
    /// (`urn:uuid:…`), or by type and id.
    pub(super) fn resolve(&self, from: usize, reference: &str) -> Option<usize> {
        let reference = reference.trim();
        if let Some(id) = reference.strip_prefix('#') {
            let container = self.resources.get(from)?.container.unwrap_or(from);
            if id.is_empty() {
                return Some(container);
            }
            let mut inside = self.resources.iter().enumerate();
            return inside
                .find(|(_, r)| r.container == Some(container) && r.id.as_deref() == Some(id))
                .map(|(at, _)| at);
        }
        if let Some(at) = self.by_url.get(reference) {
            return Some(*at);
        }
        let unversioned = reference.split("/_history/").next().unwrap_or(reference);
        let mut parts = unversioned.rsplit('/');
        let (id, kind) = (parts.next()?, parts.next()?);
        self.by_id.get(&(kind.to_owned(), id.to_owned())).copied()
    }
}

/// The types that say something for a profile.
const KINDS: [&str; 7] = [
    "AllergyIntolerance",
    "Condition",
    "MedicationStatement",
    "MedicationRequest",
    "NutritionOrder",
    "Observation",
    "Patient",
];

/// The type of a resource. The standard's names have a case; one in another is meant all the same, and must not pass
/// for a type that nobody looks at.
fn kind_of(value: &Value) -> &str {
    let kind = value.get("resourceType").and_then(Value::as_str).unwrap_or_default().trim();
    KINDS.iter().find(|known| known.eq_ignore_ascii_case(kind)).copied().unwrap_or(kind)
}

/// How deep brackets are nested outside of strings, in one pass before anything is built.
fn depth_of(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in bytes {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
