use super::{EMBEDDED, PackError, PackText, RulePack, Status};

#[test]
fn the_embedded_pack_loads_and_has_rules_for_every_template_and_interaction() {
    let pack = RulePack::embedded();
    assert_eq!(pack.digest.len(), 64);
    assert!(pack.conditions.len() >= 50, "{}", pack.conditions.len());
    assert!(pack.interactions.len() >= 35, "{}", pack.interactions.len());
    let unbuilt = pack.conditions.iter().filter(|c| !c.implemented).map(|c| c.id.as_str());
    let unbuilt: Vec<&str> =
        unbuilt.chain(pack.interactions.iter().filter(|i| !i.implemented).map(|i| i.id.as_str())).collect();
    assert_eq!(unbuilt, [""; 0]);
}

/// The ids of the design's tables: present from the first day, whatever becomes of their rules.
#[test]
fn every_template_and_interaction_of_the_design_is_present() {
    let pack = RulePack::embedded();
    for id in "htn t2dm t1dm prediabetes gdm ckd_1_2 ckd_3_5 ckd_5d kidney_tx hyperkalaemia hf lipids hypertg ascvd \
               obesity celiac ncgs wheat_allergy lactose lactase_congenital ibs_fodmap gerd gout pku g6pd \
               haemochromatosis ida osteoporosis masld galactosaemia hfi csid pregnancy lactation wilson \
               metabolic_syndrome hypothyroid kidney_stones eoe fpies food_allergy alpha_gal sulfite_asthma msud \
               homocystinuria tyrosinaemia ucd gastroparesis bariatric chronic_pancreatitis cirrhosis \
               eating_disorder"
        .split_whitespace()
    {
        assert!(pack.condition(id).is_some(), "{id}");
    }
    for id in "vitk_warfarin warfarin_other maoi_tyramine maoi_partial gfj_statin gfj_ccb gfj_immuno gfj_cardiac \
               gfj_cns gfj_other juice_absorption raas_k ksparing_k thyroid_absorb tetra_dairy fq_cations \
               bisphosphonate metformin_b12 ppi lithium_na digoxin licorice_k isoniazid methotrexate antiepileptic \
               levodopa_protein alcohol_hard caffeine insulin_su sglt2_keto glp1 bile_resin folate_sulfa \
               potassium_binders finerenone orlistat liothyronine"
        .split_whitespace()
    {
        assert!(pack.interactions.iter().any(|i| i.id == id), "{id}");
    }
    for drug in ["apixaban", "pravastatin", "allopurinol", "azathioprine", "propranolol"] {
        assert!(pack.not_affected.iter().any(|d| d.name == drug), "{drug}");
    }
}

#[test]
fn an_unreviewed_target_is_never_active() {
    let mut inactive = 0;
    for (_, set) in RulePack::embedded().rule_sets() {
        for target in &set.targets {
            let unreviewed = target.source.status == Status::Unreviewed;
            assert_eq!(target.active, !unreviewed, "{}", target.source.rule);
            inactive += usize::from(unreviewed);
        }
    }
    assert!(inactive > 10, "{inactive}");
}

#[test]
fn every_rule_names_a_citation_and_the_version() {
    let pack = RulePack::embedded();
    for (source, _) in pack.rule_sets().flat_map(|(_, rules)| rules.refs()) {
        assert!(!source.citation.is_empty(), "{}", source.rule);
        assert_eq!(source.version, pack.version);
    }
}

#[test]
fn the_view_lists_every_rule_and_says_why_an_inactive_one_is_off() {
    let pack = RulePack::embedded();
    let (shown, all) = (pack.view(false), pack.view(true));
    assert!(shown.rules.iter().all(|r| r.active && r.why_inactive.is_none()));
    assert_eq!(shown.rules.len() + shown.inactive_count, all.rules.len());
    let off = all.rules.iter().find(|r| r.rule == "htn.potassium").expect("the target is listed");
    assert_eq!((off.kind, off.active, off.status), ("target", false, Status::Unreviewed));
    assert!(off.why_inactive.as_deref().is_some_and(|why| why.contains("source")), "{off:?}");
    assert_eq!(off.says, "potassium: good to reach 3500 mg a day");
    let cap = all.rules.iter().find(|r| r.rule == "htn.sodium").expect("the cap is listed");
    assert_eq!(cap.says, "sodium: at most 2300 mg a day, and one product at most half of it");
}

#[test]
fn the_codes_of_an_allergy_all_name_an_allergen() {
    for code in crate::engine::coded_allergens() {
        assert!(crate::keys_of_allergen(code).is_some(), "{code}");
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
    refused(
        |f, _| *f = f.replace("activity = 3, constant = \"511.83\"", "activity = 2, constant = \"511.83\""),
        "one equation",
    );
    refused(|_, c| *c = c.replace("id = \"t2dm\"", "id = \"htn\""), "stands twice");
    refused(|_, c| *c = c.replace("rule = \"htn.saturated_fat\"", "rule = \"htn.sodium\""), "stands twice");
    refused(|_, c| *c = c.replace("percent_energy = \"6\"", "percent_energy = \"1000\""), "share of energy");
    refused(|_, c| *c = c.replace("\"I10\"", "\"I1.0\""), "ICD-10-CM");
    refused(|_, c| *c = c.replace("[\"class.alcohol\"]", "[\"class.gin\"]"), "not a key");
    refused(
        |_, c| *c = c.replace("unless = [\"potassium_restricted\"]", "unless = [\"potassium\"]"),
        "nothing of this pack",
    );
    refused(
        |_, c| {
            *c = c.replace(
                "includes = [\"lipids\", \"htn\"]",
                "includes = [\"lipids\", \"metabolic_syndrome\"]",
            );
        },
        "which includes others",
    );
    refused(
        |_, c| *c = c.replace("blocks_diets = [\"keto\", \"low_carb\"]", "blocks_diets = [\"vegan\"]"),
        "may not switch off",
    );
    refused(|_, c| *c = c.replace("kind = \"metabolic\"", "kind = \"drug\""), "kind of drugs");
    refused(|_, c| *c = c.replace("code = \"HX_PREGNANCY\"", "code = \"HX_GIN\""), "not a code of gates");
    refused(
        |_, c| *c = c.replace("code = \"WN_FLUID\"\ndrinks_only = true", "code = \"WN_FLUID\""),
        "every product",
    );
    refused(
        |_, c| *c = c.replace("exclude_above = \"1\"", "exclude_above = \"1\"\nmark_above = \"1\""),
        "exactly one",
    );
    refused(|_, c| *c = c.replacen("implemented = true", "implemented = false", 1), "not implemented");
}

#[test]
fn drugs_that_do_not_add_up_are_refused() {
    let refused = |from: &str, to: &str, expected: &str| {
        let drugs = EMBEDDED.drugs.replacen(from, to, 1);
        assert_ne!(drugs, EMBEDDED.drugs, "{from}");
        let error = RulePack::parse(PackText { drugs: &drugs, ..EMBEDDED }).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    };
    refused("rxcui = \"11289\"", "rxcui = \"warfarin\"", "not a number");
    refused(
        "drugs = [\"simvastatin\", \"lovastatin\"]",
        "drugs = [\"pravastatin\"]",
        "no drug of this interaction",
    );
    refused("implemented = true", "implemented = false", "exactly when");
    refused("blocks_goals = [\"less_sodium\"]", "blocks_goals = [\"joy\"]", "unknown goal");
    refused("at_least = \"24\"\n", "", "with `at_least`");
}

#[test]
fn moving_a_line_changes_the_digest() {
    let figures = format!("{}\n", EMBEDDED.figures);
    let other = RulePack::parse(PackText { figures: &figures, ..EMBEDDED });
    assert!(matches!(&other, Ok(pack) if pack.digest != RulePack::embedded().digest), "{:?}", other.err());
    let unreadable = RulePack::parse(PackText { scoring: "weights = 1", ..EMBEDDED });
    assert!(matches!(unreadable, Err(PackError::Unreadable { file: "scoring", .. })));
}
