//! The machine, as the configuration's loader sees it.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use lb_conf::host::Host;
use nix::unistd::{Group, User};

/// This machine: its files, the process's environment, the system's resolver and user database.
pub(crate) struct System;

impl Host for System {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn list(&self, path: &Path) -> io::Result<Option<Vec<PathBuf>>> {
        if !std::fs::metadata(path)?.is_dir() {
            return Ok(None);
        }
        std::fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<_>>().map(Some)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn addresses(&self, name: &str) -> Vec<IpAddr> {
        // The resolver wants a port; none of it reaches the answer.
        (name, 0).to_socket_addrs().map(|found| found.map(|a| a.ip()).collect()).unwrap_or_default()
    }

    fn user_id(&self, name: &str) -> Option<u32> {
        User::from_name(name).ok().flatten().map(|user| user.uid.as_raw())
    }

    fn group_id(&self, name: &str) -> Option<u32> {
        Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
    }

    fn hostname(&self) -> String {
        nix::unistd::gethostname()
            .map_or_else(|_| "localhost".to_owned(), |n| n.to_string_lossy().into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_have_ids() {
        assert_eq!(System.user_id("root"), Some(0));
        assert_eq!(System.group_id("root"), Some(0));
        assert_eq!(System.user_id("no-such-user-here"), None);
    }

    #[test]
    fn a_folder_is_listed_and_a_file_is_not() {
        assert!(System.list(Path::new("/etc")).unwrap().unwrap().contains(&PathBuf::from("/etc/passwd")));
        assert_eq!(System.list(Path::new("/etc/passwd")).unwrap(), None);
        assert!(System.list(Path::new("/no/such/place")).is_err());
    }

    #[test]
    fn addresses_of_literals_need_no_name_server() {
        assert_eq!(System.addresses("127.0.0.1"), ["127.0.0.1".parse::<IpAddr>().unwrap()]);
    }
}
