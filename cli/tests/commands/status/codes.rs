//! The codes of findings are on the pages that tell of them, and nothing else is.

use crate::docs::root;
use coalmine_cli::status::code::Code;
use coalmine_cli::status::report::Finding;
use coalmine_manifests::check::survey;
use std::collections::BTreeSet;

/// What is in backquotes in the first column of the table that begins with `code` there.
fn table(page: &str) -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs").join(page)).unwrap();
    let (_, table) = page.split_once("\n| code | ").unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let firsts = rows.filter_map(|row| row.split('|').nth(1));
    let codes = firsts.flat_map(|first| first.split('`').skip(1).step_by(2));
    codes.map(str::to_owned).collect()
}

#[test]
fn the_table_has_every_code_and_no_other() {
    let own = Code::ALL.iter().map(|code| code.name());
    let known: BTreeSet<String> = own.chain(survey::CODES).map(str::to_owned).collect();
    assert_eq!(table("status.md"), known);
    assert_eq!(known.len(), Code::ALL.len() + survey::CODES.len());
}

/// What a test has found is on this page, or on that of `validate`; what the filter's config lacks is on
/// no page.
pub(super) fn is_on_a_page(finding: &Finding) {
    let of_config = finding.path.contains("canaries[");
    let on = |page| table(page).contains(finding.code);
    assert!(
        of_config || on("status.md") || on("validate.md"),
        "{finding:?} is on no page"
    );
}
