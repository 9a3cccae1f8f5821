//! Values of statistics, and what is said about them.

use std::fmt;

/// A value of a statistics column.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The row has no such thing.
    None,
    /// At most 32 bits.
    U32(u32),
    /// At most 64 bits.
    U64(u64),
    /// At most 32 bits, with a sign.
    S32(i32),
    /// With a fraction.
    Float(f64),
    /// Text.
    Text(String),
}

impl Value {
    /// The type's name in typed output.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::None => "",
            Self::U32(_) => "u32",
            Self::U64(_) => "u64",
            Self::S32(_) => "s32",
            Self::Float(_) => "flt",
            Self::Text(_) => "str",
        }
    }

    /// A number that is cut at 32 bits.
    pub fn small(number: u64) -> Self {
        Self::U32(u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::U32(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::U64(number)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::U32(number) => write!(f, "{number}"),
            Self::U64(number) => write!(f, "{number}"),
            Self::S32(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:.3}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Origin, nature and scope of a value, as the three letters of typed output (management.txt, section 9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tags(pub &'static str);

impl Tags {
    fn letter(self, at: usize) -> char {
        self.0.chars().nth(at).unwrap_or(' ')
    }

    /// Where it comes from.
    pub fn origin(self) -> &'static str {
        match self.letter(0) {
            'M' => "Metric",
            'S' => "Status",
            'K' => "Key",
            'C' => "Config",
            'P' => "Product",
            _ => "Unknown",
        }
    }

    /// What it is.
    pub fn nature(self) -> &'static str {
        match self.letter(1) {
            'A' => "Age",
            'a' => "Avg",
            'C' => "Counter",
            'D' => "Duration",
            'G' => "Gauge",
            'L' => "Limit",
            'M' => "Max",
            'm' => "Min",
            'N' => "Name",
            'O' => "Output",
            'R' => "Rate",
            'T' => "Time",
            _ => "Unknown",
        }
    }

    /// For what it holds.
    pub fn scope(self) -> &'static str {
        match self.letter(2) {
            'C' => "Cluster",
            'P' => "Process",
            'S' => "Service",
            's' => "System",
            _ => "Unknown",
        }
    }
}
