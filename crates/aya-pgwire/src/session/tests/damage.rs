//! Bytes that no server sends.

use proptest::prelude::*;

use super::script::{Client, everything, welcome};

/// Takes what it can; whatever happens, the memory stays in proportion.
fn survive(bytes: &[u8]) {
    let mut client = Client::new();
    let mut fed = 0;
    for piece in bytes.chunks(777) {
        fed += piece.len();
        if client.feed(piece).is_err() {
            assert!(client.session.next_event().is_err());
            break;
        }
        assert!(client.session.spare().len() <= 4 * (16 * 1024 + fed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn random_bytes_end_in_an_error_or_the_wish_for_more(bytes: Vec<u8>) {
        survive(&bytes);
        survive(&[welcome(), bytes].concat());
    }

    #[test]
    fn damaged_bytes_do_too(
        places in prop::collection::vec((0..everything().len(), any::<u8>()), 1..8),
        end in 0..everything().len(),
    ) {
        let mut script = everything();
        for (place, byte) in places {
            script[place] = byte;
        }
        survive(&script);
        survive(&script[..end]);
    }

    #[test]
    fn messages_of_random_content_do_too(
        messages in prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..64)), 0..32),
    ) {
        let tags = b"TDCZENASKIGHWdcRv";
        let mut script = welcome();
        for (tag, body) in messages {
            let tag = tags[usize::from(tag) % tags.len()];
            script.extend(super::script::message(tag, &body));
        }
        survive(&script);
    }
}

#[test]
fn every_single_byte_may_be_wrong() {
    let script = everything();
    for place in 0..script.len() {
        for byte in [0, 1, 0x7f, 0x80, 0xff, script[place] ^ 1] {
            let mut damaged = script.clone();
            damaged[place] = byte;
            survive(&damaged);
        }
    }
}
