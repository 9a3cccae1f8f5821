//! Calendar dates out of seconds since 1970, and their forms.

use std::io::Write;
use std::time::Duration;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date and time of day, with the offset from UTC that it is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) year: i64,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    /// 0 is Sunday.
    pub(crate) weekday: u8,
    /// 0 is the first of January.
    pub(crate) yearday: u16,
    /// Seconds east of UTC.
    pub(crate) offset: i32,
    /// Seconds since 1970, in UTC.
    pub(crate) epoch: i64,
    /// Whether UTC was asked for, which the C library calls GMT then.
    pub(crate) is_gmt: bool,
}

impl Civil {
    /// The date at that time, in a zone that is so many seconds ahead of UTC.
    pub(crate) fn at(epoch: i64, offset: i32) -> Self {
        let local = epoch.saturating_add(i64::from(offset));
        let (days, seconds) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let (year, month, day) = date_of(days);
        let yearday = days - days_before(year, 1);
        Self {
            year,
            month,
            day,
            hour: (seconds / 3600) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            yearday: yearday as u16,
            offset,
            epoch,
            is_gmt: false,
        }
    }

    /// The date at that time in UTC.
    pub(crate) fn utc(epoch: i64) -> Self {
        Self { is_gmt: true, ..Self::at(epoch, 0) }
    }

    pub(crate) fn month_name(&self) -> &'static str {
        MONTHS[usize::from(self.month - 1) % 12]
    }

    pub(crate) fn day_name(&self) -> &'static str {
        DAYS[usize::from(self.weekday) % 7]
    }

    /// `+0100`
    pub(crate) fn zone(&self) -> String {
        let minutes = self.offset / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar. The year is counted from March,
/// so that the leap day is its last one, in eras of 400 years.
fn date_of(days: i64) -> (i64, u8, u8) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month as u8, day as u8)
}

/// Days from 1970 to the first of a month.
fn days_before(year: i64, month: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `22/Nov/2026:18:12:48 +0000`
pub(crate) fn write_log_date(at: Duration, offset: i32, out: &mut Vec<u8>) {
    let c = Civil::at(at.as_secs() as i64, offset);
    let month = &c.month_name()[..3];
    _ = write!(out, "{:02}/{month}/{:04}:{:02}:{:02}:{:02} ", c.day, c.year, c.hour, c.minute, c.second);
    out.extend(c.zone().as_bytes());
}

/// `22/Nov/2026:18:12:48.778`
pub(crate) fn write_log_date_ms(at: Duration, offset: i32, out: &mut Vec<u8>) {
    let c = Civil::at(at.as_secs() as i64, offset);
    let month = &c.month_name()[..3];
    _ = write!(out, "{:02}/{month}/{:04}:{:02}:{:02}:{:02}", c.day, c.year, c.hour, c.minute, c.second);
    _ = write!(out, ".{:03}", at.subsec_millis());
}

/// `Sun, 22 Nov 2026 18:12:48 GMT`
pub(crate) fn http_date(epoch: i64) -> String {
    let c = Civil::at(epoch, 0);
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        &c.day_name()[..3],
        c.day,
        &c.month_name()[..3],
        c.year,
        c.hour,
        c.minute,
        c.second
    )
}

/// A date in the form that `format` gives, in the way of strftime(3) in the C locale.
pub(crate) fn strftime(format: &str, civil: &Civil) -> String {
    let mut out = String::with_capacity(format.len() * 2);
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => conversion(chars.next(), civil, &mut out),
            c => out.push(c),
        }
    }
    out
}

fn conversion(letter: Option<char>, c: &Civil, out: &mut String) {
    use std::fmt::Write;
    let hour12 = (c.hour + 11) % 12 + 1;
    let monday = (c.weekday + 6) % 7;
    // Writing to a string cannot fail.
    _ = match letter {
        Some('Y') => write!(out, "{}", c.year),
        Some('C') => write!(out, "{:02}", c.year.div_euclid(100)),
        Some('y') => write!(out, "{:02}", c.year.rem_euclid(100)),
        Some('m') => write!(out, "{:02}", c.month),
        Some('d') => write!(out, "{:02}", c.day),
        Some('e') => write!(out, "{:2}", c.day),
        Some('H') => write!(out, "{:02}", c.hour),
        Some('k') => write!(out, "{:2}", c.hour),
        Some('I') => write!(out, "{hour12:02}"),
        Some('l') => write!(out, "{hour12:2}"),
        Some('M') => write!(out, "{:02}", c.minute),
        Some('S') => write!(out, "{:02}", c.second),
        Some('p') => write!(out, "{}", if c.hour < 12 { "AM" } else { "PM" }),
        Some('P') => write!(out, "{}", if c.hour < 12 { "am" } else { "pm" }),
        Some('A') => write!(out, "{}", c.day_name()),
        Some('a') => write!(out, "{}", &c.day_name()[..3]),
        Some('B') => write!(out, "{}", c.month_name()),
        Some('b' | 'h') => write!(out, "{}", &c.month_name()[..3]),
        Some('j') => write!(out, "{:03}", c.yearday + 1),
        Some('u') => write!(out, "{}", monday + 1),
        Some('w') => write!(out, "{}", c.weekday),
        Some('U') => write!(out, "{:02}", (c.yearday + 7 - u16::from(c.weekday)) / 7),
        Some('W') => write!(out, "{:02}", (c.yearday + 7 - u16::from(monday)) / 7),
        Some('V') => write!(out, "{:02}", iso_week(c).1),
        Some('G') => write!(out, "{}", iso_week(c).0),
        Some('g') => write!(out, "{:02}", iso_week(c).0.rem_euclid(100)),
        Some('s') => write!(out, "{}", c.epoch),
        Some('z') => write!(out, "{}", c.zone()),
        Some('Z') if c.is_gmt => write!(out, "GMT"),
        Some('Z') => write!(out, "{}", if c.offset == 0 { "UTC".to_owned() } else { c.zone() }),
        Some('n') => out.write_char('\n'),
        Some('t') => out.write_char('\t'),
        Some('%') => write!(out, "%"),
        Some('D' | 'x') => write!(out, "{}", strftime("%m/%d/%y", c)),
        Some('F') => write!(out, "{}", strftime("%Y-%m-%d", c)),
        Some('T' | 'X') => write!(out, "{}", strftime("%H:%M:%S", c)),
        Some('R') => write!(out, "{}", strftime("%H:%M", c)),
        Some('r') => write!(out, "{}", strftime("%I:%M:%S %p", c)),
        Some('c') => write!(out, "{}", strftime("%a %b %e %H:%M:%S %Y", c)),
        Some(other) => write!(out, "%{other}"),
        None => write!(out, "%"),
    };
}

/// Year and week by ISO 8601: weeks begin on Monday, and the first has the year's first Thursday.
fn iso_week(c: &Civil) -> (i64, i64) {
    let monday = i64::from((c.weekday + 6) % 7);
    let week = (i64::from(c.yearday) - monday + 10) / 7;
    let weeks_of = |year: i64| {
        let first = (days_before(year, 1) + 3).rem_euclid(7);
        let leap = days_before(year + 1, 1) - days_before(year, 1) == 366;
        if first == 3 || (first == 2 && leap) { 53 } else { 52 }
    };
    if week < 1 {
        (c.year - 1, weeks_of(c.year - 1))
    } else if week > weeks_of(c.year) {
        (c.year + 1, 1)
    } else {
        (c.year, week)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values are date(1)'s.
    #[test]
    fn dates_are_those_of_date() {
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http_date(951_827_696), "Tue, 29 Feb 2000 12:34:56 GMT");
        assert_eq!(http_date(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
        let at = |epoch, format| strftime(format, &Civil::at(epoch, 3600));
        assert_eq!(at(1_795_371_168, "%Y%m%d%H%M%S %z"), "20261122191248 +0100");
        assert_eq!(
            at(1_795_371_168, "%a %b %e %j %U %W %V %G %u %p %I"),
            "Sun Nov 22 326 47 46 47 2026 7 PM 07"
        );
        assert_eq!(strftime("%V %G %j", &Civil::at(1_609_459_200, 0)), "53 2020 001");
        assert_eq!(strftime("%Q%", &Civil::at(0, 0)), "%Q%");
    }

    #[test]
    fn log_dates_have_their_zone() {
        let mut out = Vec::new();
        write_log_date_ms(Duration::from_millis(1_795_371_168_778), 0, &mut out);
        out.push(b'|');
        write_log_date(Duration::from_secs(1_795_371_168), -5400, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "22/Nov/2026:18:12:48.778|22/Nov/2026:16:42:48 -0130");
    }
}
