//! Hashes that are not meant for security.

use xxhash_rust::{xxh3::xxh3_64_with_seed, xxh32::xxh32, xxh64::xxh64};

use crate::args::{Arg, ArgError, ArgKind, Args, opt};
use crate::sample::Sample;
use crate::sample::SampleType::{Bin, Sint};
use crate::table::{Convert, ConverterRow, convert_with};

type Built = Result<Box<dyn Convert>, ArgError>;

const AVALANCHE: &[Arg] = &[opt("avalanche", ArgKind::Int)];
const SEED: &[Arg] = &[opt("seed", ArgKind::Int)];

const fn row(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> ConverterRow {
    ConverterRow::with(name, AVALANCHE, (Bin, Sint), doc, example, build)
}

const fn seeded(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> ConverterRow {
    ConverterRow::with(name, SEED, (Bin, Sint), doc, example, build)
}

pub(super) static ROWS: &[ConverterRow] = &[
    row("crc32", "CRC-32 as in Ethernet and gzip", "str(abc),crc32", |a| hash(a, crc32)),
    row("crc32c", "CRC-32C as in iSCSI and SCTP", "str(abc),crc32c", |a| hash(a, |b| crc(b, CRC32C))),
    row("djb2", "the hash DJB2", "str(abc),djb2", |a| hash(a, djb2)),
    row("sdbm", "the hash SDBM", "str(abc),sdbm", |a| hash(a, sdbm)),
    row("wt6", "the hash WT6", "str(abc),wt6", |a| hash(a, wt6)),
    seeded("xxh3", "XXH3 of 64 bits, signed", "str(abc),xxh3", |a| {
        with_seed(a, |b, seed| xxh3_64_with_seed(b, seed) as i64)
    }),
    seeded("xxh32", "xxHash of 32 bits", "str(abc),xxh32", |a| {
        with_seed(a, |b, seed| i64::from(xxh32(b, seed as u32)))
    }),
    seeded("xxh64", "xxHash of 64 bits, signed", "str(abc),xxh64", |a| {
        with_seed(a, |b, seed| xxh64(b, seed) as i64)
    }),
];

fn hash(args: &mut Args<'_>, run: fn(&[u8]) -> u32) -> Built {
    let mix = args.int(0, 0) != 0;
    Ok(convert_with((run, mix), |(run, mix), sample, _| {
        let hash = run(sample.data()?);
        Some(Sample::Int(if *mix { avalanche(hash) } else { hash }.into()))
    }))
}

fn with_seed(args: &mut Args<'_>, run: fn(&[u8], u64) -> i64) -> Built {
    let seed = args.int(0, 0) as u64;
    Ok(convert_with((run, seed), |(run, seed), sample, _| Some(Sample::Int(run(sample.data()?, *seed)))))
}

/// Spreads a change of any bit over all: what HAProxy does to the hashes of `hash-type … avalanche`.
pub fn avalanche(hash: u32) -> u32 {
    let mut a = hash;
    a = a.wrapping_add(0x7ed5_5d16).wrapping_add(a << 12);
    a = (a ^ 0xc761_c23c) ^ (a >> 19);
    a = a.wrapping_add(0x1656_67b1).wrapping_add(a << 5);
    a = a.wrapping_add(0xd3a2_646c) ^ (a << 9);
    a = a.wrapping_add(0xfd70_46c5).wrapping_add(a << 3);
    a = (a ^ 0xb55a_4f09) ^ (a >> 16);
    a.wrapping_mul(0xc000_0001)
}

/// The hash of the database library SDBM.
pub fn sdbm(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0u32, |hash, b| {
        u32::from(*b).wrapping_add(hash << 6).wrapping_add(hash << 16).wrapping_sub(hash)
    })
}

/// Daniel Bernstein's hash.
pub fn djb2(bytes: &[u8]) -> u32 {
    bytes.iter().fold(5381u32, |hash, b| (hash << 5).wrapping_add(hash).wrapping_add((*b).into()))
}

/// Two words that change places after each byte, rotated by what the byte before left.
pub fn wt6(bytes: &[u8]) -> u32 {
    let mut words = (0xa53c_965a_u32, 0x5ca6_953a_u32);
    let mut turns = (6, 18);
    for b in bytes {
        let b = u32::from(*b);
        let (first, second) = (!(words.0 ^ b), !words.1.wrapping_add(b));
        words = (second.rotate_left(turns.0), first.rotate_left(turns.1));
        let low = (words.0 >> 16 ^ words.1) & 0xffff;
        turns = (low & 31, low >> 11);
    }
    words.0 ^ words.1
}

/// Polynomials with their bits in reverse.
const CRC32: u32 = 0xedb8_8320;
const CRC32C: u32 = 0x82f6_3b78;

/// CRC-32 as in Ethernet and gzip.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc(bytes, CRC32)
}

fn crc(bytes: &[u8], polynomial: u32) -> u32 {
    static TABLES: [[u32; 256]; 2] = [table(CRC32), table(CRC32C)];
    let table = &TABLES[usize::from(polynomial == CRC32C)];
    !bytes.iter().fold(!0u32, |crc, b| table[usize::from((crc as u8) ^ b)] ^ crc >> 8)
}

const fn table(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
            bit += 1;
        }
        table[i] = crc;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values are what haproxy 2.6 prints for str(abc).
    #[test]
    fn hashes_are_haproxys() {
        let rows = [
            (crc(b"abc", CRC32), 891_568_578, 930_845_320),
            (crc(b"abc", CRC32C), 910_901_175, 1_285_784_220),
            (djb2(b"abc"), 193_485_963, 2_235_766_107),
            (sdbm(b"abc"), 807_794_786, 659_243_622),
            (wt6(b"abc"), 2_483_038_440, 266_135_527),
        ];
        for (hash, plain, mixed) in rows {
            assert_eq!((hash, avalanche(hash)), (plain, mixed));
        }
    }
}
