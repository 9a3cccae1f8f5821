//! Maps: a value for each pattern, out of a file.

use std::sync::{Arc, OnceLock};

use super::misc::expand_text;
use crate::acl::read_text;
use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::cast::parse_int;
use crate::pattern::{Compiled, MapValue, Method, Reference, compile_regex, parse_file, prepare};
use crate::sample::Sample;
use crate::sample::SampleType::{Addr, Sint, Str};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::Value;

type Built = Result<Box<dyn Convert>, ArgError>;

const ARGS: &[Arg] = &[need("map_file", ArgKind::Str), opt("default", ArgKind::Str)];

/// A match method of maps: its word, and the three converters `map_WORD`, `map_WORD_int` and `map_WORD_ip`.
struct Family {
    method: Method,
    names: [&'static str; 3],
    examples: [&'static str; 3],
    build: [fn(&mut Args<'_>) -> Built; 3],
}

macro_rules! family {
    ($word:literal, $method:expr, $input:literal) => {
        Family {
            method: $method,
            names: [concat!("map_", $word), concat!("map_", $word, "_int"), concat!("map_", $word, "_ip")],
            examples: [
                concat!($input, ",map_", $word, "(file.map)"),
                concat!($input, ",map_", $word, "_int(file.map,0)"),
                concat!($input, ",map_", $word, "_ip(file.map)"),
            ],
            build: [
                |a| map(a, $method, MapValue::Str),
                |a| map(a, $method, MapValue::Int),
                |a| map(a, $method, MapValue::Ip),
            ],
        }
    };
}

static FAMILIES: &[Family] = &[
    family!("beg", Method::Beg, "path"),
    family!("dir", Method::Dir, "path"),
    family!("dom", Method::Dom, "req.hdr(host)"),
    family!("end", Method::End, "path"),
    family!("int", Method::Int, "dst_port"),
    family!("ip", Method::Ip, "src"),
    family!("reg", Method::Reg, "path"),
    family!("str", Method::Str, "path"),
    family!("sub", Method::Sub, "path"),
];

const DOC: &str = "the value that a map has for the input, or the default";

static SINGLE: &[ConverterRow] = &[
    ConverterRow::with("map", ARGS, (Str, Str), DOC, "path,map(file.map)", |a| {
        map(a, Method::Str, MapValue::Str)
    }),
    ConverterRow::with(
        "map_regm",
        ARGS,
        (Str, Str),
        "the value that a map has for the regular expression that matches, with \\1 and so on filled in",
        "path,map_regm(file.map)",
        map_regm,
    ),
];

/// Every row.
pub(super) fn rows() -> impl Iterator<Item = &'static ConverterRow> {
    static ALL: OnceLock<Vec<ConverterRow>> = OnceLock::new();
    ALL.get_or_init(|| FAMILIES.iter().flat_map(rows_of).collect()).iter().chain(SINGLE)
}

fn rows_of(family: &'static Family) -> impl Iterator<Item = ConverterRow> {
    let outputs = [Str, Sint, Addr];
    let input = family.method.row().input;
    (0..3).map(move |i| {
        ConverterRow::with(
            family.names[i],
            ARGS,
            (input, outputs[i]),
            DOC,
            family.examples[i],
            family.build[i],
        )
    })
}

/// The map of the first argument, read where no other place read it.
fn reference(args: &mut Args<'_>) -> Result<Arc<Reference>, ArgError> {
    let path = args.str(0).to_owned();
    match args.resolver.patterns().file(&path) {
        Some(known) if known.is_map() => Ok(known),
        Some(_) => Err(ArgError::new(0, format!("`{path}` is already used as a list of patterns"))),
        None => {
            let text = read_text(&path, args.resolver).map_err(|e| ArgError::new(0, e))?;
            let entries = parse_file(&text, true);
            Ok(args.resolver.patterns().add_file(&path, true, entries))
        }
    }
}

/// Says which line of the file is wrong.
fn at_line(reference: &Reference, (entry, reason): (usize, String)) -> ArgError {
    let line = reference.entries().get(entry).map_or(0, |e| e.line);
    ArgError::new(0, format!("{reason} at line {line} of `{}`", reference.name()))
}

fn default(args: &Args<'_>, values: MapValue) -> Result<Option<Value>, ArgError> {
    let Some(text) = args.opt_str(1) else { return Ok(None) };
    let wrong = |what: &str| ArgError::new(1, format!("the default must be {what}, found `{text}`"));
    Ok(Some(match values {
        MapValue::Int => Value::Int(parse_int(text).ok_or_else(|| wrong("an integer"))?),
        MapValue::Ip => Value::from(Sample::addr(text.parse().map_err(|_| wrong("an IP address"))?)),
        MapValue::Str | MapValue::None => Value::from(Sample::str(text)),
    }))
}

fn map(args: &mut Args<'_>, method: Method, values: MapValue) -> Built {
    let default = default(args, values)?;
    let reference = reference(args)?;
    let compiled = reference.compile(method, values, false).map_err(|e| at_line(&reference, e))?;
    Ok(convert_with((compiled, default), |(compiled, default): &(Arc<Compiled>, _), sample, _| {
        compiled.lookup(sample).or_else(|| default.as_ref().map(Value::sample))
    }))
}

fn map_regm(args: &mut Args<'_>) -> Built {
    let default = default(args, MapValue::Str)?;
    let reference = reference(args)?;
    let compiled =
        reference.compile(Method::Reg, MapValue::Str, false).map_err(|e| at_line(&reference, e))?;
    Ok(convert_with(
        (compiled, default),
        |(compiled, default): &(Arc<Compiled>, Option<Value>), sample, _| {
            let sample = prepare(sample, Method::Reg)?;
            let subject = sample.data()?;
            let filled = compiled.entry(&sample).and_then(|(pattern, value)| {
                // The set tells which expression matches, and the expression alone what its groups are.
                expand_text(&value, &compile_regex(&pattern, false).ok()?, subject)
            });
            filled.map(Sample::str).or_else(|| default.as_ref().map(Value::sample))
        },
    ))
}
