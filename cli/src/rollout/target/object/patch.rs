//! What a rollout changes in an object, as a JSON Patch (RFC 6902).

use coalmine_rollout::config::{InForce, edits, escaped};
use coalmine_rollout::plan::Plan;
use serde_json::{Value, json};

/// A change of an object.
pub(super) struct Change<'c> {
    /// Where the plugin's config is in it.
    pub(super) config: &'static str,
    /// The annotation with the state.
    pub(super) annotation: &'c str,
    /// Its new value.
    pub(super) state: String,
    /// What is to be in force, if that is to change.
    pub(super) wanted: Option<(&'c Plan, &'c InForce)>,
}

/// The operations. The first puts the version that was read in the place of the one that is there, so
/// the API server sees a conflict if it is another.
pub(super) fn patch(object: &Value, change: &Change<'_>) -> Result<Vec<Value>, String> {
    let version = &object["metadata"]["resourceVersion"];
    let mut operations = vec![json!({
        "op": "replace",
        "path": "/metadata/resourceVersion",
        "value": version,
    })];
    let annotations = "/metadata/annotations";
    if !object.pointer(annotations).is_some_and(Value::is_object) {
        operations.push(json!({"op": "add", "path": annotations, "value": {}}));
    }
    operations.push(json!({
        "op": "add",
        "path": format!("{annotations}/{}", escaped(change.annotation)),
        "value": change.state,
    }));
    let Some((plan, wanted)) = change.wanted else {
        return Ok(operations);
    };
    let config = object.pointer(change.config).unwrap_or(&Value::Null);
    for edit in edits(config, plan, wanted)? {
        let path = format!("{}{}", change.config, edit.pointer);
        operations.push(match edit.value {
            Some(value) => json!({"op": "add", "path": path, "value": value}),
            None => json!({"op": "remove", "path": path}),
        });
    }
    Ok(operations)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine::bucket::Share;
    use coalmine::config::{Canaries, plugin_json};
    use coalmine::yaml::{self, Source};

    const CANARY: &str = "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  variants: {stable: {}, canary: {}}
  default: stable
  unit: [{header: x-user-id}]
  evidence: {}
  rollout: {revision: v2, steps: [{share: 10%, for: 1d}]}
";

    fn canaries() -> (Canaries, Plan) {
        let name = "canary.yaml".to_owned();
        let text = CANARY.to_owned();
        let (canaries, _) = yaml::read(&[Source { name, text }]);
        let plan = Plan::of(&canaries.canaries[0], None).unwrap();
        (canaries, plan)
    }

    #[test]
    fn only_what_is_ours_is_changed() {
        let (canaries, plan) = canaries();
        let plugin = plugin_json(&canaries).unwrap();
        let plugin: Value = serde_json::from_str(&plugin).unwrap();
        let check = |metadata: Value, wanted: Option<&str>, expected: Value| {
            let object = json!({"metadata": metadata, "spec": {"wasm": {"pluginConfig": plugin}}});
            let wanted = wanted.map(|share| InForce {
                share: Share::parse(share).unwrap(),
                salt: plan.salt.clone(),
            });
            let change = Change {
                config: "/spec/wasm/pluginConfig",
                annotation: "coalmine.dev/rollout-bookinfo_reviews",
                state: "state".to_owned(),
                wanted: wanted.as_ref().map(|wanted| (&plan, wanted)),
            };
            assert_eq!(json!(patch(&object, &change).unwrap()), expected);
        };
        let version = json!({"op": "replace", "path": "/metadata/resourceVersion", "value": "7"});
        let state = json!({
            "op": "add",
            "path": "/metadata/annotations/coalmine.dev~1rollout-bookinfo_reviews",
            "value": "state",
        });
        let annotated = json!({"resourceVersion": "7", "annotations": {"theirs": "stays"}});
        check(annotated.clone(), None, json!([version, state]));
        check(
            json!({"resourceVersion": "7"}),
            None,
            json!([version, {"op": "add", "path": "/metadata/annotations", "value": {}}, state]),
        );
        let spec = "/spec/wasm/pluginConfig/canaries/0/spec";
        let share =
            json!({"op": "add", "path": format!("{spec}/shares"), "value": {"canary": "5%"}});
        check(annotated, Some("5%"), json!([version, state, share]));
    }

    #[test]
    fn an_object_without_the_canary_is_refused() {
        let (_, plan) = canaries();
        let wanted = InForce {
            share: Share::ALL,
            salt: plan.salt.clone(),
        };
        let change = Change {
            config: "/spec/pluginConfig",
            annotation: "a",
            state: "state".to_owned(),
            wanted: Some((&plan, &wanted)),
        };
        let wrong = patch(&json!({"metadata": {}}), &change).unwrap_err();
        assert!(wrong.contains("the config would be refused"), "{wrong}");
    }
}
