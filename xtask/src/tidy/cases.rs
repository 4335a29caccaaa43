//! Every data case below `tests/spec` is read by some test: a case nobody loads proves nothing.

use super::run::{Finding, Source};

/// The case files that no Rust file names, neither by themselves nor by a folder they lie in.
pub(crate) fn check(sources: &[Source]) -> Vec<Finding> {
    let code: Vec<&str> = sources
        .iter()
        .filter(|it| it.path.starts_with("tests/") && it.path.ends_with(".rs"))
        .map(|it| &*it.text)
        .collect();
    let is_named = |words: &str| code.iter().any(|text| text.contains(words));
    sources
        .iter()
        .filter(|it| it.path.starts_with("tests/spec/"))
        .filter(|it| !it.path.ends_with(".rs") && !it.path.ends_with(".md"))
        .filter(|it| !names(&it.path).iter().any(|name| is_named(name)))
        .map(|it| Finding::Error(format!("{}: no test loads this case", it.path)))
        .collect()
}

/// What may stand for `tests/spec/a/b/case.toml` in code: a folder as `spec/a` or as the whole
/// string `"a"`, or the file's own name.
fn names(path: &str) -> Vec<String> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let (file, folders) = parts.split_last().unwrap_or((&path, &[]));
    let mut names = vec![(*file).to_owned()];
    for length in 2..=folders.len() {
        names.push(folders[..length].join("/"));
        names.push(format!("\"{}\"", folders[1..length].join("/")));
    }
    names
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
            source("tests/spec/route/one.toml", ""),
            source("tests/spec/uri.tsv", ""),
            source("tests/spec/lost/one.toml", ""),
            source(
                "tests/spec.rs",
                "run(\"spec/topology\"); run(\"route\"); include_str!(\"uri.tsv\")",
            ),
        ];
        let lost = "tests/spec/lost/one.toml: no test loads this case";
        assert_eq!(check(&sources), [Finding::Error(lost.to_owned())]);
    }
}
