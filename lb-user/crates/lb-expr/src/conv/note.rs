//! Converters that pass their input on and note it somewhere.

use crate::args::{ArgError, ArgKind, Args, need, opt};
use crate::cast::cast;
use crate::ctx::{Captures, Kept};
use crate::sample::Sample;
use crate::sample::SampleType::{Any, Str};
use crate::table::{Convert, ConverterRow, convert_with};
use crate::world::CaptureOf;

type Built = Result<Box<dyn Convert>, ArgError>;

/// Slots are counted from 0.
const MOST_SLOTS: i64 = 255;

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "capture-req",
        &[need("id", ArgKind::IntIn(0, MOST_SLOTS))],
        (Str, Str),
        "keeps it in a capture slot of the request",
        "str(a),capture-req(0)",
        |args| capture(args, CaptureOf::Request, |kept| &kept.request_captures),
    ),
    ConverterRow::with(
        "capture-res",
        &[need("id", ArgKind::IntIn(0, MOST_SLOTS))],
        (Str, Str),
        "keeps it in a capture slot of the response",
        "str(a),capture-res(0)",
        |args| capture(args, CaptureOf::Response, |kept| &kept.response_captures),
    ),
    ConverterRow::with(
        "debug",
        &[opt("prefix", ArgKind::Str), opt("destination", ArgKind::Str)],
        (Any, Any),
        "tells type and value to the daemon's own log, on its lowest level",
        "str(a),debug(here)",
        debug,
    ),
];

/// Where there is no such slot, there is no sample either.
fn capture(args: &mut Args<'_>, of: CaptureOf, slots: fn(&Kept) -> &Captures) -> Built {
    let slot = usize::try_from(args.int(0, 0)).unwrap_or_default();
    Ok(convert_with((slot, of, slots), |(slot, of, slots), sample, ctx| {
        let room = ctx.world.capture_room(ctx.frontend?, *of, *slot)?;
        let Sample::Str(text) = sample else { return None };
        slots(ctx.kept?).set(*slot, room, Some(text.clone().into_bytes()));
        Some(Sample::Str(text))
    }))
}

fn debug(args: &mut Args<'_>) -> Built {
    let prefix = args.str(0).to_owned();
    Ok(convert_with(prefix, |prefix, sample, ctx| {
        let kind = sample.kind();
        let text = cast(sample.clone(), Str);
        let text = text.as_ref().and_then(Sample::data).unwrap_or_default();
        ctx.world.debug(&format!("[debug] {prefix}: type={kind} <{}>", text.escape_ascii()));
        Some(sample)
    }))
}
