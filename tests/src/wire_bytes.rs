//! What a server might send, at random: shaped by the protocol so that most is nearly right.

use crate::conninfo_strings::Dice;

/// The next stream of bytes: a welcome, answers, and at times some blows dealt to them.
pub fn next(dice: &mut Dice) -> Vec<u8> {
    let mut bytes = Vec::new();
    if dice.below(8) > 0 {
        bytes.extend(message(b'R', &[0; 4]));
        bytes.extend(message(b'K', &[1; 8]));
        bytes.extend(message(b'Z', b"I"));
    }
    for _ in 0..dice.below(6) {
        answer(dice, &mut bytes);
    }
    if dice.below(2) == 0 {
        for _ in 0..=dice.below(3) {
            strike(dice, &mut bytes);
        }
    }
    bytes
}

/// One answer to one query.
fn answer(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..dice.below(3) {
        match dice.below(7) {
            0 => table(dice, bytes),
            1 => bytes.extend(message(b'C', b"UPDATE 3\0")),
            2 => bytes.extend(message(b'I', b"")),
            3 => bytes.extend(told(b'E', dice)),
            4 => copy(dice, bytes),
            5 => bytes.extend(told(b'N', dice)),
            _ => bytes.extend(message(b'S', b"TimeZone\0UTC\0")),
        }
    }
    if dice.below(8) == 0 {
        bytes.extend(message(b'A', b"\0\0\0\x01c\0p\0"));
    }
    let status = b"ITE"[dice.below(3)];
    bytes.extend(message(b'Z', &[status]));
}

fn table(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let columns = dice.below(4);
    let count = [0, u8::try_from(columns).unwrap_or(0)];
    let mut body = count.to_vec();
    for _ in 0..columns {
        body.extend(b"name\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0");
    }
    bytes.extend(message(b'T', &body));
    for _ in 0..dice.below(20) {
        let mut body = count.to_vec();
        for _ in 0..columns {
            match dice.below(4) {
                0 => body.extend([0xff; 4]),
                length => {
                    let length = u8::try_from(length).unwrap_or(0) * 7;
                    body.extend([0, 0, 0, length]);
                    body.resize(body.len() + usize::from(length), b'x');
                }
            }
        }
        bytes.extend(message(b'D', &body));
    }
    bytes.extend(message(b'C', b"SELECT 1\0"));
}

fn copy(dice: &mut Dice, bytes: &mut Vec<u8>) {
    let tag = b"GHW"[dice.below(3)];
    bytes.extend(message(tag, &[0, 0, 1, 0, 0]));
    if tag != b'G' {
        for _ in 0..dice.below(10) {
            bytes.extend(message(b'd', &vec![b'z'; dice.below(300)]));
        }
        bytes.extend(message(b'c', b""));
    }
    bytes.extend(message(b'C', b"COPY 3\0"));
}

/// An error or a notice.
fn told(tag: u8, dice: &mut Dice) -> Vec<u8> {
    let mut body = b"SERROR\0VERROR\0C42601\0Mno\0".to_vec();
    if dice.below(2) == 0 {
        body.extend(b"P8\0Ddetail\0");
    }
    body.push(0);
    message(tag, &body)
}

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(4);
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

/// Deals one blow.
fn strike(dice: &mut Dice, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let at = dice.below(bytes.len());
    match dice.below(5) {
        0 => bytes.truncate(at),
        1 => bytes[at] = u8::try_from(dice.below(256)).unwrap_or(0),
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, u8::try_from(dice.below(256)).unwrap_or(0)),
        _ => {
            let end = (at + dice.below(60)).min(bytes.len());
            let piece = bytes[at..end].to_vec();
            bytes.extend(piece);
        }
    }
}
