//! Strings: parts of them, letters, fields, and what is put together.

use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::cast::cast;
use crate::ctx::Ctx;
use crate::sample::SampleType::{self, Bin, Bool, Sint, Str};
use crate::sample::{Data, Sample};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::VarId;

type Built = Result<Box<dyn Convert>, ArgError>;

const TEXT: (SampleType, SampleType) = (Str, Str);
const CHARS: &[Arg] = &[need("chars", ArgKind::Str)];
const FIELD: &[Arg] =
    &[need("index", ArgKind::Int), need("delimiters", ArgKind::Str), opt("count", ArgKind::Int)];

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "add_item",
        &[need("delim", ArgKind::Str), opt("var", ArgKind::Str), opt("suff", ArgKind::Str)],
        TEXT,
        "appends a variable and a text, behind a delimiter where there is something on both sides",
        "str(a),add_item(\",\",txn.b)",
        add_item,
    ),
    ConverterRow::with(
        "bytes",
        &[need("offset", ArgKind::IntOrVar), opt("length", ArgKind::IntOrVar)],
        (Bin, Bin),
        "a stretch of the bytes",
        "str(abcdef),bytes(2,3)",
        bytes,
    ),
    ConverterRow::with(
        "concat",
        &[opt("start", ArgKind::Str), opt("var", ArgKind::Str), opt("end", ArgKind::Str)],
        TEXT,
        "appends a text, a variable and a text",
        "str(a),concat(<,txn.b,>)",
        concat,
    ),
    ConverterRow::plain(
        "cut_crlf",
        TEXT,
        "up to the first carriage return or newline",
        "req.body,cut_crlf",
        |sample| {
            let end = sample.data()?.iter().position(|b| matches!(b, b'\r' | b'\n'));
            slice(sample, 0, end.unwrap_or(usize::MAX))
        },
    ),
    ConverterRow::with(
        "field",
        FIELD,
        TEXT,
        "the field of that number between delimiters; from the end where negative",
        "path,field(2,/)",
        |args| field(args, false),
    ),
    ConverterRow::plain(
        "has_ctl",
        (Bin, Bool),
        "whether there are control characters other than tab",
        "path,has_ctl",
        |sample| {
            let ctl = |b: &u8| matches!(b, 0..=8 | 10..=31 | 127);
            Some(Sample::Bool(sample.data()?.iter().any(ctl)))
        },
    ),
    ConverterRow::plain(
        "host_only",
        TEXT,
        "a Host header without its port, in lower case",
        "req.hdr(host),host_only",
        |sample| {
            let end = host_len(sample.data()?);
            slice(sample, 0, end).and_then(lower)
        },
    ),
    ConverterRow::plain("length", (Str, Sint), "the number of bytes", "path,length", |sample| {
        i64::try_from(sample.data()?.len()).ok().map(Sample::Int)
    }),
    ConverterRow::plain("lower", TEXT, "in lower case", "req.hdr(host),lower", lower),
    ConverterRow::with(
        "ltrim",
        CHARS,
        TEXT,
        "without those characters at the beginning",
        "path,ltrim(/)",
        |args| {
            let chars = args.str(0).as_bytes().to_vec();
            Ok(convert_with(chars, |chars, sample, _| {
                let bytes = sample.data()?;
                let from = bytes.iter().position(|b| !chars.contains(b)).unwrap_or(bytes.len());
                slice(sample, from, usize::MAX)
            }))
        },
    ),
    ConverterRow::with(
        "param",
        &[need("name", ArgKind::Str), opt("delim", ArgKind::Str)],
        TEXT,
        "a parameter of a query string, undecoded",
        "query,param(id)",
        param,
    ),
    ConverterRow::plain(
        "port_only",
        (Str, Sint),
        "the port in a Host header; 0 where it has none",
        "req.hdr(host),port_only",
        port_only,
    ),
    ConverterRow::plain(
        "reverse_dom",
        TEXT,
        "a domain with its labels in reverse order",
        "req.hdr(host),reverse_dom",
        reverse_dom,
    ),
    ConverterRow::with(
        "rtrim",
        CHARS,
        TEXT,
        "without those characters at the end",
        "path,rtrim(/)",
        |args| {
            let chars = args.str(0).as_bytes().to_vec();
            Ok(convert_with(chars, |chars, sample, _| {
                let end = sample.data()?.iter().rposition(|b| !chars.contains(b)).map_or(0, |i| i + 1);
                slice(sample, 0, end)
            }))
        },
    ),
    ConverterRow::with(
        "strcmp",
        &[need("var", ArgKind::Var)],
        (Str, Sint),
        "compares with a variable: 0 where they are the same, else below or above 0",
        "ssl_fc_sni,strcmp(txn.host)",
        strcmp,
    ),
    ConverterRow::plain("upper", TEXT, "in upper case", "method,upper", |sample| {
        change(sample, <[u8]>::make_ascii_uppercase)
    }),
    ConverterRow::with(
        "word",
        FIELD,
        TEXT,
        "the word of that number, where empty ones do not count; from the end where negative",
        "path,word(1,/)",
        |args| field(args, true),
    ),
];

/// A stretch of a string or of bytes, with the type that it had.
pub(super) fn slice(sample: Sample<'_>, from: usize, to: usize) -> Option<Sample<'_>> {
    match sample {
        Sample::Str(d) => Some(Sample::Str(d.slice(from, to))),
        Sample::Bin(d) => Some(Sample::Bin(d.slice(from, to))),
        _ => None,
    }
}

fn change<'a>(sample: Sample<'a>, run: fn(&mut [u8])) -> Option<Sample<'a>> {
    let Sample::Str(data) = sample else { return None };
    let mut bytes = data.into_vec();
    run(&mut bytes);
    Some(Sample::str(bytes))
}

fn lower(sample: Sample<'_>) -> Option<Sample<'_>> {
    // Most names are in lower case already, and need no copy.
    if !sample.data()?.iter().any(u8::is_ascii_uppercase) {
        return Some(sample);
    }
    change(sample, <[u8]>::make_ascii_lowercase)
}

/// An offset or a length: a number, or a variable that holds one.
#[derive(Clone, Copy)]
enum Amount {
    Constant(i64),
    Variable(VarId),
}

impl Amount {
    fn parse(args: &Args<'_>, index: usize) -> Option<Self> {
        args.var(index).map(Self::Variable).or_else(|| args.opt_int(index).map(Self::Constant))
    }

    /// None for what is negative.
    fn get(self, ctx: &Ctx<'_>) -> Option<usize> {
        let n = match self {
            Self::Constant(n) => n,
            Self::Variable(id) => match cast(ctx.vars.get(id)?.sample(), Sint)? {
                Sample::Int(n) => n,
                _ => return None,
            },
        };
        usize::try_from(n).ok()
    }
}

fn bytes(args: &mut Args<'_>) -> Built {
    let offset = Amount::parse(args, 0).ok_or_else(|| ArgError::new(0, "an offset is expected"))?;
    Ok(convert_with((offset, Amount::parse(args, 1)), |(offset, length), sample, ctx| {
        let from = offset.get(ctx)?;
        let to = match length {
            Some(length) => from.saturating_add(length.get(ctx)?),
            None => usize::MAX,
        };
        slice(sample, from, to)
    }))
}

/// A variable that may be left out with an empty argument.
fn optional_var(args: &mut Args<'_>, index: usize) -> Result<Option<VarId>, ArgError> {
    match args.str(index).to_owned().as_str() {
        "" => Ok(None),
        name => match args.resolver.variables().resolve(name) {
            Ok(id) => Ok(Some(id)),
            Err(_) => Err(ArgError::new(index, format!("`{name}` is not the name of a variable"))),
        },
    }
}

/// What a variable holds, as text; nothing where it holds nothing.
pub(super) fn var_text<'a>(id: Option<VarId>, ctx: &Ctx<'_>) -> Data<'a> {
    let value = id.and_then(|id| ctx.vars.get(id)).and_then(|v| cast(v.sample(), Str));
    match value {
        Some(Sample::Str(data)) => data,
        _ => Data::Borrowed(b""),
    }
}

fn concat(args: &mut Args<'_>) -> Built {
    let (start, end): (Box<[u8]>, Box<[u8]>) = (args.str(0).as_bytes().into(), args.str(2).as_bytes().into());
    let var = optional_var(args, 1)?;
    Ok(convert_with((start, var, end), |(start, var, end), sample, ctx| {
        let Sample::Str(data) = sample else { return None };
        let mut out = data.into_vec();
        out.extend_from_slice(start);
        out.extend_from_slice(var_text(*var, ctx).as_bytes());
        out.extend_from_slice(end);
        Some(Sample::str(out))
    }))
}

fn add_item(args: &mut Args<'_>) -> Built {
    let (delim, suffix): (Box<[u8]>, Box<[u8]>) =
        (args.str(0).as_bytes().into(), args.str(2).as_bytes().into());
    let var = optional_var(args, 1)?;
    if args.count() < 2 || (var.is_none() && suffix.is_empty()) {
        return Err(ArgError::new(1, "a variable or a text to append is expected"));
    }
    Ok(convert_with((delim, var, suffix), |(delim, var, suffix), sample, ctx| {
        let Sample::Str(data) = sample else { return None };
        let mut out = data.into_vec();
        let item = var_text(*var, ctx);
        let nothing = item.as_bytes().is_empty() && suffix.is_empty();
        if !out.is_empty() && !nothing {
            out.extend_from_slice(delim);
        }
        out.extend_from_slice(item.as_bytes());
        out.extend_from_slice(suffix);
        Some(Sample::str(out))
    }))
}

/// `index`, delimiters and `count` of `field` and `word`.
struct Fields {
    index: i64,
    delimiters: [bool; 256],
    /// 0: all that follow.
    count: usize,
    /// Whether empty ones do not count.
    words: bool,
}

fn field(args: &mut Args<'_>, words: bool) -> Built {
    let index = args.int(0, 0);
    if index == 0 {
        return Err(ArgError::new(0, "fields count from 1, or from the end from -1"));
    }
    let mut delimiters = [false; 256];
    for b in args.str(1).bytes() {
        delimiters[usize::from(b)] = true;
    }
    let count = usize::try_from(args.int(2, 1)).map_err(|_| ArgError::new(2, "a count is not negative"))?;
    let fields = Fields { index, delimiters, count, words };
    Ok(convert_with(fields, |fields, sample, _| {
        let (from, to) = fields.find(sample.data()?)?;
        slice(sample, from, to)
    }))
}

impl Fields {
    /// The stretch of the fields that are asked for.
    fn find(&self, bytes: &[u8]) -> Option<(usize, usize)> {
        let nth = usize::try_from(self.index.unsigned_abs()).ok()? - 1;
        // How many fields behind the first one still belong to the stretch.
        let more = self.count.checked_sub(1);
        let (first, last) = match self.index > 0 {
            true => stretch(self.forward(bytes).skip(nth), more)?,
            false => {
                let (last, first) = stretch(self.backward(bytes).skip(nth), more)?;
                (first, last)
            }
        };
        Some((first.0, last.1))
    }

    fn is_delimiter(&self, b: u8) -> bool {
        self.delimiters[usize::from(b)]
    }

    fn forward<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, usize)> + 'b {
        let mut next = Some(0);
        std::iter::from_fn(move || {
            let from = next?;
            let end = bytes[from..].iter().position(|b| self.is_delimiter(*b));
            next = end.map(|e| from + e + 1);
            Some((from, end.map_or(bytes.len(), |e| from + e)))
        })
        .filter(|(from, to)| !self.words || from < to)
    }

    fn backward<'b>(&'b self, bytes: &'b [u8]) -> impl Iterator<Item = (usize, usize)> + 'b {
        let mut next = Some(bytes.len());
        std::iter::from_fn(move || {
            let to = next?;
            let at = bytes[..to].iter().rposition(|b| self.is_delimiter(*b));
            next = at;
            Some((at.map_or(0, |at| at + 1), to))
        })
        .filter(|(from, to)| !self.words || from < to)
    }
}

/// The first of some stretches, and the one that is so many further, or the last.
fn stretch(
    mut parts: impl Iterator<Item = (usize, usize)>,
    more: Option<usize>,
) -> Option<((usize, usize), (usize, usize))> {
    let first = parts.next()?;
    let last = match more {
        Some(more) => parts.take(more).last(),
        None => parts.last(),
    };
    Some((first, last.unwrap_or(first)))
}

/// The length of the host in a Host header: up to the last colon that is not in brackets.
fn host_len(bytes: &[u8]) -> usize {
    let from = memchr::memrchr(b']', bytes).unwrap_or(0);
    memchr::memrchr(b':', &bytes[from..]).map_or(bytes.len(), |at| from + at)
}

fn port_only(sample: Sample<'_>) -> Option<Sample<'_>> {
    let bytes = sample.data()?;
    let port = bytes.get(host_len(bytes) + 1..).unwrap_or_default();
    let port = std::str::from_utf8(port).ok().and_then(|p| p.parse::<u16>().ok());
    Some(Sample::Int(port.unwrap_or(0).into()))
}

fn reverse_dom(sample: Sample<'_>) -> Option<Sample<'_>> {
    let labels: Vec<&[u8]> = sample.data()?.rsplit(|b| *b == b'.').collect();
    Some(Sample::str(labels.join(&b'.')))
}

fn strcmp(args: &mut Args<'_>) -> Built {
    let id = args.var(0).ok_or_else(|| ArgError::new(0, "a variable is expected"))?;
    Ok(convert_with(id, |id, sample, ctx| {
        let Sample::Str(other) = cast(ctx.vars.get(*id)?.sample(), Str)? else { return None };
        let order = sample.data()?.cmp(other.as_bytes());
        Some(Sample::Int(order as i64))
    }))
}

fn param(args: &mut Args<'_>) -> Built {
    let name: Box<[u8]> = args.str(0).as_bytes().into();
    let delimiter = match args.str(1).as_bytes() {
        [] => b'&',
        [one] => *one,
        _ => return Err(ArgError::new(1, "a single character is expected")),
    };
    Ok(convert_with((name, delimiter), |(name, delimiter), sample, _| {
        let (from, to) = find_param(sample.data()?, name, *delimiter)?;
        slice(sample, from, to)
    }))
}

/// The stretch of the first value of a name. A name without `=` has an empty value.
fn find_param(query: &[u8], name: &[u8], delimiter: u8) -> Option<(usize, usize)> {
    let mut from = 0;
    for pair in query.split(|b| *b == delimiter) {
        let end = from + pair.len();
        match pair.strip_prefix(name) {
            Some([]) => return Some((end, end)),
            Some([b'=', ..]) => return Some((from + name.len() + 1, end)),
            _ => from = end + 1,
        }
    }
    None
}
