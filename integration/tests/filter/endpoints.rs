//! Endpoints that are written as names.

use coalmine_integration::upstream::Upstream;

use crate::setting::{Setting, USUAL, read, shop, variant};

/// Envoy asks for both kinds of addresses of `localhost`, which has both wherever there is IPv6, and takes one.
#[test]
fn localhost_is_reached_where_only_ipv4_listens() {
    let names = ["stable", "canary"];
    let upstreams = names.map(|name| Upstream::start(&format!("shop/{name}")).unwrap());
    let mut canaries = read(USUAL);
    let variants = &mut canaries.canaries[0].spec.variants;
    for ((_, variant), upstream) in variants.iter_mut().zip(&upstreams) {
        assert!(upstream.address().is_ipv4());
        variant.endpoints = vec![format!("localhost:{}", upstream.address().port())];
    }
    let setting = Setting::of_endpoints(canaries);
    let client = setting.client();
    for name in names {
        let answer = client.send(&shop().header("x-canary", name)).unwrap();
        assert_eq!(variant(&answer), name);
    }
    setting.end_without_problems();
}
