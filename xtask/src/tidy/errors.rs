//! Every failure code has its page, and every page its code.

use std::collections::BTreeSet;

use super::run::{Finding, Source};

/// Codes of the catalogue without a page below `docs/errors`, and pages without a code.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let of_catalogue = sources.iter().filter(|it| it.path.starts_with(CATALOGUE));
    let defined: BTreeSet<&str> = of_catalogue.flat_map(|it| codes(&it.text)).collect();
    let pages: BTreeSet<&str> = sources
        .iter()
        .filter_map(|it| it.path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    let missing =
        defined.difference(&pages).map(|code| format!("docs/errors/{code}.md is missing"));
    let stray =
        pages.difference(&defined).map(|code| format!("docs/errors/{code}.md has no failure code"));
    missing.chain(stray).map(Finding::Error).collect()
}

/// Every `AYA-` with four digits in `text`.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(PREFIX).filter_map(|(start, _)| {
        let code = text.get(start..start + PREFIX.len() + 4)?;
        code[PREFIX.len()..].bytes().all(|byte| byte.is_ascii_digit()).then_some(code)
    })
}

const CATALOGUE: &str = "crates/aya-db-core/src/failure";
const PREFIX: &str = "AYA-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_pages_are_compared_both_ways() {
        let source =
            |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let sources = [
            source("crates/aya-db-core/src/failure/code.rs", "\"AYA-1001\" \"AYA-1002\" AYA-nnnn"),
            source("docs/errors/AYA-1001.md", ""),
            source("docs/errors/AYA-9999.md", ""),
            source("docs/errors/README.md", ""),
        ];
        let lines =
            ["docs/errors/AYA-1002.md is missing", "docs/errors/AYA-9999.md has no failure code"];
        assert_eq!(check(&sources), lines.map(|line| Finding::Error(line.to_owned())));
    }
}
