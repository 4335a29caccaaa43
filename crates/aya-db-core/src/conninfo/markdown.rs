//! The table of parameters as a page of documentation.

use std::fmt::Write;

use super::keyword::{Family, Keyword, Support};
use super::table::KEYWORDS;

/// The table of every parameter, in Markdown.
pub fn keywords_markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    for (family, heading) in
        [(Family::Own, "## Parameters of this driver"), (Family::Libpq, "## Parameters of libpq")]
    {
        let _ = write!(page, "\n{heading}\n\n{HEAD}");
        KEYWORDS.iter().filter(|keyword| keyword.family == family).for_each(|keyword| {
            page.push_str(&row(keyword));
        });
    }
    page
}

fn row(keyword: &Keyword) -> String {
    let code = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
    let meaning = match keyword.support {
        Support::Implemented => keyword.meaning.to_owned(),
        Support::Refused(reason) => format!("{}. Refused: {reason}", keyword.meaning),
    };
    format!(
        "| `{}` | {} | {} | {} | {meaning} |\n",
        keyword.name,
        keyword.values,
        code(keyword.default),
        code(keyword.variable),
    )
}

const INTRODUCTION: &str = "\
# Parameters

Every parameter of a connection string. The same names hold in a URI \
(`postgresql://host/db?name=value`), in keyword/value strings (`name=value`), in the builder \
(`.set(\"name\", \"value\")`) and in a service file. Names are case-sensitive.

The grammar is that of libpq 18. Where nothing gives a value, it comes from the service, then from \
the environment variable, then from the default. A refused parameter is an error only with a value \
that asks for something.

Defaults that differ from libpq's, on purpose, so that a server that is gone is noticed: \
`connect_timeout`, `keepalives_idle`, `keepalives_interval`, `keepalives_count` and \
`tcp_user_timeout`.

Times of this driver's own parameters take a plain number in the unit named, or one with `us`, \
`ms`, `s`, `min`, `h` or `d`.
";

const HEAD: &str = "\
| Name | Values | Default | Variable | Meaning |
|---|---|---|---|---|
";
