//! `compression`.

use super::args::{invalid, one_of};
use super::{Args, Keyword, Sections, served};
use crate::diag::{Code, Diagnostic};
use crate::draft::ProxyDraft;
use crate::model::{Compression, CompressionAlgorithm, CompressionSet};

const DFB: Sections = Sections::DEFAULTS.union(Sections::FRONTEND).union(Sections::BACKEND);

/// The rows.
pub(crate) static COMPRESSION: &[Keyword<ProxyDraft>] = &[served(
    "compression",
    "algo[-req|-res] <algorithm>… | type[-req|-res] <type>… | offload | direction request|response|both | minsize-req|minsize-res <size>",
    DFB,
    "compresses bodies",
    compression,
)];

/// What can follow the word.
const WORDS: [&str; 10] = [
    "algo",
    "algo-res",
    "algo-req",
    "type",
    "type-res",
    "type-req",
    "offload",
    "direction",
    "minsize-res",
    "minsize-req",
];

fn compression(proxy: &mut ProxyDraft, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    let settings = proxy.compression.get_or_insert_default();
    let word = args.word(&one_of(&WORDS))?;
    match word.as_ref() {
        "algo" | "algo-res" => algorithms(&mut settings.response, args)?,
        "algo-req" => only_algorithm(&mut settings.request, args)?,
        "type" | "type-res" => types(&mut settings.response, args)?,
        "type-req" => types(&mut settings.request, args)?,
        "offload" => offload(settings, args),
        "direction" => {
            let both = [("request", (true, false)), ("response", (false, true)), ("both", (true, true))];
            (settings.requests, settings.responses) = args.choice(&both)?;
        }
        "minsize-res" => settings.response.min_size = args.size()?,
        "minsize-req" => settings.request.min_size = args.size()?,
        _ => {
            let error = invalid(word, format!("unknown word '{}' of 'compression'", word.text));
            return Err(error.label(format!("expected {}", one_of(&WORDS))).nearest(word, WORDS));
        }
    }
    proxy.lines.push(args.text());
    Ok(())
}

fn algorithms(set: &mut CompressionSet, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    set.algorithms.push(args.choice(&CompressionAlgorithm::ALL)?);
    while args.peek().is_some() {
        set.algorithms.push(args.choice(&CompressionAlgorithm::ALL)?);
    }
    Ok(())
}

/// Servers cannot be asked which algorithms they take, so that there is nothing to choose from.
fn only_algorithm(set: &mut CompressionSet, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    set.algorithms = vec![args.choice(&CompressionAlgorithm::ALL)?];
    Ok(())
}

fn types(set: &mut CompressionSet, args: &mut Args<'_>) -> Result<(), Diagnostic> {
    set.types.push(args.word("a media type such as text/html")?.text.as_str().into());
    set.types.extend(args.take_rest().iter().map(|word| word.text.as_str().into()));
    Ok(())
}

fn offload(settings: &mut Compression, args: &mut Args<'_>) {
    if args.sections == Sections::DEFAULTS {
        let warning = Diagnostic::warning(Code::NoEffect, "'compression offload' has no effect in defaults");
        return args.note(warning.at(args.whole()));
    }
    settings.offload = true;
}
