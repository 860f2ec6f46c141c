//! What the `envoy` target makes of canaries.

use coalmine::config::Canaries;
use coalmine::yaml::{self, Source};
use coalmine_manifests::envoy::{self, Options};
use coalmine_manifests::kubernetes::{Origin, Provenance};
use coalmine_manifests::{Error, File};
use serde_json::Value;

const HEAD: &str = "apiVersion: coalmine.dev/v1alpha1\nkind: Canary\n";

fn canaries(text: &str) -> Canaries {
    let source = Source {
        name: "test.yaml".to_owned(),
        text: text.to_owned(),
    };
    let (canaries, found) = yaml::read(&[source]);
    assert!(found.is_empty(), "{found:?}");
    canaries
}

/// Two variants with these endpoints, for these hosts.
fn canary(hosts: &str, stable: &str, canary: &str) -> Canaries {
    canaries(&format!(
        "{HEAD}metadata: {{name: a, namespace: n}}
spec:
  hosts: {hosts}
  variants: {{stable: {{endpoints: {stable}}}, canary: {{endpoints: {canary}}}}}
  default: stable\n"
    ))
}

fn bootstrap(canaries: &Canaries, options: &Options) -> Value {
    let files = envoy::render(canaries, &Provenance::default(), options).unwrap();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, [envoy::BOOTSTRAP, envoy::PLUGIN]);
    serde_saphyr::from_str(&files[0].contents).unwrap()
}

fn manager(bootstrap: &Value) -> &Value {
    &bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
}

#[test]
fn domains_are_every_name_with_and_without_a_dot() {
    let check = |hosts: &str, domains: &[&str]| {
        let canaries = canary(hosts, "[\"127.0.0.1:1\"]", "[\"127.0.0.1:2\"]");
        let bootstrap = bootstrap(&canaries, &Options::default());
        let routes = &manager(&bootstrap)["route_config"];
        assert_eq!(routes["ignore_port_in_host_matching"], true);
        assert_eq!(routes["virtual_hosts"][0]["domains"], Value::from(domains));
    };
    check(
        "[Shop.Example.com:8080]",
        &["shop.example.com", "shop.example.com."],
    );
    // Envoy refuses a domain that is there twice.
    check("[a.b, A.b., a.b]", &["a.b", "a.b."]);
    check("['*.a.b', '*']", &["*.a.b", "*.a.b.", "*"]);
    check("['[2001:DB8::1]', '[::1]:80']", &["[2001:db8::1]", "[::1]"]);
    check(
        "[s]",
        &[
            "s",
            "s.",
            "s.n",
            "s.n.",
            "s.n.svc",
            "s.n.svc.",
            "s.n.svc.cluster.local",
            "s.n.svc.cluster.local.",
        ],
    );
}

#[test]
fn routes_ask_for_the_variant_header_and_end_with_the_default() {
    let mut canaries = canary("[s]", "[\"127.0.0.1:1\"]", "[\"127.0.0.1:2\"]");
    canaries.variant_header = "x-which".to_owned();
    let bootstrap = bootstrap(&canaries, &Options::default());
    let routes = &manager(&bootstrap)["route_config"]["virtual_hosts"][0]["routes"];
    let [canary, stable] = routes.as_array().unwrap().as_slice() else {
        panic!("{routes}");
    };
    assert_eq!(canary["match"]["headers"][0]["name"], "x-which");
    assert_eq!(
        canary["match"]["headers"][0]["string_match"]["exact"],
        "canary"
    );
    assert_eq!(canary["route"]["cluster"], "n/a/canary");
    assert_eq!(stable["match"].get("headers"), None);
    assert_eq!(stable["route"]["cluster"], "n/a/stable");
}

#[test]
fn clusters_resolve_names_and_take_addresses() {
    let check = |endpoints: &str, kind: &str, addresses: &[(&str, u16)]| {
        let canaries = canary("[s]", "[\"127.0.0.1:1\"]", endpoints);
        let bootstrap = bootstrap(&canaries, &Options::default());
        let cluster = &bootstrap["static_resources"]["clusters"][1];
        assert_eq!(cluster["type"], kind, "{endpoints}");
        // Where a name has both, servers that listen by IPv4 alone have to be found.
        let family = (kind == "STRICT_DNS").then_some("V4_PREFERRED");
        assert_eq!(cluster["dns_lookup_family"].as_str(), family, "{endpoints}");
        let made: Vec<(&str, u64)> = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|endpoint| &endpoint["endpoint"]["address"]["socket_address"])
            .map(|at| {
                (
                    at["address"].as_str().unwrap(),
                    at["port_value"].as_u64().unwrap(),
                )
            })
            .collect();
        let wanted: Vec<(&str, u64)> = addresses
            .iter()
            .map(|&(address, port)| (address, port.into()))
            .collect();
        assert_eq!(made, wanted, "{endpoints}");
    };
    check("['127.0.0.1:80']", "STATIC", &[("127.0.0.1", 80)]);
    check(
        "['[::1]:80', '10.0.0.1:81']",
        "STATIC",
        &[("::1", 80), ("10.0.0.1", 81)],
    );
    check("['a.b:80']", "STRICT_DNS", &[("a.b", 80)]);
    check(
        "['a.b:80', '10.0.0.1:81']",
        "STRICT_DNS",
        &[("a.b", 80), ("10.0.0.1", 81)],
    );
}

#[test]
fn what_a_canary_lacks_is_said_all_at_once() {
    let mut lacking = canary("[s]", "[]", "['127.0.0.1:1']");
    // The reader refuses these; whoever makes canaries by other means hears of them here.
    let endpoints = ["a b:80", "::1:80", ":80"].map(str::to_owned);
    lacking.canaries[0].spec.variants[1].1.endpoints = endpoints.to_vec();
    let Err(Error::Problems(problems)) =
        envoy::render(&lacking, &Provenance::default(), &Options::default())
    else {
        panic!("it was rendered");
    };
    let found: Vec<(&str, &str)> = problems
        .iter()
        .map(|problem| (problem.code, problem.path.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("no-endpoints", "spec.variants.stable"),
            ("bad-endpoint", "spec.variants.canary.endpoints[0]"),
            ("bad-endpoint", "spec.variants.canary.endpoints[1]"),
            ("bad-endpoint", "spec.variants.canary.endpoints[2]"),
        ]
    );
}

#[test]
fn the_watched_file_holds_the_config_byte_for_byte() {
    let canaries = canary("[s]", "['127.0.0.1:1']", "['127.0.0.1:2']");
    let options = Options::default();
    let json = |file: &File| -> Value { serde_json::from_str(&file.contents).unwrap() };
    let config = |file: &File| {
        let value = &json(file)["resources"][0]["typed_config"]["config"]["configuration"]["value"];
        value.as_str().unwrap().to_owned()
    };
    let version = |file: &File| json(file)["version_info"].as_str().unwrap().to_owned();

    let file = envoy::plugin_resource(&canaries, &Provenance::default(), &options).unwrap();
    assert_eq!(
        config(&file),
        coalmine::config::plugin_json(&canaries).unwrap()
    );
    assert_eq!(
        file,
        envoy::render(&canaries, &Provenance::default(), &options).unwrap()[1]
    );

    let broken = "{\"kind\": \"Plugin\", \u{1} \"broken";
    let other = envoy::filter_resource(broken, &options).unwrap();
    assert_eq!(config(&other), broken);
    // Envoy shows the version that is in force, so no two files may share one.
    assert_ne!(version(&file), version(&other));
    let reload = Options {
        failure_policy: envoy::FailurePolicy::Reload,
        ..options
    };
    let reload = envoy::plugin_resource(&canaries, &Provenance::default(), &reload).unwrap();
    assert_ne!(version(&file), version(&reload));
}

/// The file names its sources, and only its bytes change with them: for Envoy it is the same version.
#[test]
fn sources_are_named_and_are_no_change() {
    let canaries = canary("[s]", "['127.0.0.1:1']", "['127.0.0.1:2']");
    let from = |hash: &str| -> Provenance {
        let origin = Origin {
            file: "s.yaml".to_owned(),
            hash: hash.to_owned(),
        };
        [("n/a".to_owned(), origin)].into_iter().collect()
    };
    let resource = |provenance: &Provenance| -> Value {
        let file = envoy::plugin_resource(&canaries, provenance, &Options::default()).unwrap();
        serde_json::from_str(&file.contents).unwrap()
    };
    let bare = resource(&Provenance::default());
    for hash in ["sha256:1", "sha256:2"] {
        let said = resource(&from(hash));
        assert_eq!(said["version_info"], bare["version_info"]);
        let around = &said["resources"][0];
        assert_eq!(around["name"], envoy::FILTER);
        assert_eq!(around["resource"], bare["resources"][0]);
        let metadata = &around["metadata"]["filter_metadata"][envoy::FILTER];
        assert_eq!(metadata["coalmine.dev/source"], "s.yaml");
        assert_eq!(metadata["coalmine.dev/source-hash"], hash);
        let others = |provenance: &Provenance| {
            let options = Options {
                form: envoy::Form::Xds,
                ..Options::default()
            };
            let mut files = envoy::render(&canaries, provenance, &options).unwrap();
            files.retain(|file| file.name != envoy::PLUGIN);
            files
        };
        assert_eq!(others(&from(hash)), others(&Provenance::default()));
    }
}

#[test]
fn names_that_yaml_could_take_for_something_else_stay_names() {
    let canaries = canaries(&format!(
        "{HEAD}metadata: {{name: 'on'}}
spec:
  hosts: ['1e3', '0x10', 'null', 'no', '1.5']
  variants: {{'true': {{endpoints: ['127.0.0.1:1']}}, '1': {{endpoints: ['y:2']}}}}
  default: 'true'\n"
    ));
    let bootstrap = bootstrap(&canaries, &Options::default());
    let host = &manager(&bootstrap)["route_config"]["virtual_hosts"][0];
    assert_eq!(host["name"], "on");
    assert_eq!(
        host["domains"],
        Value::from(
            [
                "1e3", "1e3.", "0x10", "0x10.", "null", "null.", "no", "no.", "1.5", "1.5."
            ]
            .as_slice()
        )
    );
    assert_eq!(
        host["routes"][0]["match"]["headers"][0]["string_match"]["exact"],
        "1"
    );
}

#[test]
fn options_reach_the_bootstrap() {
    let canaries = canary("[s]", "['127.0.0.1:1']", "['127.0.0.1:2']");
    let bootstrap = bootstrap(
        &canaries,
        &Options {
            listen: "[::]:0".parse().unwrap(),
            admin: None,
            folder: "run".to_owned(),
            node_id: "a".to_owned(),
            node_cluster: "b".to_owned(),
            trusted_hops: 2,
            max_request_headers_kib: Some(8192),
            ..Options::default()
        },
    );
    assert_eq!(bootstrap.get("admin"), None);
    assert_eq!(bootstrap["node"]["id"], "a");
    assert_eq!(bootstrap["node"]["cluster"], "b");
    let listen = &bootstrap["static_resources"]["listeners"][0]["address"]["socket_address"];
    assert_eq!(
        (&listen["address"], &listen["port_value"]),
        (&"::".into(), &0.into())
    );
    let manager = manager(&bootstrap);
    assert_eq!(manager["xff_num_trusted_hops"], 2);
    assert_eq!(manager["max_request_headers_kb"], 8192);
    let source =
        &manager["http_filters"][0]["config_discovery"]["config_source"]["path_config_source"];
    assert_eq!(source["path"], "run/xds/coalmine.json");
    assert_eq!(source["watched_directory"]["path"], "run/xds");
}

#[test]
fn versions_are_spoken_to_in_their_protocol() {
    let check = |protocol: &str, http2: bool, timeout: Option<&str>| {
        let canaries = canaries(&format!(
            "{HEAD}metadata: {{name: a}}
spec:
  hosts: [s]
  protocol: {protocol}
  variants: {{stable: {{endpoints: ['127.0.0.1:1']}}, canary: {{endpoints: ['127.0.0.1:2']}}}}
  default: stable\n"
        ));
        let bootstrap = bootstrap(&canaries, &Options::default());
        for cluster in bootstrap["static_resources"]["clusters"]
            .as_array()
            .unwrap()
        {
            let options = &cluster["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
            let explicit = &options["explicit_http_config"];
            assert_eq!(
                explicit["http2_protocol_options"].is_object(),
                http2,
                "{protocol}"
            );
        }
        let routes = &manager(&bootstrap)["route_config"]["virtual_hosts"][0]["routes"];
        for route in routes.as_array().unwrap() {
            assert_eq!(route["route"]["timeout"].as_str(), timeout, "{protocol}");
        }
        // The filter has no use for it.
        let files = envoy::render(&canaries, &Provenance::default(), &Options::default()).unwrap();
        assert!(
            !files[1].contents.contains("protocol"),
            "{}",
            files[1].contents
        );
    };
    check("http", false, None);
    check("http2", true, None);
    check("grpc", true, Some("0s"));
}

#[test]
fn an_upgrade_to_a_websocket_passes() {
    let canaries = canary("[s]", "[\"127.0.0.1:1\"]", "[\"127.0.0.1:2\"]");
    let bootstrap = bootstrap(&canaries, &Options::default());
    let upgrades = &manager(&bootstrap)["upgrade_configs"];
    assert_eq!(upgrades[0]["upgrade_type"], "websocket");
}
