//! The text of `synchronous_standby_names`.

use super::Standbys;

impl Standbys {
    /// The setting that asks for them. Where all must confirm it is Patroni's form of priority, which means
    /// the same and which its nodes read.
    pub fn setting(&self) -> String {
        let quoted = |name: &String| format!("\"{}\"", name.replace('"', "\"\""));
        let names: Vec<_> = self.names.iter().map(quoted).collect();
        match (self.number, names.as_slice()) {
            (0, _) | (_, []) => String::new(),
            (1, [name]) => name.clone(),
            (number, names) if number == names.len() => format!("{number} ({})", names.join(",")),
            (number, names) => format!("ANY {number} ({})", names.join(",")),
        }
    }

    /// What a setting asks for; `None` where it is none that was made here. Of `FIRST n` of more names
    /// nobody can say who confirms, so that it counts as foreign as well.
    pub fn parse(setting: &str) -> Option<Self> {
        let setting = setting.trim();
        if setting.is_empty() {
            return Some(Self::default());
        }
        let Some((head, rest)) = setting.split_once('(') else {
            return list(setting).filter(|names| names.len() == 1).map(|names| Self::of(names, 1));
        };
        let names = list(rest.trim_end().strip_suffix(')')?)?;
        let head = head.trim();
        let (any, number) = match head.get(..3).filter(|word| word.eq_ignore_ascii_case("any")) {
            Some(_) => (true, head.get(3..)?.trim()),
            None => (false, head),
        };
        let number = number.parse().ok().filter(|number| (1..=names.len()).contains(number))?;
        (any || number == names.len()).then(|| Self::of(names, number))
    }

    fn of(names: Vec<String>, number: usize) -> Self {
        Self { names: names.into_iter().collect(), number }
    }
}

/// Names between commas, quoted or bare.
fn list(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let name = if let Some(quoted) = rest.strip_prefix('"') {
            let (name, after) = quoted_name(quoted)?;
            rest = after;
            name
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let name = rest[..end].trim().to_ascii_lowercase();
            rest = &rest[end..];
            name
        };
        names.push(name);
        rest = match rest.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(names)
}

/// The name up to its closing quote, and what follows.
fn quoted_name(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standbys(names: &[&str], number: usize) -> Standbys {
        Standbys::of(names.iter().map(|name| (*name).to_owned()).collect(), number)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let cases = [
            (standbys(&[], 0), ""),
            (standbys(&["n2"], 1), "\"n2\""),
            (standbys(&["n2", "n3"], 2), "2 (\"n2\",\"n3\")"),
            (standbys(&["n2", "n3"], 1), "ANY 1 (\"n2\",\"n3\")"),
            (standbys(&["a \"b\"", "c,d", "e)"], 2), "ANY 2 (\"a \"\"b\"\"\",\"c,d\",\"e)\")"),
        ];
        for (standbys, setting) in cases {
            assert_eq!(standbys.setting(), setting);
            assert_eq!(Standbys::parse(setting), Some(standbys));
        }
    }

    #[test]
    fn what_people_write_is_read_where_it_can_mean_one_thing() {
        assert_eq!(Standbys::parse(" any 1 ( N2 , n3 ) "), Some(standbys(&["n2", "n3"], 1)));
        assert_eq!(Standbys::parse("n2"), Some(standbys(&["n2"], 1)));
        for foreign in
            ["FIRST 1 (a,b)", "1 (a,b)", "*", "a,b", "ANY 3 (a)", "ANY x (a)", "\"a", "1 (a"]
        {
            let parsed = Standbys::parse(foreign);
            assert!(foreign == "*" || parsed.is_none(), "{foreign}: {parsed:?}");
        }
    }
}
