//! Routes of customers: who they are, what they agreed to, their health profiles, their lists, and notes on them.
//!
//! Owns: no table. Promises: a viewer sees the masked form, which opens nothing; everything else of a
//! person is sent only after the disclosure is recorded; what is written reads back equal. Emits: nothing;
//! the domain audits. Never: puts a value of a request into a problem, a URL or a log line.

mod consents;
mod dto;
mod duplicates;
mod fhir;
mod fhir_dto;
mod health;
mod health_dto;
mod lists;
mod merge;
mod notes;
mod problem;
mod reads;
mod record;
mod versions;
mod writes;

use utoipa_axum::router::OpenApiRouter;

use crate::operation::Facts;
use crate::state::ApiState;
use crate::{guarded, keyed};

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::default()
        .routes(guarded!(reads::list_customers, Facts::audited("customer.list").discloses_phi()))
        .routes(keyed!(writes::upsert_customers, Facts::audited("customer.write").discloses_phi()))
        .routes(guarded!(reads::search_customers, Facts::audited("customer.search").discloses_phi()))
        .routes(guarded!(
            duplicates::list_duplicate_customers,
            Facts::audited("customer.duplicates").discloses_phi()
        ))
        .routes(guarded!(reads::get_customer, Facts::audited("customer.read").discloses_phi()))
        .routes(keyed!(writes::replace_customer, Facts::audited("customer.write").discloses_phi()))
        .routes(keyed!(writes::update_customer, Facts::audited("customer.write").discloses_phi()))
        .routes(keyed!(merge::merge_customers, Facts::audited("customer.merge").discloses_phi()))
        .routes(guarded!(writes::delete_customer, Facts::audited("customer.delete")))
        .routes(guarded!(health::get_health_profile, Facts::audited("health_profile.read").discloses_phi()))
        .routes(keyed!(
            health::replace_health_profile,
            Facts::audited("health_profile.write").discloses_phi()
        ))
        .routes(keyed!(health::update_health_profile, Facts::audited("health_profile.write").discloses_phi()))
        .routes(keyed!(fhir::propose_fhir, Facts::audited("fhir_proposal.create").discloses_phi()))
        .routes(guarded!(fhir::get_fhir_proposal, Facts::audited("fhir_proposal.read").discloses_phi()))
        .routes(keyed!(fhir::apply_fhir_proposal, Facts::audited("fhir_proposal.apply").discloses_phi()))
        .routes(guarded!(consents::list_consents, Facts::audited("consent.list").discloses_phi()))
        .routes(keyed!(consents::record_consent, Facts::audited("consent.write").discloses_phi()))
        .routes(guarded!(lists::get_customer_lists, Facts::audited("customer_list.read").discloses_phi()))
        .routes(keyed!(lists::put_list_entry, Facts::audited("customer_list.put").discloses_phi()))
        .routes(guarded!(lists::delete_list_entry, Facts::audited("customer_list.delete")))
        .routes(guarded!(
            versions::list_customer_versions,
            Facts::audited("customer_version.list").discloses_phi()
        ))
        .routes(guarded!(
            versions::get_customer_version,
            Facts::audited("customer_version.read").discloses_phi()
        ))
        .routes(keyed!(versions::restore_customer, Facts::audited("customer.restore").discloses_phi()))
        .routes(guarded!(notes::list_notes, Facts::audited("customer_note.list").discloses_phi()))
        .routes(keyed!(notes::create_note, Facts::audited("customer_note.create").discloses_phi()))
        .routes(keyed!(notes::update_note, Facts::audited("customer_note.update").discloses_phi()))
        .routes(guarded!(notes::delete_note, Facts::audited("customer_note.delete")))
}
