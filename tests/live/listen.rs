//! Notifications, and the gaps between them.

use anyhow::{Result, bail};

use aya_db::{FailureKind, Listener, Signal};

use crate::support::{SOON, error_of, gone, served, within};

#[tokio::test]
async fn live_a_listener_hears_its_channels_and_tells_of_a_gap() -> Result<()> {
    let (mut server, cluster) = served("").await?;
    let mut listener = cluster.listen(&["news", "Odd \"Name\""]).await?;
    let notify = "select pg_notify($1, $2)";
    cluster.query(notify, &[&"news", &"one"]).await?;
    cluster.query(notify, &[&"unheard", &"nobody listens"]).await?;
    cluster.query(notify, &[&"Odd \"Name\"", &"two"]).await?;
    assert_eq!(heard(&mut listener).await?, ["news: one", "Odd \"Name\": two"]);

    server.proxy().drop_connections();
    let gap = within(SOON, "the gap", listener.recv()).await??;
    assert!(matches!(gap, Signal::Gap), "{gap:?}");
    cluster.query(notify, &[&"news", &"three"]).await?;
    cluster.query(notify, &[&"Odd \"Name\"", &"four"]).await?;
    assert_eq!(heard(&mut listener).await?, ["news: three", "Odd \"Name\": four"]);

    server.kill()?;
    server.start().await?;
    let gap = within(SOON, "the gap", listener.recv()).await??;
    assert!(matches!(gap, Signal::Gap), "{gap:?}");
    cluster.query(notify, &[&"news", &"five"]).await?;
    cluster.query(notify, &[&"news", &"six"]).await?;
    assert_eq!(heard(&mut listener).await?, ["news: five", "news: six"]);
    Ok(())
}

#[tokio::test]
async fn live_a_listener_that_is_slow_to_ask_misses_nothing() -> Result<()> {
    let (server, cluster) = served("").await?;
    let mut listener = cluster.listen(&["news"]).await?;
    let many = "select pg_notify('news', n::text) from generate_series(1, 5000) n";
    cluster.query(many, &[]).await?;
    for expected in 1..=5000 {
        let signal = within(SOON, "a notification", listener.recv()).await??;
        let Signal::Notification(it) = signal else { bail!("{signal:?} before {expected}") };
        assert_eq!(it.payload(), expected.to_string());
    }
    drop(listener);
    gone(&server, "listen%").await
}

#[tokio::test]
async fn live_a_listener_ends_with_its_cluster() -> Result<()> {
    let (_server, cluster) = served("").await?;
    let mut listener = cluster.listen(&["news"]).await?;
    cluster.close();
    let ended = within(SOON, "the end", listener.recv()).await?;
    assert_eq!(error_of("listening on", ended)?.kind(), FailureKind::Closed);
    Ok(())
}

/// The next two notifications; gaps have been told before them.
async fn heard(listener: &mut Listener) -> Result<Vec<String>> {
    let mut heard = Vec::new();
    while heard.len() < 2 {
        match within(SOON, "a notification", listener.recv()).await?? {
            Signal::Notification(it) => heard.push(format!("{}: {}", it.channel(), it.payload())),
            Signal::Gap => bail!("a gap in a connection that stood, after {heard:?}"),
        }
    }
    Ok(heard)
}
