//! How to ask, and what a change is about, in words.

use coalmine::config::{Canaries, Canary};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A request for the first host that is one, none if all are wildcards.
pub(super) fn first_request(canaries: &Canaries, listener: SocketAddr) -> Option<String> {
    let all = canaries.canaries.iter();
    let mut hosts = all.flat_map(|canary| &canary.spec.hosts);
    let host = hosts.find(|host| !host.starts_with('*'))?;
    Some(format!("curl -H 'host: {host}' http://{listener}/"))
}

/// One line for each canary that came, went or changed.
pub(super) fn changes(before: &Canaries, after: &Canaries) -> Vec<String> {
    let find = |canaries: &Canaries, name: &str| {
        let mut all = canaries.canaries.iter();
        all.find(|canary| canary.full_name() == name).cloned()
    };
    let names: BTreeSet<String> = before
        .canaries
        .iter()
        .chain(&after.canaries)
        .map(Canary::full_name)
        .collect();
    let mut lines = Vec::new();
    for name in names {
        match (find(before, &name), find(after, &name)) {
            (None, Some(canary)) => {
                lines.push(format!("{name}: new, for {}", canary.spec.hosts.join(", ")));
            }
            (Some(_), None) => lines.push(format!("{name}: gone")),
            (Some(old), Some(new)) if old != new => lines.push(changed(&name, &old, &new)),
            _ => {}
        }
    }
    lines
}

fn changed(name: &str, old: &Canary, new: &Canary) -> String {
    let share = |canary: &Canary, variant: &str| {
        let mut shares = canary.spec.shares.iter();
        let found = shares.find(|(other, _)| other == variant);
        found.map_or_else(|| "0%".to_owned(), |(_, share)| share.to_string())
    };
    let variants = old.spec.shares.iter().chain(&new.spec.shares);
    let variants: BTreeSet<&str> = variants.map(|(variant, _)| variant.as_str()).collect();
    let mut parts: Vec<String> = variants
        .into_iter()
        .map(|variant| (variant, share(old, variant), share(new, variant)))
        .filter(|(_, before, after)| before != after)
        .map(|(variant, before, after)| format!("share {variant} {before} -> {after}"))
        .collect();
    let mut rest = old.clone();
    rest.spec.shares.clone_from(&new.spec.shares);
    if rest != *new {
        parts.push(
            if parts.is_empty() {
                "changed"
            } else {
                "and more"
            }
            .to_owned(),
        );
    }
    format!("{name}: {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine::yaml::{self, Source};

    const ONE: &str = "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: shop}
spec:
  hosts: [shop]
  variants: {stable: {}, canary: {}}
  default: stable
  shares: {canary: 5%}
  unit: [{header: x-user-id}]
";

    fn read(text: &str) -> Canaries {
        let source = Source {
            name: "a.yaml".to_owned(),
            text: text.to_owned(),
        };
        yaml::read(&[source]).0
    }

    #[test]
    fn the_first_request_is_for_a_host_that_is_one() {
        let check = |hosts: &[&str], listener: &str, expected: Option<&str>| {
            let canaries = hosts.iter().enumerate().map(|(number, hosts)| {
                ONE.replace("name: shop", &format!("name: c{number}"))
                    .replace("hosts: [shop]", &format!("hosts: [{hosts}]"))
            });
            let canaries = read(&canaries.collect::<Vec<_>>().join("---\n"));
            assert_eq!(canaries.canaries.len(), hosts.len(), "{hosts:?}");
            let request = first_request(&canaries, listener.parse().unwrap());
            assert_eq!(request.as_deref(), expected, "{hosts:?}");
        };
        let shop = "curl -H 'host: shop' http://127.0.0.1:10000/";
        check(&["shop, cart"], "127.0.0.1:10000", Some(shop));
        check(
            &["'*.example.com', '*'", "shop"],
            "127.0.0.1:10000",
            Some(shop),
        );
        check(
            &["'*.example.com', cart.example.com"],
            "[::1]:8080",
            Some("curl -H 'host: cart.example.com' http://[::1]:8080/"),
        );
        check(&["'*'", "'*.example.com'"], "127.0.0.1:10000", None);
        check(&[], "127.0.0.1:10000", None);
    }

    #[test]
    fn a_change_is_said_in_a_line() {
        let check = |after: &str, expected: &[&str]| {
            assert_eq!(changes(&read(ONE), &read(after)), expected);
        };
        check(ONE, &[]);
        check(&ONE.replace("5%", "20%"), &["shop: share canary 5% -> 20%"]);
        check(
            &ONE.replace("{canary: 5%}", "{}"),
            &["shop: share canary 5% -> 0%"],
        );
        check(&ONE.replace("x-user-id", "x-id"), &["shop: changed"]);
        let both = ONE.replace("5%", "20%").replace("x-user-id", "x-id");
        check(&both, &["shop: share canary 5% -> 20%, and more"]);
        let other = ONE.replace("shop", "cart");
        check(&other, &["cart: new, for cart", "shop: gone"]);
        check(&format!("{ONE}---\n{other}"), &["cart: new, for cart"]);
    }
}
