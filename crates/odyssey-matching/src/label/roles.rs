//! How much of a meal a product is, by the vendor's own categories.

use std::collections::HashMap;
use std::sync::Arc;

use odyssey_types::ProductFields;

use super::Tables;
use crate::Role;

/// Codes of categories, each with the role of its products.
pub type Roles = HashMap<String, Role>;

impl Tables {
    /// These tables and the roles of a vendor's categories. They are no part of [`Tables::version`]: evidence does
    /// not change with them.
    pub fn with_roles(&self, roles: Roles) -> Self {
        let roles = if roles.is_empty() { None } else { Some(Arc::new(roles)) };
        Self { read: Arc::clone(&self.read), extra: self.extra.clone(), roles }
    }

    /// How much of a meal one reference amount of a product is: by its sub-category where that has a role, else by
    /// its category, else a snack, the strictest.
    pub fn role_of(&self, fields: &ProductFields) -> Role {
        let Some(roles) = &self.roles else { return Role::Snack };
        let of = |code: &Option<String>| roles.get(code.as_deref()?).copied();
        of(&fields.sub_category_id).or_else(|| of(&fields.category_id)).unwrap_or_default()
    }

    /// The roles of categories, in no particular order.
    pub fn roles(&self) -> impl Iterator<Item = (&str, Role)> {
        self.roles.iter().flat_map(|roles| roles.iter()).map(|(code, role)| (code.as_str(), *role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(roles: &[(&str, Role)], category: Option<&str>, sub_category: Option<&str>) -> Role {
        let roles = roles.iter().map(|(code, role)| ((*code).to_owned(), *role)).collect();
        let fields = ProductFields {
            category_id: category.map(str::to_owned),
            sub_category_id: sub_category.map(str::to_owned),
            ..ProductFields::default()
        };
        Tables::embedded().with_roles(roles).role_of(&fields)
    }

    #[test]
    fn the_nearest_category_with_a_role_decides_and_unknown_is_the_strictest() {
        let roles = [("frozen", Role::MainDish), ("frozen-entrees", Role::Meal)];
        assert_eq!(role(&roles, Some("frozen"), Some("frozen-entrees")), Role::Meal);
        assert_eq!(role(&roles, Some("frozen"), Some("frozen-peas")), Role::MainDish);
        assert_eq!(role(&roles, Some("Frozen"), None), Role::Snack);
        assert_eq!(role(&roles, None, None), Role::Snack);
        assert_eq!(role(&[], Some("frozen"), None), Role::Snack);
    }

    #[test]
    fn roles_stay_with_added_terms_and_change_no_version() {
        let with = Tables::embedded().with_roles(Roles::from([("meals".to_owned(), Role::Meal)]));
        assert_eq!(with.version(), Tables::embedded().version());
        let again = with.with_terms(&[]).expect("no terms");
        assert_eq!(again.roles().collect::<Vec<_>>(), [("meals", Role::Meal)]);
    }
}
