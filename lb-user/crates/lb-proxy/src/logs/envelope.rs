//! What goes around a message, by the `format` of its target.

use std::io::Write;

use lb_conf::model::{Facility, LogFraming, LogLevel};

use super::LocalTime;

/// What an envelope says about a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'a> {
    pub(super) framing: LogFraming,
    /// The structured data of RFC 5424.
    pub(super) structured: Option<&'a [u8]>,
    pub(super) facility: Facility,
    pub(super) level: LogLevel,
    pub(super) time: LocalTime,
    pub(super) micros: u32,
    pub(super) hostname: Option<&'a str>,
    pub(super) tag: &'a str,
    pub(super) pid: u32,
}

impl Envelope<'_> {
    /// Writes what comes before the message.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        // A vector takes whatever is written to it.
        let _ = match self.framing {
            LogFraming::Local => self.rfc3164(out, None),
            LogFraming::Unsaid => self.rfc3164(out, self.hostname),
            LogFraming::Rfc3164 => self.rfc3164(out, Some(self.hostname.unwrap_or("localhost"))),
            LogFraming::Rfc5424 => write!(out, "<{}>1 ", self.priority()).and_then(|()| self.rfc5424(out)),
            LogFraming::Priority => write!(out, "<{}>", self.priority()),
            LogFraming::Short => write!(out, "<{}>", self.level as u8),
            LogFraming::Timed => write!(out, "<{}>", self.level as u8).and_then(|()| self.iso(out, ' ')),
            LogFraming::Iso => self.iso(out, ' '),
            LogFraming::Raw => Ok(()),
        };
    }

    fn priority(&self) -> u32 {
        u32::from(self.facility.0) * 8 + self.level as u32
    }

    fn rfc3164(&self, out: &mut Vec<u8>, hostname: Option<&str>) -> std::io::Result<()> {
        let t = &self.time;
        let date = (t.month_name(), t.day, t.hour, t.minute, t.second);
        write!(
            out,
            "<{}>{} {:2} {:02}:{:02}:{:02} ",
            self.priority(),
            date.0,
            date.1,
            date.2,
            date.3,
            date.4
        )?;
        if let Some(hostname) = hostname {
            write!(out, "{hostname} ")?;
        }
        write!(out, "{}[{}]: ", self.tag, self.pid)
    }

    fn rfc5424(&self, out: &mut Vec<u8>) -> std::io::Result<()> {
        self.iso(out, ' ')?;
        write!(out, "{} {} {} - ", self.hostname.unwrap_or("-"), self.tag, self.pid)?;
        out.extend_from_slice(self.structured.filter(|data| !data.is_empty()).unwrap_or(b"-"));
        out.push(b' ');
        Ok(())
    }

    fn iso(&self, out: &mut Vec<u8>, end: char) -> std::io::Result<()> {
        let t = &self.time;
        write!(out, "{:04}-{:02}-{:02}T", t.year, t.month, t.day)?;
        write!(out, "{:02}:{:02}:{:02}.{:06}", t.hour, t.minute, t.second, self.micros)?;
        let (sign, minutes) = (if t.offset < 0 { '-' } else { '+' }, t.offset.unsigned_abs() / 60);
        write!(out, "{sign}{:02}:{:02}{end}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(framing: LogFraming, hostname: Option<&str>) -> String {
        let time = LocalTime { year: 2026, month: 4, day: 3, hour: 1, minute: 2, second: 3, offset: 7200 };
        let (facility, level) = (Facility(16), LogLevel::Info);
        let structured = None;
        let envelope =
            Envelope { framing, structured, facility, level, time, micros: 45, hostname, tag: "lbx", pid: 7 };
        let mut out = Vec::new();
        envelope.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_has_its_envelope() {
        let rows = [
            (LogFraming::Local, None, "<134>Apr  3 01:02:03 lbx[7]: "),
            (LogFraming::Local, Some("h"), "<134>Apr  3 01:02:03 lbx[7]: "),
            (LogFraming::Unsaid, None, "<134>Apr  3 01:02:03 lbx[7]: "),
            (LogFraming::Unsaid, Some("h"), "<134>Apr  3 01:02:03 h lbx[7]: "),
            (LogFraming::Rfc3164, None, "<134>Apr  3 01:02:03 localhost lbx[7]: "),
            (LogFraming::Rfc5424, Some("h"), "<134>1 2026-04-03T01:02:03.000045+02:00 h lbx 7 - - "),
            (LogFraming::Priority, Some("h"), "<134>"),
            (LogFraming::Short, None, "<6>"),
            (LogFraming::Timed, None, "<6>2026-04-03T01:02:03.000045+02:00 "),
            (LogFraming::Iso, Some("h"), "2026-04-03T01:02:03.000045+02:00 "),
            (LogFraming::Raw, None, ""),
        ];
        for (framing, hostname, expected) in rows {
            assert_eq!(written(framing, hostname), expected, "{framing:?}");
        }
    }
}
