//! Files of server states, as `show servers state` prints them (management.txt, section 9.3).

use super::{Admin, Operational, WEIGHT_MAX};
use crate::change::ForcedHealth;

/// What a file says of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedServer {
    /// The backend's name.
    pub backend: String,
    /// The server's name.
    pub server: String,
    /// Its state.
    pub state: SavedState,
}

/// The state of a server in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SavedState {
    /// What it did.
    pub operational: Operational,
    /// What was wanted of it.
    pub admin: Admin,
    /// Its weight.
    pub weight: u32,
    /// The weight that was configured.
    pub initial_weight: u32,
    /// Its port; None where it had none.
    pub port: Option<u16>,
}

impl SavedState {
    /// The health that its checks go on from.
    pub(super) fn health(&self) -> ForcedHealth {
        match self.operational {
            Operational::Stopped => ForcedHealth::Down,
            Operational::Stopping => ForcedHealth::Stopping,
            Operational::Starting | Operational::Running => ForcedHealth::Up,
        }
    }
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedStatesError {
    /// The first line is not the number of a version.
    #[error("it does not begin with the version of its format, which is 1")]
    Version,
    /// A line of a server cannot be read.
    #[error("line {0} does not describe a server")]
    Line(usize),
}

/// The servers of a file, each as it can be read; the version comes first.
///
/// # Errors
///
/// The version is not known.
pub fn saved_servers(
    text: &str,
) -> Result<impl Iterator<Item = Result<SavedServer, SavedStatesError>>, SavedStatesError> {
    let mut lines = text.lines().zip(1..);
    match lines.next() {
        Some((version, _)) if version.trim() == "1" => {}
        _ => return Err(SavedStatesError::Version),
    }
    let rest = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    Ok(rest.map(|(line, number)| server(line).ok_or(SavedStatesError::Line(number))))
}

/// Columns of a line (`show servers state`).
mod column {
    pub(super) const BACKEND: usize = 1;
    pub(super) const SERVER: usize = 3;
    pub(super) const OPERATIONAL: usize = 5;
    pub(super) const ADMIN: usize = 6;
    pub(super) const WEIGHT: usize = 7;
    pub(super) const INITIAL_WEIGHT: usize = 8;
    pub(super) const PORT: usize = 18;
}

fn server(line: &str) -> Option<SavedServer> {
    let columns: Vec<&str> = line.split_ascii_whitespace().collect();
    let at = |column: usize| columns.get(column).copied();
    let weight = |column| at(column)?.parse().ok().filter(|weight| *weight <= WEIGHT_MAX);
    let operational = match at(column::OPERATIONAL)? {
        "0" => Operational::Stopped,
        "1" => Operational::Starting,
        "2" => Operational::Running,
        "3" => Operational::Stopping,
        _ => return None,
    };
    let state = SavedState {
        operational,
        admin: Admin::from_bits(at(column::ADMIN)?.parse().ok()?)?,
        weight: weight(column::WEIGHT)?,
        initial_weight: weight(column::INITIAL_WEIGHT)?,
        port: at(column::PORT).and_then(|port| port.parse().ok()).filter(|port| *port > 0),
    };
    let name = |column| at(column).map(str::to_owned);
    Some(SavedServer { backend: name(column::BACKEND)?, server: name(column::SERVER)?, state })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_they_are_printed() {
        let text = "1\n# be_id be_name\n\n\
                    3 b 1 s 127.0.0.1 3 8 50 10 100 7 4 4 6 0 0 0 - 87 - 0 0 - - 0\n\
                    3 b 2 t 127.0.0.1 9 0 10 10 100 1 0 0 0 0 0 0 - 81 - 0 0 - - 0\n\
                    3 b 2 t 127.0.0.1 2 9 10 10\n3 b\n";
        let found: Vec<_> = saved_servers(text).unwrap().collect();
        let state = SavedState {
            operational: Operational::Stopping,
            admin: Admin::FORCED_DRAIN,
            weight: 50,
            initial_weight: 10,
            port: Some(87),
        };
        let server = SavedServer { backend: "b".into(), server: "s".into(), state };
        let wrong = |line| Err(SavedStatesError::Line(line));
        assert_eq!(found, [Ok(server), wrong(5), wrong(6), wrong(7)]);
        for text in ["", "2\n", "x"] {
            assert_eq!(saved_servers(text).err(), Some(SavedStatesError::Version), "{text}");
        }
    }
}
