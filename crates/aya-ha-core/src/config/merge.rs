use serde_json::{Map, Number, Value as Json};

use crate::yaml::Value;

/// Lays one configuration over another, as Patroni does with the files of a directory in the order of their
/// names: mappings are joined key by key, everything else is replaced, and null removes.
#[must_use]
pub fn merge(under: Value, over: Value) -> Value {
    let (Value::Map(mut entries), Value::Map(changes)) = (under, over.clone()) else { return over };
    for (key, change) in changes {
        let place = entries.iter().position(|(known, _)| *known == key);
        match (place, change) {
            (Some(place), Value::Null) => {
                entries.remove(place);
            }
            (Some(place), change) => {
                let old = std::mem::replace(&mut entries[place].1, Value::Null);
                entries[place].1 = merge(old, change);
            }
            (None, Value::Null) => {}
            (None, change) => entries.push((key, change)),
        }
    }
    Value::Map(entries)
}

/// As JSON, which is what the store keeps. Keys become texts, and what JSON has no form for its text.
pub fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(number) => i64::try_from(*number).map_or_else(
            |_| Json::String(number.to_string()),
            |number| Json::Number(number.into()),
        ),
        Value::Float(number) => {
            Number::from_f64(*number).map_or_else(|| Json::String(number.to_string()), Json::Number)
        }
        Value::Text(text) | Value::Time(text) => Json::String(text.clone()),
        Value::Bytes(bytes) => Json::String(String::from_utf8_lossy(bytes).into_owned()),
        Value::List(values) => Json::Array(values.iter().map(to_json).collect()),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                (super::reader::scalar(key).unwrap_or_else(|| "null".to_owned()), to_json(value))
            });
            Json::Object(entries.collect::<Map<_, _>>())
        }
    }
}
