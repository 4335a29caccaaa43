//! Connection strings at random, shaped by the grammar so that most are nearly right.

use aya_db_core::conninfo::{Family, KEYWORDS};

/// A sequence of dice that a seed determines (xorshift64*).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(mixed).unwrap_or(0) % bound
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

/// The next string: a URI, keyword/value pairs, or one of them with a blow dealt to it.
pub fn next(dice: &mut Dice) -> String {
    let mut text = if dice.below(2) == 0 { uri(dice) } else { pairs(dice) };
    if dice.below(3) == 0 {
        for _ in 0..=dice.below(2) {
            strike(dice, &mut text);
        }
    }
    text
}

fn uri(dice: &mut Dice) -> String {
    let mut text = String::from(dice.pick(&["postgresql://", "postgres://"]));
    if dice.below(2) == 0 {
        text += &part(dice);
        if dice.below(2) == 0 {
            text.push(':');
            text += &part(dice);
        }
        text.push('@');
    }
    for n in 0..dice.below(4) {
        text += if n > 0 { "," } else { "" };
        text += dice.pick(&["", "h", "db.example", "[::1]", "[fe80::1]", "127.0.0.1", "%2Ftmp"]);
        text += dice.pick(&["", ":", ":5432", ":1", ":%31"]);
    }
    if dice.below(2) == 0 {
        text.push('/');
        text += &part(dice);
    }
    if dice.below(2) == 0 {
        text.push('?');
        for n in 0..dice.below(4) {
            text += if n > 0 { "&" } else { "" };
            text += &format!("{}={}", name(dice), part(dice));
        }
    }
    text
}

fn pairs(dice: &mut Dice) -> String {
    let blank = |dice: &mut Dice| dice.pick(&["", "", "", " ", "\t", "\n ", "\u{b}", "\u{c}\r"]);
    let mut text = String::new();
    for _ in 0..dice.below(5) {
        text += &format!("{}{}{}={}", blank(dice), name(dice), blank(dice), blank(dice));
        let value = part(dice);
        text += &match dice.below(3) {
            0 => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
            1 => format!("'{value}'"),
            _ => value,
        };
        text += dice.pick(&[" ", " ", " ", "\t", ""]);
    }
    text
}

fn name(dice: &mut Dice) -> String {
    let libpq: Vec<&str> = KEYWORDS
        .iter()
        .filter(|keyword| keyword.family == Family::Libpq)
        .map(|keyword| keyword.name)
        .collect();
    match dice.below(12) {
        0 => dice.pick(&["requiressl", "ssl", "Host", "hosts", "", "u%73er", " user "]).to_owned(),
        _ => dice.pick(&libpq).to_owned(),
    }
}

fn part(dice: &mut Dice) -> String {
    (0..dice.below(4)).map(|_| dice.pick(&PIECES)).collect()
}

fn strike(dice: &mut Dice, text: &mut String) {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let at = places[dice.below(places.len())];
    match dice.below(3) {
        0 => text.insert_str(at, dice.pick(&PIECES)),
        1 => text.truncate(at),
        _ if at < text.len() => {
            text.remove(at);
        }
        _ => {}
    }
}

const PIECES: [&str; 36] = [
    "a", "db", "true", "1", "5432", "require", "Power$$", "ü", "%20", "%41", "%c3%bc", "%2f",
    "%40", "%25", "%00", "%zz", "%", "%4", " ", "  ", "'", "\\", "\\'", "=", "&", "?", "/", "@",
    ":", ",", "[", "]", "#", "+", "\t", "%ff",
];
