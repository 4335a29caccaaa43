//! Cuts a client's connection at its COMMIT: ahead of the frame, within it, behind it, or in the answer.

use std::sync::{Mutex, PoisonError};

use aya_testkit::{Snip, Snipper};

use crate::dice::Dice;

/// Draws for each COMMIT whether and where its connection is cut.
pub(crate) fn at_commit(dice: Dice) -> Snipper {
    let dice = Mutex::new(dice);
    Snipper::new(move |piece| {
        let commit = piece.windows(FRAME.len()).position(|window| window == FRAME)?;
        let mut dice = dice.lock().unwrap_or_else(PoisonError::into_inner);
        draw(&mut dice, piece.len(), commit)
    })
}

/// `commit` is where the frame begins.
fn draw(dice: &mut Dice, length: usize, commit: usize) -> Option<Snip> {
    let mut below = |bound: usize| usize::try_from(dice.below(bound as u64)).unwrap_or(0);
    match below(8) {
        0 | 1 => None,
        2 => Some(Snip::Drop(commit)),
        3 => Some(Snip::Drop(below(length + 1))),
        4 => Some(Snip::Drop(length)),
        5 => Some(Snip::Hold(below(length + 1))),
        6 => Some(Snip::Answer(0)),
        _ => Some(Snip::Answer(below(80))),
    }
}

/// A simple query of that text.
const FRAME: &[u8] = b"Q\0\0\0\x0bcommit\0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_cut_is_drawn() {
        let mut dice = Dice::new(1, 0);
        let mut seen = [false; 4];
        for _ in 0..100 {
            let kind = match draw(&mut dice, 40, 28) {
                None => 0,
                Some(Snip::Drop(_)) => 1,
                Some(Snip::Hold(_)) => 2,
                Some(Snip::Answer(_)) => 3,
            };
            seen[kind] = true;
        }
        assert_eq!(seen, [true; 4]);
    }
}
