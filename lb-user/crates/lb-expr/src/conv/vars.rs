//! Variables: setting and clearing them on the way.

use crate::args::{Arg, ArgError, ArgKind, Args, need, opt};
use crate::sample::Sample;
use crate::sample::SampleType::Any;
use crate::table::{Convert, ConverterRow, convert_with};
use crate::vars::{Scope, Value, VarId};

type Built = Result<Box<dyn Convert>, ArgError>;

/// Conditions of `set-var`: what must be so for the variable to be set.
pub const SET_VAR_CONDITIONS: &[&str] =
    &["ifexists", "ifnotexists", "ifempty", "ifnotempty", "ifset", "ifnotset", "ifgt", "iflt"];

const COND: Arg = opt("cond", ArgKind::Word(SET_VAR_CONDITIONS));

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::with(
        "set-var",
        &[need("var", ArgKind::Var), COND, COND, COND, COND],
        (Any, Any),
        "stores the sample in a variable if the conditions hold, and passes it on",
        "path,set-var(txn.path,ifnotexists)",
        set_var,
    ),
    ConverterRow::with(
        "unset-var",
        &[need("var", ArgKind::Var)],
        (Any, Any),
        "clears a variable, and passes the sample on",
        "path,unset-var(txn.path)",
        |args| {
            let id = variable(args)?;
            Ok(convert_with(id, |id, sample, ctx| {
                ctx.vars.set(*id, None);
                Some(sample)
            }))
        },
    ),
];

fn variable(args: &Args<'_>) -> Result<VarId, ArgError> {
    args.var(0).ok_or_else(|| ArgError::new(0, "a variable is expected"))
}

fn set_var(args: &mut Args<'_>) -> Built {
    let id = variable(args)?;
    let conditions: Vec<SetVarCondition> =
        (1..5).filter_map(|i| args.opt_str(i)).filter_map(SetVarCondition::from_word).collect();
    Ok(convert_with((id, conditions), |(id, conditions), sample, ctx| {
        let old = ctx.vars.get(*id);
        if !conditions.iter().all(|c| c.holds(*id, old.as_ref(), &sample)) {
            return None;
        }
        ctx.vars.set(*id, Some(Value::from(sample.clone()))).then_some(sample)
    }))
}

/// What must be so for a variable to be set: of the converter `set-var` and of the actions of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetVarCondition {
    /// `ifexists`: it was set before. Those of scope `proc` always exist.
    Exists,
    /// `ifnotexists`.
    NotExists,
    /// `ifempty`: the input is an empty text.
    Empty,
    /// `ifnotempty`.
    NotEmpty,
    /// `ifset`: it holds something.
    Set,
    /// `ifnotset`.
    NotSet,
    /// `ifgt`: what it holds is greater than the input; where both are not integers, so be it.
    Greater,
    /// `iflt`.
    Less,
}

impl SetVarCondition {
    /// The condition of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "ifexists" => Self::Exists,
            "ifnotexists" => Self::NotExists,
            "ifempty" => Self::Empty,
            "ifnotempty" => Self::NotEmpty,
            "ifset" => Self::Set,
            "ifnotset" => Self::NotSet,
            "ifgt" => Self::Greater,
            "iflt" => Self::Less,
            _ => return None,
        })
    }

    /// Whether it holds for a variable, for what it holds now, and for what it is to hold.
    pub fn holds(self, id: VarId, old: Option<&Value>, new: &Sample<'_>) -> bool {
        let exists = id.scope == Scope::Proc || old.is_some();
        let empty =
            matches!(new, Sample::Str(_) | Sample::Bin(_)) && new.data().is_some_and(<[u8]>::is_empty);
        match self {
            Self::Exists => exists,
            Self::NotExists => !exists,
            Self::Empty => empty,
            Self::NotEmpty => !empty,
            Self::Set => old.is_some(),
            Self::NotSet => old.is_none(),
            Self::Greater => compare(old, new, |old, new| old > new),
            Self::Less => compare(old, new, |old, new| old < new),
        }
    }
}

fn compare(old: Option<&Value>, new: &Sample<'_>, test: fn(i64, i64) -> bool) -> bool {
    match (old, new) {
        (Some(Value::Int(old)), Sample::Int(new)) => test(*old, *new),
        _ => true,
    }
}
