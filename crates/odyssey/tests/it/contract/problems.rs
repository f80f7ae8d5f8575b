//! Every problem has a page that our own binary serves.

use odyssey_api::problem::ProblemCode;
use odyssey_testkit::TestApp;

#[tokio::test]
async fn every_problem_code_has_a_page() {
    let app = TestApp::start().await;
    for code in ProblemCode::ALL {
        let page = app.anonymous().get(&format!("/problems/{}", code.as_str())).await;
        assert_eq!(page.status.as_u16(), 200, "{}", code.as_str());
        assert!(page.text().contains(code.as_str()), "{} is not on its page", code.as_str());
    }
}

#[tokio::test]
async fn the_committed_contract_is_the_one_that_is_served() {
    let served = odyssey_api::openapi_json().expect("the contract");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let committed = std::fs::read_to_string(path).expect("openapi.json is committed");
    // The line where they part, not two documents of thousands of lines.
    let apart =
        served.trim().lines().zip(committed.trim().lines()).find(|(served, committed)| served != committed);
    assert_eq!(apart, None, "run `cargo xtask generate`");
    assert_eq!(served.trim().len(), committed.trim().len(), "run `cargo xtask generate`");
}
