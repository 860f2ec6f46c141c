//! What the definitions refuse: a checker that takes anything would prove nothing.

use super::*;

#[test]
fn what_istio_refuses_is_found() {
    let schemas = Schemas::read("istio");
    let canaries = canary("[reviews]", LABELS, "");
    let mut options = Options {
        extension: Some(extension()),
        routes: Some(Routes::default()),
    };
    let mut sound = render(&canaries, &options).unwrap();
    let kind = Kind::TrafficExtension;
    options.extension = Some(Extension {
        kind,
        ..extension()
    });
    options.routes = None;
    sound.extend(render(&canaries, &options).unwrap());
    let check = |kind: &str, path: &str, value: Value, needed: &str| {
        let mut objects = objects(&sound);
        let object = objects.iter_mut().find(|object| object["kind"] == kind);
        let object = object.unwrap();
        let (parent, name) = path.rsplit_once('/').unwrap();
        let parent = object.pointer_mut(parent).unwrap();
        match (parent, value) {
            (Value::Object(fields), Value::Null) => drop(fields.remove(name).unwrap()),
            (parent, value) => parent[name] = value,
        }
        let problems = schemas.problems(&object.to_string());
        let found = problems.iter().any(|problem| problem.contains(needed));
        assert!(found, "{path}: {needed} is not among {problems:#?}");
    };
    let (plugin, newer) = ("WasmPlugin", "TrafficExtension");
    // Fields: unknown, missing, of a wrong kind, not one of a few, too long, not as a pattern says.
    check(
        plugin,
        "/spec/failPolicy",
        json!("FAIL_OPEN"),
        "'failPolicy' was unexpected",
    );
    check(plugin, "/spec/wasm", json!({}), "'wasm' was unexpected");
    check(
        plugin,
        "/spec/url",
        Value::Null,
        "\"url\" is a required property",
    );
    check(
        plugin,
        "/spec/pluginConfig",
        json!("{}"),
        "not of type \"object\"",
    );
    check(plugin, "/spec/failStrategy", json!("OPEN"), "is not one of");
    check(plugin, "/spec/sha256", json!("abc"), "does not match");
    check(
        plugin,
        "/spec/priority",
        json!(3_000_000_000_u64),
        "greater than the maximum",
    );
    check(
        plugin,
        "/spec/match",
        json!([{"mode": "CLIENT", "port": 1}]),
        "'port' was unexpected",
    );
    check(
        plugin,
        "/metadata/name",
        json!("Coalmine"),
        "does not match",
    );
    check(
        plugin,
        "/metadata/annotation",
        json!({}),
        "'annotation' was unexpected",
    );
    check(
        plugin,
        "/metadata/annotations",
        json!({"a": 1}),
        "not of type \"string\"",
    );
    check(
        plugin,
        "/spec",
        Value::Null,
        "\"spec\" is a required property",
    );
    check(
        plugin,
        "/apiVersion",
        json!("extensions.istio.io/v1"),
        "no definition of",
    );
    check(
        "VirtualService",
        "/spec/http/0/headers",
        json!({"x": {}}),
        "'x' was unexpected",
    );
    check(
        "VirtualService",
        "/spec/http/0/match",
        json!([{"port": "80"}]),
        "not of type \"integer\"",
    );
    check(
        "DestinationRule",
        "/spec/host",
        Value::Null,
        "\"host\" is a required property",
    );
    check(
        "DestinationRule",
        "/spec/subsets",
        json!([{"labels": {}}]),
        "\"name\" is a required property",
    );
    // Keys of lists.
    let twice = json!([{"mode": "CLIENT", "ports": [{"number": 1}, {"number": 1}]}]);
    check(plugin, "/spec/match", twice, "is there twice");
    // Rules in CEL.
    check(
        plugin,
        "/spec/url",
        json!("ftp://a/b"),
        "url must have schema one of",
    );
    check(
        plugin,
        "/spec/selector",
        json!({"matchLabels": {"app": "a*"}}),
        "wildcard not allowed in label value",
    );
    check(
        plugin,
        "/spec/selector",
        json!({"matchLabels": {"*": "a"}}),
        "wildcard not allowed in label key",
    );
    check(
        plugin,
        "/spec/selector",
        json!({"matchLabels": {"": "a"}}),
        "key must not be empty",
    );
    let target = json!([{"kind": "Service", "name": "a", "namespace": "b"}]);
    check(
        plugin,
        "/spec/targetRefs",
        target,
        "cross namespace referencing",
    );
    let both = json!({"name": "a", "valueFrom": "HOST", "value": "b"});
    check(
        plugin,
        "/spec/vmConfig",
        json!({"env": [both]}),
        "value may only be set",
    );
    check(
        newer,
        "/spec/lua",
        json!({"inlineCode": "a"}),
        "valid under more than one of the schemas",
    );
    check(
        newer,
        "/spec/lua",
        json!({"inlineCode": "a"}),
        "TrafficExtension.spec: ",
    );
    check(
        newer,
        "/spec/url",
        json!("oci://a/b"),
        "'url' was unexpected",
    );
    let timeout = json!({"connectionPool": {"tcp": {"connectTimeout": "1us"}}});
    check(
        "DestinationRule",
        "/spec/trafficPolicy",
        timeout,
        "must be a valid duration greater than 1ms",
    );
}
