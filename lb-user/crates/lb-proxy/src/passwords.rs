//! Passwords of userlists: compared with what crypt(3) made of them.

use std::cell::RefCell;
use std::collections::HashSet;

use aws_lc_rs::digest::{SHA256, digest};
use lb_conf::model::{CryptKind, Password};
use md5::{Digest as _, Md5};
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use yescrypt::Yescrypt;

/// Passwords that a thread remembers to be right.
const REMEMBERED: usize = 1024;

thread_local! {
    // Crypt takes milliseconds by design, and clients send their password with every request. What is right is
    // remembered by a digest of password and hash.
    static RIGHT: RefCell<HashSet<[u8; 32]>> = RefCell::default();
}

/// Whether this is the password.
pub(crate) fn is_right(known: &Password, given: &[u8]) -> bool {
    match known {
        Password::Plain(known) => {
            aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), given).is_ok()
        }
        Password::Crypt(hash) => is_remembered(hash, given),
    }
}

fn is_remembered(hash: &str, given: &[u8]) -> bool {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, &[hash.as_bytes(), b"\0", given].concat()).as_ref());
    if RIGHT.with_borrow(|right| right.contains(&key)) {
        return true;
    }
    let is_right = matches(hash, given);
    if is_right {
        RIGHT.with_borrow_mut(|right| {
            if right.len() >= REMEMBERED {
                right.clear();
            }
            right.insert(key);
        });
    }
    is_right
}

fn matches(hash: &str, given: &[u8]) -> bool {
    match CryptKind::of(hash) {
        Some(CryptKind::Md5) => md5_crypt(hash, given).is_some_and(|made| made == hash),
        Some(CryptKind::Sha) => match sha_crypt::PasswordHashRef::new(hash) {
            Ok(hash) => ShaCrypt::default().verify_password(given, hash).is_ok(),
            Err(_) => false,
        },
        Some(CryptKind::Bcrypt) => bcrypt::verify(given, hash).unwrap_or(false),
        Some(CryptKind::Yescrypt) => match yescrypt::PasswordHashRef::new(hash) {
            Ok(hash) => Yescrypt::default().verify_password(given, hash).is_ok(),
            Err(_) => false,
        },
        None => false,
    }
}

/// The order of the digest's bytes in the text, three at a time, and the characters of six bits (crypt(5), `$1$`).
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What crypt(3) makes of a password with the salt of a `$1$` hash. None: the hash has no salt.
fn md5_crypt(hash: &str, password: &[u8]) -> Option<String> {
    let salt = hash.strip_prefix("$1$")?.split('$').next()?;
    let salt = salt.get(..salt.len().min(8))?;
    let mut sum = md5(&[password, salt.as_bytes(), password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(b"$1$");
    first.update(salt);
    for piece in password.chunks(16) {
        first.update(sum.get(..piece.len())?);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0][..] } else { password.get(..1)? });
        bits >>= 1;
    }
    sum = first.finalize().into();
    for round in 0..1000 {
        let (odd, password) = (round % 2 == 1, password);
        let salted: &[u8] = if round % 3 == 0 { b"" } else { salt.as_bytes() };
        let again: &[u8] = if round % 7 == 0 { b"" } else { password };
        sum = if odd { md5(&[password, salted, again, &sum]) } else { md5(&[&sum, salted, again, password]) };
    }
    Some(format!("$1${salt}${}", md5_text(&sum)))
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut sum = Md5::new();
    parts.iter().for_each(|part| sum.update(part));
    sum.finalize().into()
}

fn md5_text(sum: &[u8; 16]) -> String {
    let mut text = String::new();
    let mut put = |bits: u32, digits: u32| {
        text.extend((0..digits).map(|n| char::from(DIGITS[(bits >> (6 * n) & 63) as usize])));
    };
    for [a, b, c] in ORDER {
        put(u32::from(sum[a]) << 16 | u32::from(sum[b]) << 8 | u32::from(sum[c]), 4);
    }
    put(u32::from(sum[11]), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // Of "secret", as OpenSSL and libcrypt make them.
    const HASHES: &[&str] = &[
        "$1$abc$iCQ2D3nhptRYi27fDYv2s1",
        "$5$abc$qsg6EHbUzHQzF1POlD7zUwBINSELQxypPaeDcZe6vH0",
        "$6$rounds=1000$abc$MqEcPZUYRGGcOeq7PhMpfjfu/F0HrVEI0OlZBijWvO8mSG77iNUDP5MqFceKpJTBc8iITVtNyLiNTRNCxv6oh0",
        "$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9",
        "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
    ];

    #[test]
    fn passwords_are_compared_with_every_kind_of_hash() {
        for hash in HASHES {
            let known = Password::Crypt((*hash).to_owned());
            // The second time from memory.
            assert!(is_right(&known, b"secret") && is_right(&known, b"secret"), "{hash}");
            assert!(!is_right(&known, b"secreT") && !is_right(&known, b""), "{hash}");
        }
        assert!(is_right(&Password::Plain("a b".into()), b"a b"));
        assert!(!is_right(&Password::Plain("a b".into()), b"a"));
        assert!(!is_right(&Password::Crypt("$9$nonsense".into()), b"x"));
    }
}
