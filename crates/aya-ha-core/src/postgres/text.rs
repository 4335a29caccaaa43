/// A value as `postgresql.conf` takes it
/// (<https://www.postgresql.org/docs/18/config-setting.html#CONFIG-SETTING-CONFIGURATION-FILE>).
pub fn conf_value(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''").replace(['\n', '\r'], " "))
}

/// A connection string of these parts
/// (<https://www.postgresql.org/docs/18/libpq-connect.html#LIBPQ-CONNSTRING-KEYWORD-VALUE>).
pub fn conninfo(parts: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    };
    parts.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// A field of a password file (<https://www.postgresql.org/docs/18/libpq-pgpass.html>).
pub fn pgpass_field(text: &str) -> String {
    text.replace('\\', "\\\\").replace(':', "\\:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_has_its_escape() {
        assert_eq!(conf_value(r"it's \ all"), r"'it''s \\ all'");
        assert_eq!(conninfo(&[("a", r"x'y\z"), ("b", "")]), r"a='x\'y\\z' b=''");
        assert_eq!(pgpass_field(r"p:w$$\"), r"p\:w$$\\");
    }
}
