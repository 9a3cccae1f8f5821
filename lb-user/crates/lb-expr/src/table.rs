//! Rows of the tables of fetches and converters, and how a word finds its row.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::args::{Arg, ArgError, Args};
use crate::ctx::Ctx;
use crate::place::Source;
use crate::resolve::Layer;
use crate::sample::{Sample, SampleType};
use crate::world::{Counter, TableId};

/// Where a fetch that has several values stands: ACLs ask for one after the other.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The part (header line, say) that the next value is in. The fetch moves it on.
    pub(crate) item: usize,
    /// The byte of that part that the next value begins at.
    pub(crate) pos: usize,
    /// Whether the caller wants them all. Without it, a fetch returns the one value that it stands for in a
    /// format.
    pub(crate) each: bool,
    /// Set by a fetch that may have another value behind the one that it returned.
    pub(crate) more: bool,
}

/// A fetch with its arguments resolved.
pub(crate) trait Fetch: Send + Sync {
    fn fetch<'a>(&'a self, ctx: &Ctx<'a>, cursor: &mut Cursor) -> Option<Sample<'a>>;

    /// The figure of a stick table that it is, if it is one.
    fn figure(&self) -> Option<Figure> {
        None
    }
}

/// A figure of an entry of a stick table, as an expression names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The counter that tracks the entry. None: it is the entry of the client's address.
    pub slot: Option<u8>,
    /// The table. None: the one that the counter tracks in.
    pub table: Option<TableId>,
    /// What is asked of the entry.
    pub what: Counter,
}

/// A converter with its arguments resolved. The sample that it gets has the type that its row declares.
pub(crate) trait Convert: Send + Sync {
    fn convert<'a>(&'a self, input: Sample<'a>, ctx: &Ctx<'a>) -> Option<Sample<'a>>;
}

/// A fetch that looks at the context only.
struct Plain(for<'a> fn(&Ctx<'a>) -> Option<Sample<'a>>);

impl Fetch for Plain {
    fn fetch<'a>(&'a self, ctx: &Ctx<'a>, _: &mut Cursor) -> Option<Sample<'a>> {
        (self.0)(ctx)
    }
}

/// A fetch made of resolved arguments and a function.
struct FetchWith<T, F> {
    data: T,
    run: F,
}

impl<T: Send + Sync, F> Fetch for FetchWith<T, F>
where
    F: for<'a> Fn(&'a T, &Ctx<'a>, &mut Cursor) -> Option<Sample<'a>> + Send + Sync,
{
    fn fetch<'a>(&'a self, ctx: &Ctx<'a>, cursor: &mut Cursor) -> Option<Sample<'a>> {
        (self.run)(&self.data, ctx, cursor)
    }
}

/// A fetch with one value, made of resolved arguments and a function.
pub(crate) fn fetch_with<T, F>(data: T, run: F) -> Box<dyn Fetch>
where
    T: Send + Sync + 'static,
    F: for<'a> Fn(&'a T, &Ctx<'a>) -> Option<Sample<'a>> + Send + Sync + 'static,
{
    struct Single<T, F> {
        data: T,
        run: F,
    }
    impl<T: Send + Sync, F> Fetch for Single<T, F>
    where
        F: for<'a> Fn(&'a T, &Ctx<'a>) -> Option<Sample<'a>> + Send + Sync,
    {
        fn fetch<'a>(&'a self, ctx: &Ctx<'a>, _: &mut Cursor) -> Option<Sample<'a>> {
            (self.run)(&self.data, ctx)
        }
    }
    Box::new(Single { data, run })
}

/// A fetch that may have several values, made of resolved arguments and a function.
pub(crate) fn fetch_each<T, F>(data: T, run: F) -> Box<dyn Fetch>
where
    T: Send + Sync + 'static,
    F: for<'a> Fn(&'a T, &Ctx<'a>, &mut Cursor) -> Option<Sample<'a>> + Send + Sync + 'static,
{
    Box::new(FetchWith { data, run })
}

/// A converter made of resolved arguments and a function.
struct ConvertWith<T, F> {
    data: T,
    run: F,
}

impl<T: Send + Sync, F> Convert for ConvertWith<T, F>
where
    F: for<'a> Fn(&'a T, Sample<'a>, &Ctx<'a>) -> Option<Sample<'a>> + Send + Sync,
{
    fn convert<'a>(&'a self, input: Sample<'a>, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
        (self.run)(&self.data, input, ctx)
    }
}

/// A converter made of resolved arguments and a function.
pub(crate) fn convert_with<T, F>(data: T, run: F) -> Box<dyn Convert>
where
    T: Send + Sync + 'static,
    F: for<'a> Fn(&'a T, Sample<'a>, &Ctx<'a>) -> Option<Sample<'a>> + Send + Sync + 'static,
{
    Box::new(ConvertWith { data, run })
}

/// How a row makes its fetch or converter.
pub(crate) enum Build<P, T: ?Sized + 'static> {
    /// No arguments: this function is it.
    Plain(P),
    /// From its arguments.
    With(fn(&mut Args<'_>) -> Result<Box<T>, ArgError>),
}

type PlainFetch = for<'a> fn(&Ctx<'a>) -> Option<Sample<'a>>;
type PlainConvert = for<'a> fn(Sample<'a>) -> Option<Sample<'a>>;

impl Build<PlainFetch, dyn Fetch> {
    pub(crate) fn make(&self, args: &mut Args<'_>) -> Result<Box<dyn Fetch>, ArgError> {
        match self {
            Self::Plain(run) => Ok(Box::new(Plain(*run))),
            Self::With(build) => build(args),
        }
    }
}

impl Build<PlainConvert, dyn Convert> {
    pub(crate) fn make(&self, args: &mut Args<'_>) -> Result<Box<dyn Convert>, ArgError> {
        match self {
            Self::Plain(run) => Ok(convert_with(*run, |run, sample, _| run(sample))),
            Self::With(build) => build(args),
        }
    }
}

/// A row of the table of fetches.
pub struct FetchRow {
    /// The name, and the other names that it goes by.
    pub names: &'static [&'static str],
    /// The arguments.
    pub args: &'static [Arg],
    /// The type of its samples.
    pub output: SampleType,
    /// What it looks at, and so where it may stand.
    pub source: Source,
    /// The layers that must be served.
    pub layers: &'static [Layer],
    /// Why it will not be served, where that is so.
    pub refused: Option<&'static str>,
    /// One line for the reference.
    pub doc: &'static str,
    /// An expression that uses it; the name itself where that is enough.
    pub example: &'static str,
    pub(crate) build: Build<PlainFetch, dyn Fetch>,
}

impl FetchRow {
    /// A fetch without arguments.
    pub(crate) const fn plain(
        names: &'static [&'static str],
        output: SampleType,
        source: Source,
        doc: &'static str,
        run: PlainFetch,
    ) -> Self {
        Self::new(names, &[], output, source, doc, Build::Plain(run))
    }

    /// A fetch with arguments.
    pub(crate) const fn with(
        names: &'static [&'static str],
        args: &'static [Arg],
        output: SampleType,
        source: Source,
        doc: &'static str,
        build: fn(&mut Args<'_>) -> Result<Box<dyn Fetch>, ArgError>,
    ) -> Self {
        Self::new(names, args, output, source, doc, Build::With(build))
    }

    const fn new(
        names: &'static [&'static str],
        args: &'static [Arg],
        output: SampleType,
        source: Source,
        doc: &'static str,
        build: Build<PlainFetch, dyn Fetch>,
    ) -> Self {
        Self { names, args, output, source, layers: &[], refused: None, doc, example: names[0], build }
    }

    /// A word of HAProxy's that has nothing to look at here.
    pub(crate) const fn refused(
        names: &'static [&'static str],
        output: SampleType,
        source: Source,
        doc: &'static str,
        why: &'static str,
    ) -> Self {
        Self { refused: Some(why), ..Self::plain(names, output, source, doc, |_| None) }
    }

    /// An expression that shows its use.
    pub(crate) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// The layers that it needs.
    pub(crate) const fn needs(mut self, layers: &'static [Layer]) -> Self {
        self.layers = layers;
        self
    }
}

/// A row of the table of converters.
pub struct ConverterRow {
    /// The name.
    pub name: &'static str,
    /// The arguments.
    pub args: &'static [Arg],
    /// The type that it takes; others are cast to it first.
    pub input: SampleType,
    /// The type that it returns.
    pub output: SampleType,
    /// The layers that must be served.
    pub layers: &'static [Layer],
    /// Why it will not be served, where that is so.
    pub refused: Option<&'static str>,
    /// One line for the reference.
    pub doc: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    pub(crate) build: Build<PlainConvert, dyn Convert>,
}

impl ConverterRow {
    /// A converter without arguments.
    pub(crate) const fn plain(
        name: &'static str,
        types: (SampleType, SampleType),
        doc: &'static str,
        example: &'static str,
        run: PlainConvert,
    ) -> Self {
        Self::new(name, &[], types, doc, example, Build::Plain(run))
    }

    /// A converter with arguments.
    pub(crate) const fn with(
        name: &'static str,
        args: &'static [Arg],
        types: (SampleType, SampleType),
        doc: &'static str,
        example: &'static str,
        build: fn(&mut Args<'_>) -> Result<Box<dyn Convert>, ArgError>,
    ) -> Self {
        Self::new(name, args, types, doc, example, Build::With(build))
    }

    const fn new(
        name: &'static str,
        args: &'static [Arg],
        (input, output): (SampleType, SampleType),
        doc: &'static str,
        example: &'static str,
        build: Build<PlainConvert, dyn Convert>,
    ) -> Self {
        Self { name, args, input, output, layers: &[], refused: None, doc, example, build }
    }

    /// A word of HAProxy's that has nothing to work with here.
    pub(crate) const fn refused(
        name: &'static str,
        (input, output): (SampleType, SampleType),
        doc: &'static str,
        why: &'static str,
    ) -> Self {
        Self { refused: Some(why), ..Self::plain(name, (input, output), doc, name, |_| None) }
    }

    /// The layers that it needs.
    pub(crate) const fn needs(mut self, layers: &'static [Layer]) -> Self {
        self.layers = layers;
        self
    }
}

/// How arguments are written in the reference: `(a,b[,c])`.
pub fn syntax(args: &[Arg]) -> String {
    if args.is_empty() {
        return String::new();
    }
    let mut out = String::from("(");
    for (i, arg) in args.iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        match arg.optional {
            true => out.push_str(&format!("[{comma}<{}>]", arg.name)),
            false => out.push_str(&format!("{comma}<{}>", arg.name)),
        }
    }
    out.push(')');
    out
}

/// The row of every name of the fetches.
pub(crate) fn fetch_named(name: &str) -> Option<&'static FetchRow> {
    static INDEX: OnceLock<HashMap<&str, &FetchRow>> = OnceLock::new();
    let index = INDEX.get_or_init(|| {
        crate::fetch::rows().flat_map(|row| row.names.iter().map(move |name| (*name, row))).collect()
    });
    index.get(name).copied()
}

/// The row of a converter.
pub(crate) fn converter_named(name: &str) -> Option<&'static ConverterRow> {
    static INDEX: OnceLock<HashMap<&str, &ConverterRow>> = OnceLock::new();
    INDEX.get_or_init(|| crate::conv::rows().map(|row| (row.name, row)).collect()).get(name).copied()
}
