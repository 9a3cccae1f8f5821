//! Who has which number, as it is kept in a map of its own: a daemon that takes over from one that was killed must give
//! each server the number that flows refer to.

use std::net::SocketAddr;

use lb_common::address::{Family, Wide, from_wide, to_wide};
use lb_common::label::{Label, NAME_MAX};
use lb_conf::model::Name;
use serde::{Deserialize, Serialize};

use crate::plan::{ServerName, ServiceName};

/// Whose a number is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Owner {
    /// Of a service.
    Service(ServiceName),
    /// Of a server.
    Server(ServerName),
}

/// The label of an owner. None: a name is too long.
pub fn of(owner: &Owner) -> Option<Label> {
    match owner {
        Owner::Service(name) => Some(Label {
            proxy: text(&name.frontend)?,
            server: [0; NAME_MAX],
            address: Wide::default(),
            port: name.port.unwrap_or(0),
            family: Family::None as u8,
            reserved: [0; 5],
        }),
        Owner::Server(name) => {
            let (family, address) = to_wide(name.address.ip());
            Some(Label {
                proxy: text(&name.backend)?,
                server: text(&name.server)?,
                address,
                port: name.address.port(),
                family: family as u8,
                reserved: [0; 5],
            })
        }
    }
}

/// The owner that it names. None: it is none that this program wrote.
pub fn owner(label: &Label) -> Option<Owner> {
    let proxy = name(&label.proxy)?;
    let family = match label.family {
        0 => {
            let port = Some(label.port).filter(|&p| p > 0);
            return Some(Owner::Service(ServiceName { frontend: proxy, port }));
        }
        4 => Family::V4,
        6 => Family::V6,
        _ => return None,
    };
    let address = SocketAddr::new(from_wide(family, &label.address)?, label.port);
    Some(Owner::Server(ServerName { backend: proxy, server: name(&label.server)?, address }))
}

impl Owner {
    /// The key of this owner's label under the number that it has.
    pub fn key(&self, number: u16) -> u32 {
        let kind = match self {
            Self::Service(_) => 0,
            Self::Server(_) => 1 << 16,
        };
        kind | u32::from(number)
    }
}

/// The number in the key of a label.
pub fn number(key: u32) -> u16 {
    (key & 0xffff) as u16
}

fn text(name: &str) -> Option<[u8; NAME_MAX]> {
    let mut field = [0; NAME_MAX];
    field.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(field)
}

fn name(field: &[u8; NAME_MAX]) -> Option<Name> {
    let end = field.iter().position(|&b| b == 0).unwrap_or(NAME_MAX);
    std::str::from_utf8(field.get(..end)?).ok().filter(|n| !n.is_empty()).map(Name::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str) -> Owner {
        let address = address.parse().unwrap();
        Owner::Server(ServerName { backend: "b".into(), server: "s1".into(), address })
    }

    fn service(frontend: &str, port: Option<u16>) -> Owner {
        Owner::Service(ServiceName { frontend: frontend.into(), port })
    }

    #[test]
    fn owners_survive_the_round_trip() {
        let long = "x".repeat(NAME_MAX);
        let owners = [
            server("10.0.0.1:80"),
            server("[2001:db8::1]:443"),
            service("front", None),
            service("front", Some(8080)),
            service(&long, None),
        ];
        for owner in owners {
            assert_eq!(super::owner(&of(&owner).unwrap()), Some(owner));
        }
    }

    #[test]
    fn a_name_that_does_not_fit_has_no_label() {
        assert_eq!(of(&service(&"x".repeat(NAME_MAX + 1), None)), None);
    }

    #[test]
    fn what_is_no_label_names_nobody() {
        let good = of(&server("10.0.0.1:80")).unwrap();
        assert_eq!(owner(&Label { family: 9, ..good }), None);
        assert_eq!(owner(&Label { proxy: [0; NAME_MAX], ..good }), None);
        assert_eq!(owner(&Label { server: [0xff; NAME_MAX], ..good }), None);
    }

    #[test]
    fn services_and_servers_of_a_number_have_different_keys() {
        let keys = [service("f", None).key(7), server("10.0.0.1:80").key(7)];
        assert_ne!(keys[0], keys[1]);
        assert_eq!(keys.map(number), [7, 7]);
    }
}
