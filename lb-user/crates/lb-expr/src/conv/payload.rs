//! Messages of other protocols in payloads: FIX and MQTT.

use crate::args::{ArgError, ArgKind, Args, need};
use crate::cast::parse_int;
use crate::sample::Sample;
use crate::sample::SampleType::{Bin, Bool, Str};
use crate::table::{Convert, ConverterRow, convert_with};

type Built = Result<Box<dyn Convert>, ArgError>;

pub(super) static ROWS: &[ConverterRow] = &[
    ConverterRow::refused(
        "protobuf",
        (Bin, Bin),
        "a field of a Protocol Buffers message",
        "there is no decoder of Protocol Buffers",
    ),
    ConverterRow::refused(
        "ungrpc",
        (Bin, Bin),
        "a field of a gRPC message",
        "there is no decoder of Protocol Buffers",
    ),
    ConverterRow::plain(
        "fix_is_valid",
        (Bin, Bool),
        "whether it is a FIX message; nothing where it is cut off",
        "req.payload(0,0),fix_is_valid",
        |s| fix_is_valid(s.data()?).map(Sample::Bool),
    ),
    ConverterRow::with(
        "fix_tag_value",
        &[need("tag", ArgKind::Str)],
        (Bin, Bin),
        "the value of a tag in a FIX message",
        "req.payload(0,0),fix_tag_value(MsgType)",
        fix_tag_value,
    ),
    ConverterRow::with(
        "mqtt_field_value",
        &[need("packettype", ArgKind::Str), need("fieldname_or_property_ID", ArgKind::Str)],
        (Bin, Str),
        "a field or a property of an MQTT message CONNECT or CONNACK",
        "req.payload(0,0),mqtt_field_value(connect,client_identifier)",
        mqtt_field_value,
    ),
    ConverterRow::plain(
        "mqtt_is_valid",
        (Bin, Bool),
        "whether it is an MQTT message CONNECT or CONNACK",
        "req.payload(0,0),mqtt_is_valid",
        |s| Some(Sample::Bool(Mqtt::parse(s.data()?).is_some())),
    ),
];

/// What ends a FIX field.
const SOH: u8 = 1;

/// Tags that have names here, as HAProxy has them.
const FIX_TAGS: &[(&str, u32)] = &[
    ("BeginString", 8),
    ("BodyLength", 9),
    ("CheckSum", 10),
    ("MsgType", 35),
    ("SenderCompID", 49),
    ("TargetCompID", 56),
];

fn fix_tag_value(args: &mut Args<'_>) -> Built {
    let text = args.str(0);
    let tag = match FIX_TAGS.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        Some((_, tag)) => *tag,
        None => text
            .parse()
            .map_err(|_| ArgError::new(0, format!("`{text}` is neither a number nor a known tag")))?,
    };
    Ok(convert_with(tag, |tag, s, _| {
        let (from, len) = fix_fields(s.data()?).flatten().find(|f| f.tag == *tag).map(|f| (f.at, f.len))?;
        super::text::slice(s, from, from + len)
    }))
}

/// A field of a FIX message: where its value stands.
struct FixField {
    tag: u32,
    at: usize,
    len: usize,
}

/// The fields of a message. None for one that is malformed; what is not ended is left out.
fn fix_fields(bytes: &[u8]) -> impl Iterator<Item = Option<FixField>> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let end = memchr::memchr(SOH, rest)?;
        let start = at;
        at += end + 1;
        Some(memchr::memchr(b'=', &rest[..end]).and_then(|equals| {
            let tag = std::str::from_utf8(&rest[..equals]).ok()?.parse().ok()?;
            let len = end - equals - 1;
            (len > 0).then_some(FixField { tag, at: start + equals + 1, len })
        }))
    })
}

/// None where more bytes must come first.
fn fix_is_valid(bytes: &[u8]) -> Option<bool> {
    let mut fields = fix_fields(bytes);
    let value = |f: &FixField| &bytes[f.at..f.at + f.len];
    let Some(begin) = fields.next()? else { return Some(false) };
    let version = value(&begin);
    if begin.tag != 8 || !(version.starts_with(b"FIX.4.") || version.starts_with(b"FIXT.1.")) {
        return Some(false);
    }
    let Some(length) = fields.next()?.filter(|f| f.tag == 9) else { return Some(false) };
    let Some(body) = std::str::from_utf8(value(&length)).ok().and_then(|t| t.parse::<usize>().ok()) else {
        return Some(false);
    };
    // The body begins behind its length, and the checksum follows it.
    let body_at = length.at + length.len + 1;
    let sum_at = body_at.checked_add(body)?;
    let trailer = bytes.get(sum_at..sum_at.checked_add(b"10=000\x01".len())?)?;
    let sum = bytes[..sum_at].iter().fold(0u8, |sum, b| sum.wrapping_add(*b));
    let kind = fix_fields(&bytes[body_at..sum_at]).next();
    let whole = fix_fields(bytes).all(|f| f.is_some()) && bytes[sum_at - 1] == SOH;
    let typed = matches!(kind, Some(Some(f)) if f.tag == 35);
    Some(whole && typed && trailer == format!("10={sum:03}\x01").as_bytes())
}

/// A message CONNECT or CONNACK of MQTT 3.1, 3.1.1 or 5.0.
enum Mqtt<'a> {
    Connect(Connect<'a>),
    Connack { flags: u8, reason: u8, properties: &'a [u8], version5: bool },
}

#[derive(Default)]
struct Connect<'a> {
    protocol: &'a [u8],
    version: u8,
    flags: u8,
    keepalive: u16,
    properties: &'a [u8],
    client: &'a [u8],
    will_topic: Option<&'a [u8]>,
    will_payload: Option<&'a [u8]>,
    will_properties: &'a [u8],
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
}

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn number(&mut self, width: usize) -> Option<u32> {
        Some(self.take(width)?.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
    }

    /// Bytes behind their length of two bytes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let len = self.number(2)?;
        self.take(len as usize)
    }

    /// Up to four bytes of seven bits, the lowest first.
    fn varint(&mut self) -> Option<usize> {
        let mut n = 0;
        for shift in [0, 7, 14, 21] {
            let b = self.byte()?;
            n |= usize::from(b & 0x7f) << shift;
            if b & 0x80 == 0 {
                return Some(n);
            }
        }
        None
    }

    fn properties(&mut self) -> Option<&'a [u8]> {
        let len = self.varint()?;
        self.take(len)
    }
}

impl<'a> Mqtt<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let head = reader.byte()?;
        let length = reader.varint()?;
        let mut body = Reader(reader.take(length)?);
        // The low bits of the first byte are reserved in both.
        let message = match (head >> 4, head & 0xf) {
            (CONNECT, 0) => Self::Connect(Connect::parse(&mut body)?),
            (CONNACK, 0) => Self::connack(&mut body)?,
            _ => return None,
        };
        (body.0.is_empty() && reader.0.is_empty()).then_some(message)
    }

    fn connack(body: &mut Reader<'a>) -> Option<Self> {
        let (flags, reason) = (body.byte()?, body.byte()?);
        let version5 = !body.0.is_empty();
        let properties = if version5 { body.properties()? } else { &[] };
        (flags & !1 == 0).then_some(Self::Connack { flags, reason, properties, version5 })
    }
}

impl<'a> Connect<'a> {
    fn parse(body: &mut Reader<'a>) -> Option<Self> {
        let mut c =
            Self { protocol: body.string()?, version: body.byte()?, flags: body.byte()?, ..Self::default() };
        let known = matches!((c.protocol, c.version), (b"MQTT", 4 | 5) | (b"MQIsdp", 3));
        if !known || c.flags & 1 != 0 {
            return None;
        }
        c.keepalive = u16::try_from(body.number(2)?).ok()?;
        if c.version == 5 {
            c.properties = body.properties()?;
        }
        c.client = body.string()?;
        if c.flags & 0x04 != 0 {
            if c.version == 5 {
                c.will_properties = body.properties()?;
            }
            c.will_topic = Some(body.string()?);
            c.will_payload = Some(body.string()?);
        }
        if c.flags & 0x80 != 0 {
            c.user = Some(body.string()?);
        }
        if c.flags & 0x40 != 0 {
            c.password = Some(body.string()?);
        }
        Some(c)
    }
}

/// What `mqtt_field_value` asks for.
#[derive(Clone, Copy)]
enum MqttField {
    Flags,
    ProtocolName,
    ProtocolVersion,
    ClientIdentifier,
    WillTopic,
    WillPayload,
    Username,
    Password,
    Keepalive,
    ReasonCode,
    Property(u8),
}

const CONNECT_FIELDS: &[(&str, MqttField)] = &[
    ("flags", MqttField::Flags),
    ("protocol_name", MqttField::ProtocolName),
    ("protocol_version", MqttField::ProtocolVersion),
    ("client_identifier", MqttField::ClientIdentifier),
    ("will_topic", MqttField::WillTopic),
    ("will_payload", MqttField::WillPayload),
    ("username", MqttField::Username),
    ("password", MqttField::Password),
    ("keepalive", MqttField::Keepalive),
];
const CONNECT_PROPERTIES: &[u8] = &[17, 33, 39, 34, 25, 23, 21, 22, 24, 1, 2, 3, 8, 9];
const CONNACK_FIELDS: &[(&str, MqttField)] = &[
    ("flags", MqttField::Flags),
    ("protocol_version", MqttField::ProtocolVersion),
    ("reason_code", MqttField::ReasonCode),
];
const CONNACK_PROPERTIES: &[u8] = &[17, 33, 36, 37, 39, 18, 34, 31, 40, 41, 42, 19, 26, 28, 21, 22];

fn mqtt_field_value(args: &mut Args<'_>) -> Built {
    let kind = match args.str(0).to_ascii_lowercase().as_str() {
        "connect" | "1" => CONNECT,
        "connack" | "2" => CONNACK,
        other => return Err(ArgError::new(0, format!("`{other}` is neither connect nor connack"))),
    };
    let (fields, properties) = match kind {
        CONNECT => (CONNECT_FIELDS, CONNECT_PROPERTIES),
        _ => (CONNACK_FIELDS, CONNACK_PROPERTIES),
    };
    let name = args.str(1);
    let property = || parse_int(name).and_then(|n| u8::try_from(n).ok()).filter(|n| properties.contains(n));
    let field = fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, f)| *f);
    let field = field
        .or_else(|| property().map(MqttField::Property))
        .ok_or_else(|| ArgError::new(1, format!("`{name}` is no field of that message")))?;
    Ok(convert_with((kind, field), |(kind, field), s, _| {
        let value = match (Mqtt::parse(s.data()?)?, *kind) {
            (Mqtt::Connect(c), CONNECT) => connect_value(&c, *field),
            (Mqtt::Connack { flags, reason, properties, version5 }, CONNACK) => match field {
                MqttField::Flags => Some(flags.to_string().into_bytes()),
                MqttField::ReasonCode => Some(reason.to_string().into_bytes()),
                MqttField::ProtocolVersion => version5.then(|| b"5".to_vec()),
                MqttField::Property(id) => find_property(properties, *id),
                _ => None,
            },
            _ => None,
        };
        value.map(Sample::str)
    }))
}

fn connect_value(c: &Connect<'_>, field: MqttField) -> Option<Vec<u8>> {
    let number = |n: u16| Some(n.to_string().into_bytes());
    match field {
        MqttField::Flags => number(c.flags.into()),
        MqttField::ProtocolName => Some(c.protocol.to_vec()),
        MqttField::ProtocolVersion => number(c.version.into()),
        MqttField::ClientIdentifier => Some(c.client.to_vec()),
        MqttField::WillTopic => c.will_topic.map(<[u8]>::to_vec),
        MqttField::WillPayload => c.will_payload.map(<[u8]>::to_vec),
        MqttField::Username => c.user.map(<[u8]>::to_vec),
        MqttField::Password => c.password.map(<[u8]>::to_vec),
        MqttField::Keepalive => number(c.keepalive),
        MqttField::ReasonCode => None,
        MqttField::Property(id) => {
            find_property(c.properties, id).or_else(|| find_property(c.will_properties, id))
        }
    }
}

/// The value of a property (MQTT 5.0, section 2.2.2.2), numbers in decimal.
fn find_property(properties: &[u8], wanted: u8) -> Option<Vec<u8>> {
    let mut reader = Reader(properties);
    loop {
        let id = reader.byte()?;
        let value = match id {
            1 | 23 | 25 | 36 | 37 | 40 | 41 | 42 => reader.number(1)?.to_string().into_bytes(),
            19 | 33 | 34 | 35 => reader.number(2)?.to_string().into_bytes(),
            2 | 17 | 24 | 39 => reader.number(4)?.to_string().into_bytes(),
            11 => reader.varint()?.to_string().into_bytes(),
            38 => {
                reader.string()?;
                reader.string()?.to_vec()
            }
            _ => reader.string()?.to_vec(),
        };
        if id == wanted {
            return Some(value);
        }
    }
}
