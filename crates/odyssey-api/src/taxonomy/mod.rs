//! Routes of the taxonomy: trees and synonyms of a vendor, and the platform's rows that they stand on.
//!
//! Owns: no table. Promises: a vendor reads the platform's rows and its own, and changes only its own; the
//! platform's are a superadmin's. Emits: nothing; the domain audits. Never: holds a rule about trees.

mod dto;
mod nodes;
mod platform;
mod problem;
mod synonyms;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    let plain = Facts::unaudited("names of things are not personal data");
    OpenApiRouter::default()
        .routes(guarded!(nodes::get_taxonomy_versions, plain))
        .routes(guarded!(nodes::list_taxonomy_nodes, plain))
        .routes(keyed!(nodes::create_taxonomy_node, Facts::audited("taxonomy.write")))
        .routes(guarded!(nodes::get_taxonomy_node, plain))
        .routes(keyed!(nodes::replace_taxonomy_node, Facts::audited("taxonomy.write")))
        .routes(guarded!(nodes::delete_taxonomy_node, Facts::audited("taxonomy.delete")))
        .routes(guarded!(synonyms::list_synonyms, plain))
        .routes(keyed!(synonyms::create_synonym, Facts::audited("synonym.write")))
        .routes(guarded!(synonyms::get_synonym, plain))
        .routes(keyed!(synonyms::replace_synonym, Facts::audited("synonym.write")))
        .routes(guarded!(synonyms::delete_synonym, Facts::audited("synonym.delete")))
        .routes(guarded!(platform::list_platform_nodes, plain))
        .routes(keyed!(platform::write_platform_node, Facts::audited("taxonomy.write")))
        .routes(guarded!(platform::delete_platform_node, Facts::audited("taxonomy.delete")))
        .routes(guarded!(platform::list_platform_synonyms, plain))
        .routes(keyed!(platform::write_platform_synonym, Facts::audited("synonym.write")))
        .routes(guarded!(platform::delete_platform_synonym, Facts::audited("synonym.delete")))
}
