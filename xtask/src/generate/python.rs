//! `python/aya_db/errorcodes.py` and `errors.pyi`: PostgreSQL's conditions by psycopg2's rules of
//! naming, so that a program written for it finds each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result, bail, ensure};

/// The three tables that the files are made from.
pub(crate) struct Tables<'a> {
    /// The conditions of PostgreSQL: code, kind, name.
    pub(crate) conditions: &'a str,
    /// Conditions of earlier versions, in the same columns.
    pub(crate) former: &'a str,
    /// The classes: prefix, name, exception.
    pub(crate) classes: &'a str,
}

/// Every file with its path.
pub(crate) fn files(tables: &Tables<'_>) -> Result<Vec<(String, String)>> {
    let classes = classes(tables.classes).context("classes")?;
    let mut conditions = conditions(tables.conditions).context("conditions")?;
    conditions.extend(self::conditions(tables.former).context("former conditions")?);
    conditions.sort_by_key(|it| it.code);
    Ok(vec![
        ("python/aya_db/errorcodes.py".to_owned(), codes(&classes, &conditions)?),
        ("python/aya_db/errors.pyi".to_owned(), stub(&exceptions(&classes, &conditions)?)?),
        (
            "crates/aya-db-python/src/error/conditions.rs".to_owned(),
            table(&classes, &exceptions(&classes, &conditions)?)?,
        ),
    ])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Raised, so it has an exception.
    Error,
    /// Has an exception if its class has one: no data is a warning, and psycopg2 raises it.
    Warning,
    /// A success, or a code that nothing sends any more: it has a name alone.
    Other,
}

struct Condition<'a> {
    code: &'a str,
    kind: Kind,
    name: &'a str,
}

struct Class<'a> {
    prefix: &'a str,
    name: Option<&'a str>,
    exception: Option<&'a str>,
}

/// `errorcodes.py`: a constant for each class and each condition, and the way back.
fn codes(classes: &[Class<'_>], conditions: &[Condition<'_>]) -> Result<String> {
    let mut text =
        format!("# {HEAD}\n\"\"\"The codes of PostgreSQL's conditions by their names.\"\"\"\n");
    text.push_str("\nfrom __future__ import annotations\n\n_names: dict[str, str] = {}\n\n\n");
    text.push_str(LOOKUP);
    text.push_str("\n\n# Classes\n\n");
    for Class { prefix, name, .. } in classes {
        if let Some(name) = name {
            writeln!(text, "CLASS_{} = \"{prefix}\"", name.to_ascii_uppercase())?;
        }
    }
    // The last condition of a name has it; those before it get an underscore.
    let last: BTreeMap<&str, &str> = conditions.iter().map(|it| (it.name, it.code)).collect();
    let mut prefix = "";
    for Condition { code, name, .. } in conditions {
        if !code.starts_with(prefix) || prefix.is_empty() {
            prefix = &code[..2];
            let class = classes.iter().find(|it| it.prefix == prefix).and_then(|it| it.name);
            let class = class.with_context(|| format!("{code} is of no class"))?;
            writeln!(text, "\n# Class {prefix}: {}\n", class.replace('_', " "))?;
        }
        let end = if last[name] == *code { "" } else { "_" };
        writeln!(text, "{}{end} = \"{code}\"", name.to_ascii_uppercase())?;
    }
    Ok(text)
}

/// The exception of a condition.
struct Exception<'a> {
    code: &'a str,
    class: String,
    base: &'a str,
}

/// An exception for each condition that can be raised.
fn exceptions<'a>(
    classes: &[Class<'a>],
    conditions: &[Condition<'a>],
) -> Result<Vec<Exception<'a>>> {
    let mut used: BTreeSet<String> = BASES.iter().map(|&it| it.to_owned()).collect();
    let mut exceptions = Vec::new();
    for Condition { code, kind, name } in conditions.iter().filter(|it| it.kind != Kind::Other) {
        let base = classes
            .iter()
            .filter(|it| code.starts_with(it.prefix))
            .max_by_key(|it| it.prefix.len())
            .and_then(|it| it.exception);
        let base = match (base, kind) {
            (Some(base), _) => base,
            (None, Kind::Warning) => continue,
            (None, _) => bail!("{code} is of no class with an exception"),
        };
        ensure!(BASES.contains(&base), "{base} is no exception of DB-API");
        let mut class = camel(name);
        if !used.insert(class.clone()) {
            // The external routines repeat names of the routines, and one is also DB-API's.
            class.push_str(if BASES.contains(&&*class) { "_" } else { "Ext" });
            ensure!(used.insert(class.clone()), "{class} is used twice");
        }
        exceptions.push(Exception { code, class, base });
    }
    Ok(exceptions)
}

/// `errors.pyi`: the classes that the compiled module makes while it is loaded.
fn stub(exceptions: &[Exception<'_>]) -> Result<String> {
    let mut text = format!("# {HEAD}\n\nfrom aya_db._psycopg import (\n");
    for base in BASES {
        writeln!(text, "    {base} as {base},")?;
    }
    for failover in FAILOVER {
        writeln!(text, "    {failover} as {failover},")?;
    }
    text.push_str(")\n\ndef lookup(code: str) -> type[Error]: ...\n\n");
    for Exception { code, class, base } in exceptions {
        writeln!(text, "class {class}({base}): ...  # {code}")?;
    }
    Ok(text)
}

/// `conditions.rs`: what the compiled module makes them from.
fn table(classes: &[Class<'_>], exceptions: &[Exception<'_>]) -> Result<String> {
    let mut text = format!(
        "// {HEAD}\n\n/// Each condition: its code, its exception, and the base of that.\n"
    );
    text.push_str("pub(super) const CONDITIONS: &[(&str, &str, &str)] = &[\n");
    for Exception { code, class, base } in exceptions {
        let line = format!("    (\"{code}\", \"{class}\", \"{base}\"),");
        match line.len() > 100 {
            false => writeln!(text, "{line}")?,
            true => {
                writeln!(
                    text,
                    "    (\n        \"{code}\",\n        \"{class}\",\n        \"{base}\",\n    ),"
                )?;
            }
        }
    }
    text.push_str(
        "];\n\n/// The exceptions of codes that have none of their own, by their class.\n",
    );
    text.push_str("pub(super) const CLASSES: &[(&str, &str)] = &[\n");
    for Class { prefix, exception, .. } in classes.iter().filter(|it| it.prefix.len() == 2) {
        if let Some(exception) = exception {
            writeln!(text, "    (\"{prefix}\", \"{exception}\"),")?;
        }
    }
    text.push_str("];\n");
    Ok(text)
}

fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let (head, tail) = word.split_at(word.len().min(1));
            head.to_ascii_uppercase() + tail
        })
        .collect()
}

fn conditions(table: &str) -> Result<Vec<Condition<'_>>> {
    rows(table, |fields| {
        let kind = match fields[1] {
            "E" => Kind::Error,
            "W" => Kind::Warning,
            "S" | "N" => Kind::Other,
            other => bail!("unknown kind {other:?}"),
        };
        ensure!(fields[0].len() == 5, "a code has five characters");
        Ok(Condition { code: fields[0], kind, name: fields[2] })
    })
}

fn classes(table: &str) -> Result<Vec<Class<'_>>> {
    let named = |field| (field != "-").then_some(field);
    rows(table, |fields| {
        ensure!(matches!(fields[0].len(), 2 | 5), "a prefix is a class or a code");
        Ok(Class { prefix: fields[0], name: named(fields[1]), exception: named(fields[2]) })
    })
}

fn rows<'a, T>(table: &'a str, read: impl Fn([&'a str; 3]) -> Result<T>) -> Result<Vec<T>> {
    let lines = table.lines().enumerate();
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let fields: Vec<&str> = line.split('\t').collect();
            let fields = <[&str; 3]>::try_from(fields).ok().context("want three fields");
            fields.and_then(&read).with_context(|| format!("line {}: {line:?}", index + 1))
        })
        .collect()
}

const HEAD: &str = "Generated by `cargo xtask gen` from xtask/data/err*.tsv; do not edit.";

/// What DB-API and psycopg2 derive the exceptions of the conditions from.
const BASES: [&str; 12] = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "QueryCanceledError",
    "TransactionRollbackError",
    "Warning",
];

/// What a failover can end.
const FAILOVER: [&str; 4] =
    ["CommitUnknown", "ReplayDiverged", "SessionStateLost", "TransactionLost"];

const LOOKUP: &str = r#"def lookup(code: str) -> str:
    """Return the name of the condition, or of the class, with this code.

    Raises:
        KeyError: no condition has it.
    """
    global _names
    if not _names:
        # Put in place whole: another thread sees all of it, or makes its own.
        _names = {
            value: name.rstrip("_")
            for name, value in globals().items()
            if name.isupper() and not name.startswith("_")
        }
    return _names[code]
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: &str = "2F\troutine\tInternalError\n38\texternal\tInternalError\n\
        57\tintervention\tOperationalError\n57014\t-\tQueryCanceledError\nXX\tinternal\tInternalError\n";

    fn generated(conditions: &str) -> Result<(String, String)> {
        let tables = Tables { conditions, former: "57099\tN\tgone\n", classes: CLASSES };
        let [codes, errors, _]: [_; 3] = files(&tables)?.try_into().unwrap();
        Ok((codes.1, errors.1))
    }

    #[test]
    fn names_that_repeat_are_told_apart_as_psycopg2_does() {
        let (codes, errors) =
            generated("2F004\tE\tno_sql\n38004\tE\tno_sql\nXX000\tE\tinternal_error\n").unwrap();
        assert!(
            codes.contains("\nNO_SQL_ = \"2F004\"\n") && codes.contains("\nNO_SQL = \"38004\"\n")
        );
        assert!(errors.contains("class NoSql(InternalError): ...  # 2F004"));
        assert!(errors.contains("class NoSqlExt(InternalError): ...  # 38004"));
        assert!(errors.contains("class InternalError_(InternalError): ...  # XX000"));
    }

    #[test]
    fn the_longest_prefix_gives_the_exception() {
        let (codes, errors) =
            generated("57014\tE\tquery_canceled\n57P01\tE\tadmin_shutdown\n").unwrap();
        assert!(errors.contains("class QueryCanceled(QueryCanceledError)"));
        assert!(errors.contains("class AdminShutdown(OperationalError)"));
        assert!(
            codes.contains("CLASS_INTERVENTION = \"57\"") && codes.contains("GONE = \"57099\"")
        );
        assert!(!errors.contains("Gone"));
    }

    #[test]
    fn a_code_without_a_class_is_refused() {
        let error = generated("99000\tE\tstray\n").unwrap_err();
        assert_eq!(format!("{error:#}"), "99000 is of no class");
    }
}
