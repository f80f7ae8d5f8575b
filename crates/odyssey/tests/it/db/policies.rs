//! Row-level security stands on every table that has a vendor, on every leaf, and the application's roles
//! cannot step around it.

use odyssey_testkit::TestDatabase;

#[tokio::test]
async fn every_table_with_a_vendor_has_a_policy() {
    let test = TestDatabase::start().await;
    let mut connection = test.superuser_connection().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'odyssey'
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'vendor_id' AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p')
           AND NOT (c.relrowsecurity
                    AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)
                    -- Search documents and tokens are read by their owner's functions only: enabled, not forced.
                    AND (c.relforcerowsecurity OR c.relname IN ('product_documents', 'customer_tokens')))
         ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    assert_eq!(bare, Vec::<String>::new(), "tables without (forced) row-level security");
}

#[tokio::test]
async fn every_leaf_is_guarded_and_out_of_reach() {
    let test = TestDatabase::start().await;
    let mut connection = test.superuser_connection().await;
    let bare: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'odyssey_leaf'
         WHERE c.relkind IN ('r', 'p') AND NOT c.relrowsecurity ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    assert_eq!(bare, Vec::<String>::new(), "leaves without row-level security");
    for role in ["odyssey_app", "odyssey_platform", "odyssey_app_login", "odyssey_platform_login"] {
        let may: bool = sqlx::query_scalar("SELECT has_schema_privilege($1, 'odyssey_leaf', 'USAGE')")
            .bind(role)
            .fetch_one(&mut connection)
            .await
            .expect("the catalog answers");
        assert!(!may, "{role} can look into the schema of the leaves");
    }
}

#[tokio::test]
async fn no_role_of_the_application_is_superuser_or_bypasses_policies() {
    let test = TestDatabase::start().await;
    let mut connection = test.superuser_connection().await;
    let strong: Vec<String> = sqlx::query_scalar(
        "SELECT rolname::text FROM pg_roles WHERE (rolsuper OR rolbypassrls)
           AND rolname IN ('odyssey_app', 'odyssey_platform', 'odyssey_search', 'odyssey_app_login', 'odyssey_platform_login')",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog answers");
    assert_eq!(strong, Vec::<String>::new());
    test.database.check_ready().await.expect("the server agrees");
}

#[tokio::test]
async fn the_audit_trail_can_be_added_to_and_nothing_else() {
    let test = TestDatabase::start().await;
    let mut connection = test.superuser_connection().await;
    for role in ["odyssey_app", "odyssey_platform"] {
        for privilege in ["UPDATE", "DELETE", "TRUNCATE"] {
            for table in ["odyssey.audit_events", "odyssey.audit_subjects"] {
                let may: bool = sqlx::query_scalar("SELECT has_table_privilege($1, $2, $3)")
                    .bind(role)
                    .bind(table)
                    .bind(privilege)
                    .fetch_one(&mut connection)
                    .await
                    .expect("the catalog answers");
                assert!(!may, "{role} may {privilege} {table}");
            }
        }
    }
}

#[tokio::test]
async fn the_search_functions_find_nothing_without_a_vendor() {
    let test = TestDatabase::start().await;
    let mut connection = test.superuser_connection().await;
    let found: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM odyssey.search_products('a', false, NULL, NULL, NULL, 10))
              + (SELECT count(*) FROM odyssey.find_customers_by_token(1, 10))",
    )
    .fetch_one(&mut connection)
    .await
    .expect("the functions answer");
    assert_eq!(found, 0);
}
