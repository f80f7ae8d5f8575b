use std::collections::BTreeSet;

use super::page::{SOURCE, of, section};
use crate::problem::ProblemCode;

#[test]
fn the_document_has_one_section_for_each_code_and_no_other() {
    let headings: Vec<&str> = SOURCE.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let documented: BTreeSet<&str> = headings.iter().copied().collect();
    let registered: BTreeSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(documented, registered);
    assert_eq!(headings.len(), documented.len(), "a heading stands twice");
}

#[test]
fn every_section_says_something() {
    for code in ProblemCode::ALL {
        assert!(section(code.as_str()).unwrap().len() > 40, "{}", code.as_str());
    }
}

#[test]
fn prose_becomes_markup_and_never_the_other_way_round() {
    let page = of(ProblemCode::VendorRequired).unwrap();
    assert!(page.contains("<code>X-Vendor-Id</code>"), "{page}");
    assert!(!page.contains('`'));
}
