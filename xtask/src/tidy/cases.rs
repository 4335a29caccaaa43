//! Every data case below `tests/spec` is read by some test: a case nobody loads proves nothing.

use super::run::{Finding, Source};

/// The case files that no Rust file names, neither by themselves nor by a folder they lie in.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let code: Vec<&str> =
        sources.iter().filter(|it| it.path.ends_with(".rs")).map(|it| &*it.text).collect();
    let is_named = |words: &str| code.iter().any(|text| text.contains(words));
    sources
        .iter()
        .filter(|it| it.path.starts_with("tests/spec/"))
        .filter(|it| !it.path.ends_with(".rs") && !it.path.ends_with(".md"))
        .filter(|it| !names(&it.path).iter().any(|name| is_named(name)))
        .map(|it| Finding::Error(format!("{}: no test loads this case", it.path)))
        .collect()
}

/// `spec/a/b`, `spec/a` and the file's own name, of `tests/spec/a/b/case.toml`.
fn names(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let folders = (2..parts.len()).map(|length| parts[..length].join("/"));
    folders.chain(parts.last().map(|name| (*name).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_case_is_loaded_by_its_name_or_its_folder() {
        let sources = [
            source("tests/spec/topology/two.toml", ""),
            source("tests/spec/uri.tsv", ""),
            source("tests/spec/lost/one.toml", ""),
            source("tests/spec.rs", "run(\"spec/topology\"); include_str!(\"uri.tsv\")"),
        ];
        let lost = "tests/spec/lost/one.toml: no test loads this case";
        assert_eq!(check(&sources), [Finding::Error(lost.to_owned())]);
    }
}
