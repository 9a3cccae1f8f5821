//! HTTP/1 messages as the test clients and origins see them: what is on the wire, without interpretation.

use std::io::{self, BufRead, Read};

/// The header lines of a message, names as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// The first value of a header; upper and lower case are the same.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.lines(name).next()
    }

    /// All values of a header, line by line.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.lines(name).collect()
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether a header's list of words holds `word`.
    pub fn has_word(&self, name: &str, word: &str) -> bool {
        self.lines(name).flat_map(|value| value.split(',')).any(|w| w.trim().eq_ignore_ascii_case(word))
    }
}

/// The first line and the headers of a message.
#[derive(Clone, Debug)]
pub struct Head {
    /// The request line or the status line.
    pub line: String,
    /// What follows it.
    pub headers: Headers,
}

/// Reads up to the empty line; `None` if the stream ends before the first byte.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let Some(line) = read_line(reader)? else { return Ok(None) };
    let mut headers = Headers::default();
    loop {
        let Some(header) = read_line(reader)? else { return Err(io::ErrorKind::UnexpectedEof.into()) };
        if header.is_empty() {
            return Ok(Some(Head { line, headers }));
        }
        let (name, value) = header.split_once(':').ok_or_else(|| invalid(&header))?;
        headers.0.push((name.to_owned(), value.trim().to_owned()));
    }
}

impl Head {
    /// Reads the body of a request.
    pub fn read_request_body(&self, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if self.chunked() {
            return read_chunks(reader);
        }
        read_exactly(reader, self.content_length()?.unwrap_or(0))
    }

    /// Reads the body of the response to a request with `method`.
    pub fn read_response_body(&self, method: &str, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        if method == "HEAD" || matches!(self.status()?, 100..=199 | 204 | 304) {
            return Ok(Vec::new());
        }
        if self.chunked() {
            return read_chunks(reader);
        }
        match self.content_length()? {
            Some(length) => read_exactly(reader, length),
            None => {
                let mut body = Vec::new();
                reader.read_to_end(&mut body)?;
                Ok(body)
            }
        }
    }

    /// The status of a response.
    pub fn status(&self) -> io::Result<u16> {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(|| invalid(&self.line))
    }

    fn chunked(&self) -> bool {
        self.headers.has_word("transfer-encoding", "chunked")
    }

    fn content_length(&self) -> io::Result<Option<u64>> {
        self.headers.get("content-length").map(|v| v.parse().map_err(|_| invalid(v))).transpose()
    }
}

fn read_exactly(reader: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("{} of {length} bytes", body.len()),
        ));
    }
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| invalid(&line))?;
        if size == 0 {
            break;
        }
        body.extend(read_exactly(reader, size)?);
        read_line(reader)?;
    }
    // Trailers, up to the empty line.
    while !read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?.is_empty() {}
    Ok(body)
}

/// Reads one line without its end; `None` at the end of the stream.
pub fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    // More than any head line of a test; a peer that sends no line feed must not fill the memory.
    let n = reader.by_ref().take(64 * 1024).read_until(b'\n', &mut line)?;
    if n == 0 {
        return Ok(None);
    }
    let end = line.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |i| i + 1);
    Ok(Some(String::from_utf8_lossy(line.get(..end).unwrap_or_default()).into_owned()))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {text:?}"))
}
