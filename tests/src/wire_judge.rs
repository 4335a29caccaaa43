//! Whether a session makes the same of bytes however they are cut, and takes no more memory than
//! they do.

use anyhow::{Result, ensure};
use aya_pgwire::{Answer, Event, Session, SessionError, Startup};

use crate::conninfo_strings::Dice;

/// What a session has told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// An event, but for data.
    Event(Event),
    /// One message of data: how many come at once is chance.
    Data(Vec<u8>),
}

/// Feeds `bytes` whole and cut at random, and returns whether they ended in an error.
///
/// # Errors
/// If the two differ, or memory grows out of proportion.
pub fn judge(bytes: &[u8], dice: &mut Dice) -> Result<bool> {
    let whole = play(&[bytes])?;
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + dice.below(40)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    ensure!(whole == play(&pieces)?, "cut bytes are read otherwise: {bytes:?}");
    Ok(whole.1.is_some())
}

type Played = (Vec<Told>, Option<SessionError>);

fn play(pieces: &[&[u8]]) -> Result<Played> {
    let mut session = Session::new(Startup::new("app"))?;
    let (mut told, mut fed, mut begun) = (Vec::new(), 0, false);
    for piece in pieces {
        let mut piece = *piece;
        while !piece.is_empty() {
            let spare = session.spare();
            let count = spare.len().min(piece.len());
            spare[..count].copy_from_slice(&piece[..count]);
            session.received(count);
            piece = &piece[count..];
            fed += count;
            ensure!(session.spare().len() <= 4 * (16 * 1024 + fed), "too much room is made");
            loop {
                let event = match session.next_event() {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => return Ok((told, Some(error))),
                };
                react(&mut session, &event, &mut begun)?;
                match event {
                    Event::CopyData(data) => {
                        told.extend(data.iter().map(|message| Told::Data(message.to_vec())));
                    }
                    event => told.push(Told::Event(event)),
                }
            }
        }
    }
    Ok((told, None))
}

/// Plays the client's part: some queries sent at once, and data for whoever takes it.
fn react(session: &mut Session, event: &Event, begun: &mut bool) -> Result<()> {
    match event {
        Event::Ready(_) if !*begun => {
            *begun = true;
            for _ in 0..4 {
                session.query(b"select 1")?;
            }
        }
        Event::Answer(Answer::CopyIn(_)) => session.copy_done()?,
        Event::CopyDone if session.takes_copy_data() => session.copy_done()?,
        Event::Answer(Answer::Error(error)) => {
            error.report(Some(b"select 1"), b"UTF8");
        }
        _ => {}
    }
    let sent = session.unsent().len();
    session.mark_sent(sent);
    Ok(())
}
