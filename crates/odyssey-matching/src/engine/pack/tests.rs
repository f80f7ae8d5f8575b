use super::{EMBEDDED, PackError, PackText, RulePack, Status};

#[test]
fn the_embedded_pack_loads_and_knows_every_template_and_interaction() {
    let pack = RulePack::embedded();
    assert_eq!(pack.digest.len(), 64);
    assert!(pack.conditions.len() >= 50, "{}", pack.conditions.len());
    assert!(pack.interactions.len() >= 35, "{}", pack.interactions.len());
    let implemented: Vec<&str> =
        pack.conditions.iter().filter(|c| c.implemented).map(|c| c.id.as_str()).collect();
    assert_eq!(implemented, ["htn", "t2dm"]);
    assert!(pack.interactions.iter().all(|i| !i.implemented));
}

#[test]
fn an_unreviewed_target_is_never_active() {
    for target in RulePack::embedded().conditions.iter().flat_map(|c| &c.targets) {
        assert!(target.source.status != Status::Unreviewed || !target.active, "{}", target.source.rule);
    }
}

#[test]
fn every_figure_of_a_rule_names_a_citation() {
    let pack = RulePack::embedded();
    let caps = pack.general_caps.iter().chain(pack.conditions.iter().flat_map(|c| &c.caps));
    for cap in caps {
        assert!(!cap.source.citation.is_empty(), "{}", cap.source.rule);
        assert_eq!(cap.source.version, pack.version);
    }
}

fn refused(change: impl Fn(&mut String, &mut String), expected: &str) {
    let (mut figures, mut conditions) = (EMBEDDED.figures.to_owned(), EMBEDDED.conditions.to_owned());
    change(&mut figures, &mut conditions);
    let error =
        RulePack::parse(PackText { figures: &figures, conditions: &conditions, ..EMBEDDED }).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_pack_that_does_not_add_up_is_refused() {
    refused(|f, _| *f = f.replace("amount = \"2300\"", "amount = \"2300.0001\""), "2300.0001");
    refused(|f, _| *f = f.replace("source = \"dga_2020_limits\"", "source = \"a_blog\""), "unknown source");
    refused(|f, _| f.push_str("surprise = 1\n"), "figures");
    refused(|_, c| *c = c.replace("id = \"t2dm\"", "id = \"htn\""), "stands twice");
    refused(|_, c| *c = c.replace("percent_energy = \"6\"", "percent_energy = \"1000\""), "share of energy");
    refused(|_, c| *c = c.replace("\"I10\"", "\"I1.0\""), "ICD-10-CM");
    refused(|_, c| *c = c.replace("class = \"class.alcohol\"", "class = \"class.gin\""), "not a key");
    refused(
        |_, c| {
            *c = c.replacen(
                "id = \"gout\"\nlabel = \"gout\"\nimplemented = false",
                "id = \"gout\"\nlabel = \"gout\"\nimplemented = true",
                1,
            );
        },
        "implemented exactly when",
    );
}

#[test]
fn moving_a_line_changes_the_digest() {
    let figures = format!("{}\n", EMBEDDED.figures);
    let other = RulePack::parse(PackText { figures: &figures, ..EMBEDDED });
    assert!(matches!(&other, Ok(pack) if pack.digest != RulePack::embedded().digest), "{:?}", other.err());
    let unreadable = RulePack::parse(PackText { scoring: "weights = 1", ..EMBEDDED });
    assert!(matches!(unreadable, Err(PackError::Unreadable { file: "scoring", .. })));
}
