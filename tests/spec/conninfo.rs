//! Runs the cases of `conninfo/`: a connection string in, its parameters or an error out.

use std::collections::BTreeMap;
use std::path::Path;

use aya_db_core::conninfo::{ConnInfo, FixedSurroundings, Settings, defaults, parse};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    input: String,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    expect: Option<BTreeMap<String, String>>,
    transport: Option<String>,
    #[serde(default)]
    default: Vec<String>,
    error: Option<String>,
}

#[test]
fn the_cases_of_postgresql_hold() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("spec/conninfo/uri.toml");
    let file: File = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(file.case.len(), 63);
    let failures: Vec<String> = file.case.iter().filter_map(|case| check(case).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let told = |what: String| format!("{}: {what}", case.input);
    match (parse(&case.input), &case.expect, &case.error) {
        (Ok(settings), Some(expect), None) => {
            let found: BTreeMap<String, String> =
                settings.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            if &found != expect {
                return Err(told(format!("{found:?} instead of {expect:?}")));
            }
            check_surroundings(case, &settings).map_err(told)
        }
        (Err(error), None, Some(part)) if error.to_string().contains(part.as_str()) => Ok(()),
        (found, _, _) => Err(told(format!("{found:?}"))),
    }
}

fn check_surroundings(case: &Case, settings: &Settings) -> Result<(), String> {
    let mut around = FixedSurroundings::default().with_user_name("me");
    around.variables.clone_from(&case.variables);
    let defaults = defaults(&around).map_err(|error| error.to_string())?;
    for name in ["sslmode", "host", "port"] {
        let same = settings.get(name).is_some() && settings.get(name) == defaults.get(name);
        if same != case.default.iter().any(|listed| listed == name) {
            return Err(format!("{name} by default is {:?}", defaults.get(name)));
        }
    }
    if !case.variables.is_empty() && case.default.is_empty() {
        return Ok(());
    }
    let info = ConnInfo::parse(&case.input, &around).map_err(|error| error.to_string())?;
    let transport = info.hosts()[0].socket_dir().map_or("inet", |_| "local");
    match case.transport.as_deref() == Some(transport) {
        true => Ok(()),
        false => Err(format!("goes by {transport}")),
    }
}
