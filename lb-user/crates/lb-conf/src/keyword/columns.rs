//! Columns of stick tables: `store`.

use std::time::Duration;

use crate::model::Column;
use crate::units;

/// What stands between a column's parentheses.
#[derive(Clone, Copy)]
enum Shape {
    Plain(Column),
    /// `(period)`
    Rate(fn(Duration) -> Column),
    /// `(number)`
    Array(fn(u8) -> Column),
    /// `(number,period)`
    ArrayRate(fn(u8, Duration) -> Column),
}

static COLUMNS: &[(&str, Shape)] = &[
    ("server_id", Shape::Plain(Column::ServerId)),
    ("gpt", Shape::Array(Column::Gpt)),
    ("gpc", Shape::Array(Column::Gpc)),
    ("gpc_rate", Shape::ArrayRate(Column::GpcRate)),
    ("gpt0", Shape::Plain(Column::Gpt0)),
    ("gpc0", Shape::Plain(Column::Gpc0)),
    ("gpc0_rate", Shape::Rate(Column::Gpc0Rate)),
    ("gpc1", Shape::Plain(Column::Gpc1)),
    ("gpc1_rate", Shape::Rate(Column::Gpc1Rate)),
    ("conn_cnt", Shape::Plain(Column::ConnCnt)),
    ("conn_cur", Shape::Plain(Column::ConnCur)),
    ("conn_rate", Shape::Rate(Column::ConnRate)),
    ("sess_cnt", Shape::Plain(Column::SessCnt)),
    ("sess_rate", Shape::Rate(Column::SessRate)),
    ("http_req_cnt", Shape::Plain(Column::HttpReqCnt)),
    ("http_req_rate", Shape::Rate(Column::HttpReqRate)),
    ("http_err_cnt", Shape::Plain(Column::HttpErrCnt)),
    ("http_err_rate", Shape::Rate(Column::HttpErrRate)),
    ("http_fail_cnt", Shape::Plain(Column::HttpFailCnt)),
    ("http_fail_rate", Shape::Rate(Column::HttpFailRate)),
    ("bytes_in_cnt", Shape::Plain(Column::BytesInCnt)),
    ("bytes_in_rate", Shape::Rate(Column::BytesInRate)),
    ("bytes_out_cnt", Shape::Plain(Column::BytesOutCnt)),
    ("bytes_out_rate", Shape::Rate(Column::BytesOutRate)),
];

/// The most elements of an array.
const ARRAY: u8 = 100;

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|(name, _)| *name)
}

/// Reads `name`, `name(period)` and so on; the error says what is wrong.
pub(super) fn parse(text: &str) -> Result<Column, String> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => {
            (name, Some(rest.strip_suffix(')').ok_or_else(|| format!("'{text}' is not closed"))?))
        }
        None => (text, None),
    };
    let found = COLUMNS.iter().find(|(known, _)| *known == name).map(|(_, shape)| *shape);
    let shape = found.ok_or_else(|| format!("unknown column '{name}'"))?;
    match (shape, arguments) {
        (Shape::Plain(column), None) => Ok(column),
        (Shape::Plain(_), Some(_)) => Err(format!("'{name}' takes no argument")),
        (Shape::Rate(make), Some(period)) => Ok(make(time(period)?)),
        (Shape::Array(make), Some(number)) => Ok(make(array(number)?)),
        (Shape::ArrayRate(make), Some(both)) => {
            let (number, period) =
                both.split_once(',').ok_or_else(|| format!("'{name}' takes a number and a period"))?;
            Ok(make(array(number)?, time(period.trim())?))
        }
        (Shape::Rate(_), None) => Err(format!("'{name}' needs a period, such as {name}(10s)")),
        (Shape::Array(_), None) => Err(format!("'{name}' needs a number, such as {name}(2)")),
        (Shape::ArrayRate(_), None) => {
            Err(format!("'{name}' needs a number and a period, such as {name}(2,10s)"))
        }
    }
}

/// A column in the form that [`parse`] reads.
pub(crate) fn show(column: Column) -> String {
    for (name, shape) in COLUMNS {
        let Some(arguments) = arguments(*shape, column) else { continue };
        return if arguments.is_empty() { (*name).to_owned() } else { format!("{name}({arguments})") };
    }
    String::new()
}

/// The arguments with which a shape makes a column, if it does.
fn arguments(shape: Shape, column: Column) -> Option<String> {
    use Column as C;
    match shape {
        Shape::Plain(plain) => (plain == column).then(String::new),
        Shape::Rate(make) => match column {
            C::Gpc0Rate(p)
            | C::Gpc1Rate(p)
            | C::ConnRate(p)
            | C::SessRate(p)
            | C::HttpReqRate(p)
            | C::HttpErrRate(p)
            | C::HttpFailRate(p)
            | C::BytesInRate(p)
            | C::BytesOutRate(p) => (make(p) == column).then(|| units::show_time(p)),
            _ => None,
        },
        Shape::Array(make) => match column {
            C::Gpt(n) | C::Gpc(n) => (make(n) == column).then(|| n.to_string()),
            _ => None,
        },
        Shape::ArrayRate(make) => match column {
            C::GpcRate(n, p) => (make(n, p) == column).then(|| format!("{n},{}", units::show_time(p))),
            _ => None,
        },
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let period =
        units::time(text, Duration::from_millis(1)).map_err(|e| format!("'{text}' is not a period: {e}"))?;
    if period.is_zero() { Err("a period must not be zero".to_owned()) } else { Ok(period) }
}

fn array(text: &str) -> Result<u8, String> {
    let number = text.trim().parse().ok().filter(|n| (1..=ARRAY).contains(n));
    number.ok_or_else(|| format!("'{text}' is not a number from 1 to {ARRAY}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_shown_as_they_are_read() {
        for (name, shape) in COLUMNS {
            let text = match shape {
                Shape::Plain(_) => (*name).to_owned(),
                Shape::Rate(_) => format!("{name}(10s)"),
                Shape::Array(_) => format!("{name}(3)"),
                Shape::ArrayRate(_) => format!("{name}(3,1m)"),
            };
            assert_eq!(parse(&text).map(show), Ok(text));
        }
        for wrong in [
            "gpc",
            "gpc(0)",
            "gpc(200)",
            "conn_cnt(1)",
            "conn_rate",
            "conn_rate(x)",
            "conn_rate(0)",
            "nonsense",
            "gpc(1",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
