//! YAML compared with what PyYAML makes of it: `yaml/corpus.jsonl`, made by `yaml/corpus.py`.

use aya_ha_core::yaml::{Value, load};
use serde_json::{Value as Json, json};

/// Texts of which PyYAML, whose grammar is that of YAML 1.1, makes something else than a parser of
/// YAML 1.2, and no configuration makes use of; with the reason.
const DIFFERENT: &[(&str, &str)] =
    &[("a: !!binary \"%\"\n", "Python's base64 passes over what is none")];

#[test]
fn a_text_means_what_it_means_to_pyyaml() {
    let corpus = include_str!("yaml/corpus.jsonl");
    let mut wrong = Vec::new();
    for line in corpus.lines() {
        let (text, expected): (String, Json) = serde_json::from_str(line).unwrap();
        if DIFFERENT.iter().any(|(known, _)| *known == text) {
            continue;
        }
        let found = load(&text).map_or_else(|_| json!("error"), |value| typed(&value));
        if found != expected {
            wrong.push(format!("{text:?}\n  PyYAML: {expected}\n  here:   {found}"));
        }
    }
    assert!(corpus.lines().count() > 1_500);
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn an_error_says_where_and_shows_no_value() {
    for (text, line, column) in [
        ("a: 1\npassword: [geheim\n", 3, 1),
        ("password: !!int geheim\n", 1, 11),
        ("a: *geheimnis\n", 1, 4),
        ("a: {<<: geheim}\n", 1, 9),
    ] {
        let error = load(text).unwrap_err();
        assert_eq!((error.line, error.column), (line, column), "{text:?}: {error}");
        assert!(!error.to_string().contains("geheim "), "{error}");
    }
}

#[test]
fn what_repeats_itself_is_bounded() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let below = level - 1;
        let items = vec![format!("*a{below}"); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    assert!(load(&text).unwrap_err().message.contains("repeat"));
    let deep = "[".repeat(5_000);
    assert!(load(&deep).is_err());
}

/// The form of the corpus.
fn typed(value: &Value) -> Json {
    match value {
        Value::Null => json!({ "null": null }),
        Value::Bool(truth) => json!({ "bool": truth }),
        Value::Int(number) => json!({ "int": number.to_string() }),
        Value::Float(number) => json!({ "float": python(*number) }),
        Value::Text(text) => json!({ "str": text }),
        Value::Time(_) => json!({ "time": null }),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "bytes": digits })
        }
        Value::List(items) => json!({ "list": items.iter().map(typed).collect::<Vec<_>>() }),
        Value::Map(entries) => {
            let pair = |(key, value): &(Value, Value)| json!([typed(key), typed(value)]);
            json!({ "map": entries.iter().map(pair).collect::<Vec<_>>() })
        }
    }
}

/// A number as Python's `repr` has it.
fn python(number: f64) -> String {
    let size = number.abs();
    if number.is_nan() {
        return "nan".to_owned();
    }
    if size.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if size != 0.0 && !(1e-4..1e16).contains(&size) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{number:?}")
}
