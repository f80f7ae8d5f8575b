use super::*;

#[test]
fn a_clone_shares_what_it_knows() {
    let readiness = Readiness::with_gates(&["erasure-ledger"]);
    let clone = readiness.clone();
    clone.drain();
    assert!(readiness.is_draining());
}
