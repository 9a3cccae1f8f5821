//! Arithmetic, bits and truth.

use crate::args::{Arg, ArgError, ArgKind, Args, need};
use crate::ctx::Ctx;
use crate::sample::Sample;
use crate::sample::SampleType::{self, Bool, Sint, Str};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::{Value, VarId};

type Built = Result<Box<dyn Convert>, ArgError>;

const INT: (SampleType, SampleType) = (Sint, Sint);

pub(super) static ROWS: &[ConverterRow] = &[
    binary("add", "adds; sticks at the ends of the range", "int(1),add(2)", |args| {
        operator(args, i64::saturating_add)
    }),
    binary("and", "bits that both have", "int(6),and(3)", |args| operator(args, |a, b| a & b)),
    ConverterRow::plain("bool", (Sint, Bool), "whether it is not zero", "int(3),bool", |s| {
        truth(&s, |n| n != 0)
    }),
    ConverterRow::plain("cpl", INT, "all bits inverted", "int(0),cpl", |s| unary(&s, |n| !n)),
    binary("div", "divides; by zero gives the largest integer", "int(7),div(2)", |args| {
        operator(args, divide)
    }),
    ConverterRow::plain("even", (Sint, Bool), "whether it is even", "int(2),even", |s| {
        truth(&s, |n| n & 1 == 0)
    }),
    ConverterRow::with(
        "iif",
        &[need("true", ArgKind::Str), need("false", ArgKind::Str)],
        (Bool, Str),
        "one text where it is true, else the other",
        "ssl_fc,iif(https,http)",
        iif,
    ),
    binary("mod", "the rest of dividing; by zero gives 0", "int(7),mod(4)", |args| operator(args, remainder)),
    binary("mul", "multiplies; sticks at the ends of the range", "int(3),mul(4)", |args| {
        operator(args, i64::saturating_mul)
    }),
    ConverterRow::plain("neg", INT, "the opposite number", "int(3),neg", |s| unary(&s, i64::wrapping_neg)),
    ConverterRow::plain("not", (Sint, Bool), "whether it is zero", "int(0),not", |s| truth(&s, |n| n == 0)),
    ConverterRow::plain("odd", (Sint, Bool), "whether it is odd", "int(3),odd", |s| {
        truth(&s, |n| n & 1 == 1)
    }),
    binary("or", "bits that either has", "int(6),or(1)", |args| operator(args, |a, b| a | b)),
    binary("sub", "subtracts; sticks at the ends of the range", "int(5),sub(3)", |args| {
        operator(args, i64::saturating_sub)
    }),
    binary("xor", "bits that one of the two has", "int(6),xor(3)", |args| operator(args, |a, b| a ^ b)),
];

const VALUE: &[Arg] = &[need("value", ArgKind::IntOrVar)];

const fn binary(
    name: &'static str,
    doc: &'static str,
    example: &'static str,
    build: fn(&mut Args<'_>) -> Built,
) -> ConverterRow {
    ConverterRow::with(name, VALUE, INT, doc, example, build)
}

/// The second operand.
#[derive(Clone, Copy)]
enum Operand {
    Constant(i64),
    Variable(VarId),
}

impl Operand {
    /// None where the variable holds nothing or no number.
    fn value(self, ctx: &Ctx<'_>) -> Option<i64> {
        match self {
            Self::Constant(n) => Some(n),
            Self::Variable(id) => match ctx.vars.get(id)? {
                Value::Int(n) => Some(n),
                Value::Bool(b) => Some(b.into()),
                other => match crate::cast::cast(other.sample(), Sint)? {
                    Sample::Int(n) => Some(n),
                    _ => None,
                },
            },
        }
    }
}

fn operator(args: &mut Args<'_>, run: fn(i64, i64) -> i64) -> Built {
    let operand = match args.var(0) {
        Some(id) => Operand::Variable(id),
        None => Operand::Constant(args.int(0, 0)),
    };
    Ok(convert_with((operand, run), |(operand, run), sample, ctx| match sample {
        Sample::Int(n) => Some(Sample::Int(run(n, operand.value(ctx)?))),
        _ => None,
    }))
}

fn divide(a: i64, b: i64) -> i64 {
    if b == 0 { i64::MAX } else { a.saturating_div(b) }
}

fn remainder(a: i64, b: i64) -> i64 {
    if b == 0 { 0 } else { a.wrapping_rem(b) }
}

fn unary<'a>(sample: &Sample<'a>, run: fn(i64) -> i64) -> Option<Sample<'a>> {
    match sample {
        Sample::Int(n) => Some(Sample::Int(run(*n))),
        _ => None,
    }
}

fn truth<'a>(sample: &Sample<'a>, test: fn(i64) -> bool) -> Option<Sample<'a>> {
    match sample {
        Sample::Int(n) => Some(Sample::Bool(test(*n))),
        _ => None,
    }
}

fn iif(args: &mut Args<'_>) -> Built {
    let texts: (Box<str>, Box<str>) = (args.str(0).into(), args.str(1).into());
    Ok(convert_with(texts, |(yes, no), sample, _| match sample {
        Sample::Bool(true) => Some(Sample::str(&**yes)),
        Sample::Bool(false) => Some(Sample::str(&**no)),
        _ => None,
    }))
}
