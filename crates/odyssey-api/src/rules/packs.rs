//! `GET /api/v1/rules/packs`.

use odyssey_domain::tenancy::Role;
use odyssey_matching::RulePack;

use super::pack_dto::{RulePackDto, RulePacksDto};
use crate::authorized::{Authorized, permission};
use crate::context;
use crate::extract::Json;
use crate::problem::Problem;

/// The rule packs in force, rule by rule. A superadmin also sees the inactive ones, and why they are off.
#[utoipa::path(get, path = "/api/v1/rules/packs", tag = "rules",
    responses((status = 200, description = "The rule packs", body = RulePacksDto)))]
pub(super) async fn list_rule_packs(
    caller: Authorized<permission::SettingsRead>,
) -> Result<Json<RulePacksDto>, Problem> {
    let view = RulePack::embedded().view(caller.role == Role::Superadmin);
    context::count_rows_read(view.rules.len() as u64);
    Ok(Json(RulePacksDto { items: vec![RulePackDto::new(view)?] }))
}
