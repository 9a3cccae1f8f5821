//! Base64 in both alphabets (RFC 4648).

/// Which 64 characters, and whether the end is padded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// `+`, `/` and padding.
    Standard,
    /// `-`, `_` and no padding.
    Url,
}

impl Alphabet {
    fn last_two(self) -> [u8; 2] {
        match self {
            Self::Standard => *b"+/",
            Self::Url => *b"-_",
        }
    }

    fn character(self, six: u8) -> u8 {
        match six {
            0..26 => b'A' + six,
            26..52 => b'a' + six - 26,
            52..62 => b'0' + six - 52,
            _ => self.last_two()[usize::from(six & 1)],
        }
    }

    fn value(self, character: u8) -> Option<u32> {
        let [sixty_two, sixty_three] = self.last_two();
        Some(u32::from(match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            c if c == sixty_two => 62,
            c if c == sixty_three => 63,
            _ => return None,
        }))
    }
}

pub(crate) fn encode(bytes: &[u8], alphabet: Alphabet) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            out.push(alphabet.character((n >> (18 - 6 * i) & 63) as u8));
        }
        if alphabet == Alphabet::Standard {
            out.resize(out.len() + 3 - chunk.len(), b'=');
        }
    }
    out
}

/// The bytes, or None where the text is not base64. The standard alphabet wants its padding; the other takes
/// none.
pub(crate) fn decode(text: &[u8], alphabet: Alphabet) -> Option<Vec<u8>> {
    let text = match alphabet {
        Alphabet::Standard if !text.len().is_multiple_of(4) => return None,
        Alphabet::Standard => text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text),
        Alphabet::Url => text,
    };
    if text.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for chunk in text.chunks(4) {
        let mut n = 0;
        for c in chunk {
            n = n << 6 | alphabet.value(*c)?;
        }
        n <<= 6 * (4 - chunk.len());
        let [_, bytes @ ..] = n.to_be_bytes();
        out.extend(&bytes[..chunk.len() - 1]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Expected values are what haproxy 2.6 prints.
    #[test]
    fn as_haproxy_has_it() {
        use Alphabet::{Standard, Url};
        assert_eq!(encode(b"abc", Standard), b"YWJj");
        assert_eq!(encode(&[0xfb, 0xff], Standard), b"+/8=");
        assert_eq!(encode(&[0xfb, 0xff], Url), b"-_8");
        assert_eq!(decode(b"YWI=", Standard).as_deref(), Some(&b"ab"[..]));
        assert_eq!(decode(b"YWI", Standard), None);
        assert_eq!(decode(b"YWI", Url).as_deref(), Some(&b"ab"[..]));
        assert_eq!(decode(b"YW-_", Url).as_deref(), Some(&[0x61, 0x6f, 0xbf][..]));
        assert_eq!(decode(b"####", Standard), None);
        assert_eq!(decode(b"", Standard).as_deref(), Some(&b""[..]));
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            for alphabet in [Alphabet::Standard, Alphabet::Url] {
                let back = decode(&encode(&bytes, alphabet), alphabet);
                prop_assert_eq!(back.as_ref(), Some(&bytes));
            }
        }
    }
}
