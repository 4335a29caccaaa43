//! Asks other nodes for their state, by their REST interfaces.

use std::time::Duration;

use aya_db_core::{Lsn, Timeline};
use aya_ha_core::cluster::Tags;
use aya_ha_core::view::Answer;
use serde_json::Value;

/// Asks one node. Who cannot be asked says nothing.
pub(super) async fn ask(
    client: &reqwest::Client,
    url: Option<String>,
    patience: Duration,
) -> Answer {
    let Some(url) = url else { return Answer::Silence };
    let answer = client.get(url).timeout(patience).send().await;
    let document = match answer {
        Ok(answer) => answer.json::<Value>().await,
        Err(error) => Err(error),
    };
    document.ok().and_then(|document| read(&document)).unwrap_or(Answer::Silence)
}

/// Reads what `GET /patroni` answers.
fn read(document: &Value) -> Option<Answer> {
    let log = document.get("xlog");
    let position = |field: &str| log.and_then(|log| log.get(field)).and_then(Value::as_u64);
    let role = document.get("role")?.as_str()?;
    let primary = position("location").is_some() || matches!(role, "primary" | "master");
    let standby = position("received_location").max(position("replayed_location"));
    let lsn = if primary { position("location") } else { standby };
    let tags = document.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let tags = Tags::new(tags);
    let timeline = document.get("timeline").and_then(Value::as_u64);
    let barred = document.get("watchdog_failed") == Some(&Value::Bool(true));
    Some(Answer::State {
        primary,
        lsn: Lsn(lsn.unwrap_or_default()),
        timeline: timeline.and_then(|number| u32::try_from(number).ok()).map(Timeline),
        eligible: !tags.no_failover() && !barred,
        priority: tags.failover_priority(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_standby_is_as_far_as_it_received_or_replayed() {
        let answer = read(&json!({
            "state": "running", "role": "replica", "timeline": 2, "tags": { "nofailover": true },
            "xlog": { "received_location": 5, "replayed_location": 7, "paused": false },
        }));
        let wanted = Answer::State {
            primary: false,
            lsn: Lsn(7),
            timeline: Some(Timeline(2)),
            eligible: false,
            priority: 0,
        };
        assert_eq!(answer, Some(wanted));
    }

    #[test]
    fn whoever_shows_a_primarys_position_is_one() {
        let answer = read(&json!({ "role": "demoted", "xlog": { "location": 5 } }));
        assert!(matches!(answer, Some(Answer::State { primary: true, lsn: Lsn(5), .. })));
        assert_eq!(read(&json!({ "state": "x" })), None);
    }
}
