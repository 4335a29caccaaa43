//! Passwords and names that every syntax must carry through unharmed.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use aya_db::Cluster;
use aya_testkit::{Account, Postgres};

use crate::support::{SOON, within};

#[tokio::test]
async fn live_any_password_works_in_every_form_of_the_string() -> Result<()> {
    let accounts = [
        Account::new("app", "Power$$336633$$"),
        Account::new("colon", "p@ss:w/rd%"),
        Account::new("quotes", "it's a \\\"test\\\" = 1"),
        Account::new("query", "a?b=c&d#e+f%20g"),
        Account::new("wide", "pässwörd ✓"),
        Account::new("odd name@x", "plain"),
    ];
    let builder = accounts.iter().cloned().fold(Postgres::builder(), |it, one| it.account(one));
    let server = builder.start().await?;
    let address = server.client_address();
    let mut wrong = Vec::new();
    for account in &accounts {
        let (name, password) = (&account.name, &account.password);
        let (user, secret) = (encoded(name), encoded(password));
        let quoted = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
        let built = Cluster::builder()
            .server(&address.ip().to_string(), address.port())
            .user(name)
            .password(password)
            .dbname(name)
            .set("connect_timeout", "5");
        let forms = [
            (
                "URI",
                Cluster::connect(&format!("postgresql://{user}:{secret}@{address}/{user}")).await,
            ),
            (
                "URI parameter",
                Cluster::connect(&format!(
                    "postgresql://{address}/{user}?user={user}&password={secret}"
                ))
                .await,
            ),
            (
                "keywords",
                Cluster::connect(&format!(
                    "host={} port={} user='{}' password = '{}' dbname='{}'",
                    address.ip(),
                    address.port(),
                    quoted(name),
                    quoted(password),
                    quoted(name),
                ))
                .await,
            ),
            ("builder", built.connect().await),
        ];
        for (form, connected) in forms {
            if let Err(error) = logged_in(connected, name).await {
                wrong.push(format!("{name} by {form}: {error:#}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

async fn logged_in(connected: Result<Cluster, aya_db::Error>, name: &str) -> Result<()> {
    let cluster = connected.context("connect")?;
    let sql = "select current_user::text, current_database()::text";
    let row = within(SOON, "asking who we are", cluster.query_one(sql, &[])).await??;
    let (user, database): (String, String) = (row.get(0), row.get(1));
    anyhow::ensure!(user == name && database == name, "logged in as {user} to {database}");
    Ok(())
}

/// Percent-encodes every byte that is not plainly harmless.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
