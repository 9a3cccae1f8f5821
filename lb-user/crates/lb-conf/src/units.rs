//! Times and sizes with their units.

use std::time::Duration;

/// Why a time or a size was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// No digits at its beginning.
    #[error("not a number")]
    NotANumber,
    /// Something behind the digits that is no unit.
    #[error("unknown unit")]
    UnknownUnit,
    /// Beyond what can be represented.
    #[error("out of range")]
    OutOfRange,
}

/// HAProxy's timers are 32-bit counts of milliseconds: larger values are refused there, hence here.
const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

/// A time such as `30s`: digits and `us`, `ms`, `s`, `m`, `h` or `d`; bare digits count `default_unit`.
///
/// # Errors
///
/// See [`UnitError`]; more than 24 days are out of range.
pub fn time(text: &str, default_unit: Duration) -> Result<Duration, UnitError> {
    let (value, unit) = split(text)?;
    let each = match unit {
        "" => default_unit,
        "us" => Duration::from_micros(1),
        "ms" => Duration::from_millis(1),
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(3600),
        "d" => Duration::from_secs(86_400),
        _ => return Err(UnitError::UnknownUnit),
    };
    let count = u32::try_from(value).map_err(|_| UnitError::OutOfRange)?;
    each.checked_mul(count).filter(|t| *t <= LONGEST).ok_or(UnitError::OutOfRange)
}

/// The time that a text begins with, and what follows it: `1s` and `x` of `1sx`.
///
/// # Errors
///
/// See [`UnitError`].
pub fn leading_time(text: &str, default_unit: Duration) -> Result<(Duration, &str), UnitError> {
    let (_, unit) = split(text)?;
    let digits = text.len() - unit.len();
    let length =
        ["us", "ms", "s", "m", "h", "d"].into_iter().find(|u| unit.starts_with(u)).map_or(0, str::len);
    if length == 0 && !unit.is_empty() {
        return Err(UnitError::UnknownUnit);
    }
    let (leading, rest) = text.split_at(digits + length);
    Ok((time(leading, default_unit)?, rest))
}

/// A size such as `100k`: digits and `k`, `m` or `g`, powers of 1024.
///
/// # Errors
///
/// See [`UnitError`].
pub fn size(text: &str) -> Result<u64, UnitError> {
    let (value, unit) = split(text)?;
    let shift = match unit {
        "" => 0,
        "k" | "K" => 10,
        "m" | "M" => 20,
        "g" | "G" => 30,
        _ => return Err(UnitError::UnknownUnit),
    };
    value.checked_mul(1 << shift).ok_or(UnitError::OutOfRange)
}

fn split(text: &str) -> Result<(u64, &str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(UnitError::NotANumber);
    }
    Ok((digits.parse().map_err(|_| UnitError::OutOfRange)?, unit))
}

/// A time in the form that [`time`] reads, in its largest whole unit.
pub fn show_time(time: Duration) -> String {
    let micros = time.as_micros();
    let units =
        [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000)];
    match units.iter().find(|(_, each)| micros != 0 && micros.is_multiple_of(*each)) {
        Some((unit, each)) => format!("{}{unit}", micros / each),
        None => format!("{micros}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn times_have_units() {
        let rows = [
            ("0", Duration::ZERO),
            ("5000", Duration::from_secs(5)),
            ("250us", Duration::from_micros(250)),
            ("10ms", Duration::from_millis(10)),
            ("30s", Duration::from_secs(30)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3600)),
            ("1d", Duration::from_secs(86_400)),
        ];
        for (text, time) in rows {
            assert_eq!(super::time(text, MS), Ok(time), "{text}");
            assert_eq!(super::time(&show_time(time), MS), Ok(time), "{text}");
        }
        assert_eq!(time("", MS), Err(UnitError::NotANumber));
        assert_eq!(time("s", MS), Err(UnitError::NotANumber));
        assert_eq!(time("5sec", MS), Err(UnitError::UnknownUnit));
        assert_eq!(time("25d", MS), Err(UnitError::OutOfRange));
        assert_eq!(time("99999999999999999999", MS), Err(UnitError::OutOfRange));
    }

    #[test]
    fn what_follows_a_time_is_told_apart() {
        assert_eq!(leading_time("1sx", MS), Ok((Duration::from_secs(1), "x")));
        assert_eq!(leading_time("1m1s", MS), Ok((Duration::from_secs(60), "1s")));
        assert_eq!(leading_time("5", MS), Ok((Duration::from_millis(5), "")));
        assert_eq!(leading_time("5y", MS), Err(UnitError::UnknownUnit));
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(size("100k"), Ok(102_400));
        assert_eq!(size("1m"), Ok(1 << 20));
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("7"), Ok(7));
        assert_eq!(size("7t"), Err(UnitError::UnknownUnit));
        assert_eq!(size("99999999999g"), Err(UnitError::OutOfRange));
    }
}
