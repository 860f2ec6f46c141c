//! Whether addresses are free: Envoy says late that one is not, or shares it in silence.

use crate::outcome::Failure;
use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

/// Checks that each address can be listened on now; the text is the option that gave it.
///
/// Envoy's listener would share its port with that of another Envoy of the same user, and each would get a
/// part of the requests. A listener of ours shares with nobody.
///
/// # Errors
/// One is in use, also by an earlier one of these, or is not of this machine.
pub(super) fn free(asked: &[(&str, SocketAddr)]) -> Result<(), Failure> {
    // Each is held until all are: two options may name the same.
    let mut held = Vec::new();
    for (option, address) in asked {
        if address.port() == 0 {
            continue;
        }
        match TcpListener::bind(address) {
            Ok(listener) => held.push(listener),
            // Envoy may be allowed what this command is not.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => return Err(taken(option, *address, &error)),
        }
    }
    Ok(())
}

fn taken(option: &str, address: SocketAddr, error: &Error) -> Failure {
    let what = match error.kind() {
        ErrorKind::AddrInUse => format!("{address} is in use"),
        _ => format!("cannot listen on {address}: {error}"),
    };
    Failure::cannot(format!("{what}; give another with {option}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_listened_on_is_named_with_its_option() {
        let check = |listen: SocketAddr, admin: SocketAddr, expected: &str| {
            let said = free(&[("--listen", listen), ("--admin", admin)]);
            let said = said.map_or_else(|failure| failure.message, |()| String::new());
            assert!(
                said.starts_with(expected) && said.is_empty() == expected.is_empty(),
                "{listen} {admin}: {said}"
            );
        };
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let holder = TcpListener::bind(any).unwrap();
        let held = holder.local_addr().unwrap();
        let foreign: SocketAddr = "192.0.2.1:10000".parse().unwrap();
        let in_use = |option| format!("error: {held} is in use; give another with {option}");
        check(any, any, "");
        check(held, any, &in_use("--listen"));
        check(any, held, &in_use("--admin"));
        check(foreign, any, "error: cannot listen on 192.0.2.1:10000: ");
        drop(holder);
        check(held, any, "");
        // The same twice.
        check(held, held, &in_use("--admin"));
    }
}
