//! Expressions: a fetch and the converters behind it, `path,lower,field(2,/)`.

use std::fmt;
use std::ops::Range;

use crate::args::{self, Args, RawArg};
use crate::cast;
use crate::ctx::Ctx;
use crate::error::{ErrorKind, ParseError};
use crate::hint::nearest;
use crate::place::Source;
use crate::resolve::{Env, Layer};
use crate::sample::{LONGEST, Sample, SampleType};
use crate::table::{Convert, ConverterRow, Cursor, Fetch, FetchRow, Figure, converter_named, fetch_named};
use crate::world::UserlistId;

/// A compiled expression.
pub struct Expr {
    fetch: Box<dyn Fetch>,
    row: &'static FetchRow,
    steps: Box<[Step]>,
    output: SampleType,
    text: Box<str>,
    userlist: Option<UserlistId>,
}

struct Step {
    /// The type that the converter takes.
    input: SampleType,
    convert: Box<dyn Convert>,
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.text).finish()
    }
}

impl Expr {
    /// Parses the expression at the beginning of `words`. Returns it and how many words it took: converters
    /// may stand in words of their own, and what follows belongs to the caller.
    pub fn parse(words: &[&str], env: &mut Env<'_>) -> Result<(Self, usize), ParseError> {
        let Some(&first) = words.first() else {
            return Err(ParseError::new(0..0, ErrorKind::MissingExpression));
        };
        let mut parser = Parser::fetch(first, 0, env)?;
        parser.converters(first, env)?;
        parser.expect_end(first)?;
        let mut used = 1;
        for word in &words[1..] {
            let name = &word[..identifier(word, 0)];
            if converter_named(name).is_none() {
                break;
            }
            parser.at = 0;
            parser.converter(word, env).map_err(|e| e.in_word(used))?;
            parser.converters(word, env).map_err(|e| e.in_word(used))?;
            parser.expect_end(word).map_err(|e| e.in_word(used))?;
            parser.text.push(',');
            parser.text.push_str(word);
            used += 1;
        }
        Ok((parser.finish(), used))
    }

    /// Parses the expression that begins at a byte of a text. Returns it and the byte behind it.
    pub(crate) fn parse_at(text: &str, from: usize, env: &mut Env<'_>) -> Result<(Self, usize), ParseError> {
        let mut parser = Parser::fetch(text, from, env)?;
        parser.converters(text, env)?;
        let end = parser.at;
        parser.text = text[from..end].to_owned();
        Ok((parser.finish(), end))
    }

    /// The value, or None where the fetch finds nothing or a converter fails.
    #[inline]
    pub fn eval<'a>(&'a self, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
        let Some(sample) = self.fetch.fetch(ctx, &mut Cursor::default()) else {
            self.note_missing(ctx);
            return None;
        };
        self.convert(sample, ctx)
    }

    /// The value as text, as formats and headers take it.
    pub fn eval_str<'a>(&'a self, ctx: &Ctx<'a>) -> Option<crate::sample::Data<'a>> {
        match cast::cast(self.eval(ctx)?, SampleType::Str)? {
            Sample::Str(data) => Some(data),
            _ => None,
        }
    }

    /// The value as bytes, as hashes take it: numbers and addresses as they lie on the wire.
    pub fn eval_bin<'a>(&'a self, ctx: &Ctx<'a>) -> Option<crate::sample::Data<'a>> {
        match cast::cast(self.eval(ctx)?, SampleType::Bin)? {
            Sample::Bin(data) => Some(data),
            _ => None,
        }
    }

    /// Whether any of the values passes a test: a fetch like `req.hdr` has one for each occurrence.
    #[inline]
    pub fn any<'a>(&'a self, ctx: &Ctx<'a>, mut test: impl FnMut(Sample<'a>) -> bool) -> bool {
        let mut cursor = Cursor { each: true, ..Cursor::default() };
        loop {
            cursor.more = false;
            let Some(sample) = self.fetch.fetch(ctx, &mut cursor) else {
                self.note_missing(ctx);
                return false;
            };
            if self.convert(sample, ctx).is_some_and(&mut test) {
                return true;
            }
            if !cursor.more {
                return false;
            }
        }
    }

    /// In TCP mode: what is no request yet may become one.
    #[cold]
    fn note_missing(&self, ctx: &Ctx<'_>) {
        if ctx.request_unfinished && self.row.source.is_request() {
            ctx.wait_for_more();
        }
    }

    #[inline]
    fn convert<'a>(&'a self, mut sample: Sample<'a>, ctx: &Ctx<'a>) -> Option<Sample<'a>> {
        for step in &self.steps {
            sample = step.convert.convert(cast::cast(sample, step.input)?, ctx)?;
            if sample.data().is_some_and(|data| data.len() > LONGEST) {
                return None;
            }
        }
        Some(sample)
    }

    /// The type of its values, as far as it is known beforehand.
    pub fn output(&self) -> SampleType {
        self.output
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same expression under the text that an ACL keyword had.
    pub(crate) fn named(mut self, text: &str) -> Self {
        self.text = text.into();
        self
    }

    /// `http_auth_group`'s list: its patterns are groups of that list.
    pub(crate) fn userlist(&self) -> Option<UserlistId> {
        self.userlist.filter(|_| self.row.names[0] == "http_auth_group" && self.steps.is_empty())
    }

    /// The row of its fetch.
    pub fn fetch_row(&self) -> &'static FetchRow {
        self.row
    }

    /// The figure of a stick table that it is, and nothing else.
    pub fn figure(&self) -> Option<Figure> {
        self.fetch.figure().filter(|_| self.steps.is_empty())
    }

    /// Whether it is the client's address, and nothing else.
    pub fn is_source(&self) -> bool {
        self.row.names[0] == "src" && self.steps.is_empty()
    }

    /// Whether converters stand behind the fetch.
    pub fn has_converters(&self) -> bool {
        !self.steps.is_empty()
    }

    /// What it looks at.
    pub fn source(&self) -> Source {
        self.row.source
    }

    /// Whether it means something in HTTP mode only.
    pub fn needs_http(&self) -> bool {
        self.row.source.needs_http()
    }

    /// Whether it needs the body of the message, which must then be buffered before it is evaluated.
    pub fn needs_body(&self) -> bool {
        matches!(self.row.source, Source::RequestBody | Source::ResponseBody)
    }
}

/// The first byte at or behind `from` that no name of a fetch or converter has.
pub(crate) fn identifier(text: &str, from: usize) -> usize {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b':');
    from + text.as_bytes()[from..].iter().take_while(|b| is_name(b)).count()
}

/// A name, its arguments, and where both stand.
struct Call<'t> {
    name: &'t str,
    name_range: Range<usize>,
    raw: Vec<RawArg>,
    end: usize,
}

impl<'t> Call<'t> {
    fn parse(text: &'t str, from: usize) -> Result<Self, ParseError> {
        let name_end = identifier(text, from);
        let (raw, end) = match text.as_bytes().get(name_end) {
            Some(b'(') => args::cut(text, name_end)?,
            _ => (Vec::new(), name_end),
        };
        Ok(Self { name: &text[from..name_end], name_range: from..name_end, raw, end })
    }

    fn error(&self, kind: ErrorKind) -> ParseError {
        ParseError::new(self.name_range.clone(), kind)
    }

    /// Refuses a row that is not served, or whose layers are not.
    fn check_served(
        &self,
        refused: Option<&'static str>,
        layers: &[Layer],
        env: &Env<'_>,
    ) -> Result<(), ParseError> {
        let missing = layers.iter().find_map(|layer| env.resolver.serves(*layer).err());
        match refused.or(missing) {
            Some(reason) => {
                Err(self
                    .error(ErrorKind::NotServed { name: self.name.to_owned(), reason: reason.to_owned() }))
            }
            None => Ok(()),
        }
    }

    /// Resolves the arguments and hands them to a builder.
    fn build<T>(
        &self,
        rows: &[args::Arg],
        env: &mut Env<'_>,
        build: impl FnOnce(&mut Args<'_>) -> Result<T, args::ArgError>,
    ) -> Result<T, ParseError> {
        let call = self.name_range.start..self.end;
        let values = args::resolve(self.name, rows, &self.raw, call.clone(), env)?;
        let place = env.place;
        let acls = env.acls.as_mut().map(|(acls, position)| (&mut **acls, *position));
        let mut given = Args { values, place, resolver: &mut *env.resolver, acls };
        build(&mut given).map_err(|e| {
            let range = self.raw.get(e.index).map_or(call, |a| a.range.clone());
            args::bad_argument(self.name, e, range)
        })
    }
}

/// An expression while it is parsed.
struct Parser {
    fetch: Box<dyn Fetch>,
    row: &'static FetchRow,
    steps: Vec<Step>,
    output: SampleType,
    userlist: Option<UserlistId>,
    text: String,
    /// Where the text goes on.
    at: usize,
}

impl Parser {
    fn fetch(text: &str, from: usize, env: &mut Env<'_>) -> Result<Self, ParseError> {
        let call = Call::parse(text, from)?;
        let row = find_fetch(&call)?;
        call.check_served(row.refused, row.layers, env)?;
        check_place(&call, row, env)?;
        let mut userlist = None;
        let fetch = call.build(row.args, env, |args| {
            userlist = args.userlist(0).ok();
            row.build.make(args)
        })?;
        Ok(Self {
            fetch,
            row,
            userlist,
            steps: Vec::new(),
            output: row.output,
            text: text[from..].to_owned(),
            at: call.end,
        })
    }

    /// Takes converters as long as commas announce them.
    fn converters(&mut self, text: &str, env: &mut Env<'_>) -> Result<(), ParseError> {
        while text.as_bytes().get(self.at) == Some(&b',') {
            while text.as_bytes().get(self.at) == Some(&b',') {
                self.at += 1;
            }
            if self.at == text.len() {
                break;
            }
            self.converter(text, env)?;
        }
        Ok(())
    }

    fn converter(&mut self, text: &str, env: &mut Env<'_>) -> Result<(), ParseError> {
        let call = Call::parse(text, self.at)?;
        let row = find_converter(&call)?;
        call.check_served(row.refused, row.layers, env)?;
        if !cast::possible(self.output, row.input) {
            let kind =
                ErrorKind::BadCast { name: call.name.to_owned(), found: self.output, wanted: row.input };
            return Err(call.error(kind));
        }
        let convert = call.build(row.args, env, |args| row.build.make(args))?;
        self.steps.push(Step { input: row.input, convert });
        // Converters that take and return anything pass the type through.
        if row.output != SampleType::Any || row.input != SampleType::Any {
            self.output = row.output;
        }
        self.at = call.end;
        Ok(())
    }

    fn expect_end(&self, text: &str) -> Result<(), ParseError> {
        if self.at == text.len() {
            return Ok(());
        }
        let found = &text[self.at..];
        let kind = ErrorKind::Syntax(format!("expected `,` and a converter, found `{found}`"));
        Err(ParseError::new(self.at..text.len(), kind))
    }

    fn finish(self) -> Expr {
        Expr {
            fetch: self.fetch,
            row: self.row,
            steps: self.steps.into(),
            output: self.output,
            text: self.text.into(),
            userlist: self.userlist,
        }
    }
}

fn find_fetch(call: &Call<'_>) -> Result<&'static FetchRow, ParseError> {
    fetch_named(call.name).ok_or_else(|| {
        if call.name.is_empty() {
            return call.error(ErrorKind::MissingExpression);
        }
        let hint = match converter_named(call.name) {
            Some(_) => Some(format!("`{}` is a converter: it stands behind a fetch and a comma", call.name)),
            None => nearest(call.name, crate::fetch::names()),
        };
        call.error(ErrorKind::UnknownFetch(call.name.to_owned())).with_hint(hint)
    })
}

fn find_converter(call: &Call<'_>) -> Result<&'static ConverterRow, ParseError> {
    converter_named(call.name).ok_or_else(|| {
        let hint = nearest(call.name, crate::conv::rows().map(|r| r.name));
        call.error(ErrorKind::UnknownConverter(call.name.to_owned())).with_hint(hint)
    })
}

fn check_place(call: &Call<'_>, row: &FetchRow, env: &Env<'_>) -> Result<(), ParseError> {
    match env.place {
        Some(place) if !row.source.exists_at(place) => Err(call.error(ErrorKind::WrongPlace {
            name: call.name.to_owned(),
            needs: row.source.name(),
            place: place.name(),
        })),
        _ => Ok(()),
    }
}
