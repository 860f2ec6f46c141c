//! The share and the salt in the config that proxies read: everything else in it stays as it is.

use crate::plan::Plan;
use coalmine::bucket::Share;
use coalmine::config::{Canaries, plugin_json, read_json};
use serde_json::{Map, Value};

/// What proxies are configured with, for one variant of one canary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The variant's share.
    pub share: Share,
    /// What draws its users.
    pub salt: String,
}

/// What a plugin's config says of a variant.
///
/// # Errors
/// It is none, the canary is not in it, or is another one there than in its file.
pub fn in_force(plugin: &str, plan: &Plan) -> Result<InForce, String> {
    let mut canaries = read(plugin)?;
    let canary = find(&mut canaries, &plan.canary)?;
    let evidence = canary.spec.evidence.as_ref();
    let differs = [
        (!canary.spec.ramp.is_empty(), "has a ramp"),
        (evidence.is_some() != plan.counted, "has other evidence"),
        (
            evidence.is_some_and(|evidence| evidence.slower_than != plan.bounds),
            "has other bounds for slow responses",
        ),
    ];
    if let Some((_, how)) = differs.iter().find(|(differs, _)| *differs) {
        return Err(format!(
            "canary {} {how} in the config that proxies read than in its file: render it again",
            plan.canary
        ));
    }
    let mut shares = canary.spec.shares.iter();
    let share = shares.find(|(name, _)| *name == plan.variant);
    Ok(InForce {
        share: share.map_or(Share::NONE, |(_, share)| *share),
        salt: canary.salt(),
    })
}

/// The same config with another share and salt.
///
/// # Errors
/// It is none, the canary is not in it, or the result would be refused, as where the shares of all
/// variants come to more than everyone.
pub fn with(plugin: &str, plan: &Plan, wanted: &InForce) -> Result<String, String> {
    let mut canaries = read(plugin)?;
    let found = find(&mut canaries, &plan.canary)?;
    let salt = (wanted.salt != found.full_name()).then(|| wanted.salt.clone());
    found.spec.salt = salt;
    let shares = &mut found.spec.shares;
    match shares.iter_mut().find(|(name, _)| *name == plan.variant) {
        Some((_, share)) => *share = wanted.share,
        None => shares.push((plan.variant.clone(), wanted.share)),
    }
    let text = plugin_json(&canaries).map_err(|error| error.to_string())?;
    read(&text)?;
    Ok(text)
}

/// A change of one value in a plugin's config.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Where, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// What is there from now on; nothing if not said.
    pub value: Option<Value>,
}

/// What [`with`] changes, as edits of the config as it was written: all else in it stays, what this
/// version does not know as well.
///
/// # Errors
/// As [`with`].
pub fn edits(plugin: &Value, plan: &Plan, wanted: &InForce) -> Result<Vec<Edit>, String> {
    let Plan {
        canary, variant, ..
    } = plan;
    let mut canaries = read(&plugin.to_string())?;
    find(&mut canaries, canary)?;
    let names = canaries.canaries.iter().map(|canary| canary.full_name());
    let index = names.take_while(|name| name != canary).count();
    let spec = format!("/canaries/{index}/spec");
    let share = Value::from(wanted.share.to_string());
    let shares = plugin.pointer(&format!("{spec}/shares"));
    let share = match shares.is_some_and(Value::is_object) {
        true => Edit {
            pointer: format!("{spec}/shares/{}", escaped(variant)),
            value: Some(share),
        },
        false => Edit {
            pointer: format!("{spec}/shares"),
            value: Some(Value::Object(Map::from_iter([(variant.clone(), share)]))),
        },
    };
    let salt = Edit {
        pointer: format!("{spec}/salt"),
        value: (wanted.salt != *canary).then(|| Value::from(wanted.salt.clone())),
    };
    let mut changed = plugin.clone();
    let mut edits = vec![share, salt];
    edits.retain(|edit| plugin.pointer(&edit.pointer) != edit.value.as_ref());
    for edit in &edits {
        edit.make(&mut changed);
    }
    read(&changed.to_string())?;
    Ok(edits)
}

/// A name as a part of a JSON Pointer.
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

impl Edit {
    /// Makes the change; nothing happens where the place is in no map.
    fn make(&self, plugin: &mut Value) {
        let Some((map, name)) = self.pointer.rsplit_once('/') else {
            return;
        };
        let Some(Value::Object(map)) = plugin.pointer_mut(map) else {
            return;
        };
        let name = name.replace("~1", "/").replace("~0", "~");
        match &self.value {
            Some(value) => map.insert(name, value.clone()),
            None => map.remove(&name),
        };
    }
}

fn read(plugin: &str) -> Result<Canaries, String> {
    read_json(plugin.as_bytes()).map_err(|found| {
        let words = found.iter().map(|found| found.message.as_str());
        format!(
            "the config would be refused: {}",
            words.collect::<Vec<_>>().join("; ")
        )
    })
}

fn find<'c>(
    canaries: &'c mut Canaries,
    name: &str,
) -> Result<&'c mut coalmine::config::Canary, String> {
    let names: Vec<String> = canaries
        .canaries
        .iter()
        .map(|canary| canary.full_name())
        .collect();
    let found = canaries
        .canaries
        .iter_mut()
        .find(|canary| canary.full_name() == name);
    found.ok_or_else(|| {
        format!(
            "canary {name} is not in the config that proxies read, which has {}: render it first",
            match names.as_slice() {
                [] => "none".to_owned(),
                names => names.join(", "),
            }
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGIN: &str = r#"{"apiVersion":"coalmine.dev/v1alpha1","kind":"Plugin","canaries":[
        {"apiVersion":"coalmine.dev/v1alpha1","kind":"Canary","metadata":{"name":"reviews","namespace":"bookinfo"},
         "spec":{"hosts":["reviews"],"variants":{"stable":{},"blue":{},"canary":{}},"default":"stable",
                 "shares":{"blue":"10%"},"unit":[{"header":"x-user-id"}],"evidence":{}}}]}"#;

    fn plan() -> Plan {
        let mut canaries = read(PLUGIN).unwrap();
        let mut canary = canaries.canaries.remove(0);
        canary.spec.rollout = Some(coalmine::config::Rollout {
            variant: "canary".to_owned(),
            revision: None,
            steps: Vec::new(),
            analysis: coalmine::config::Analysis::default(),
            freeze: Vec::new(),
        });
        Plan::of(&canary, None).unwrap()
    }

    fn wanted(millionths: u32, salt: &str) -> InForce {
        InForce {
            share: Share::from_millionths(millionths).unwrap(),
            salt: salt.to_owned(),
        }
    }

    #[test]
    fn what_was_put_is_found_and_the_rest_stays() {
        let plan = plan();
        // The others leave no more.
        assert_eq!(plan.everyone.to_string(), "90%");
        let found = |text: &str| in_force(text, &plan).unwrap();
        assert_eq!(found(PLUGIN), wanted(0, "bookinfo/reviews"));
        let other = with(PLUGIN, &plan, &wanted(50_000, "reviews@v2")).unwrap();
        assert_eq!(found(&other), wanted(50_000, "reviews@v2"));
        assert!(other.contains(r#""blue":"10%""#), "{other}");
        let back = with(&other, &plan, &wanted(0, "bookinfo/reviews")).unwrap();
        assert!(!back.contains("salt"), "{back}");
        let again = with(&back, &plan, &wanted(0, "bookinfo/reviews")).unwrap();
        assert_eq!(back, again);
    }

    /// Whoever renders a file anew draws by the same salt as whoever rolls it out.
    #[test]
    fn a_revision_is_in_the_salt_of_what_is_rendered() {
        let check = |salt: &str, revision: &str, expected: &str| {
            let text = format!(
                "apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: reviews, namespace: bookinfo}}
spec:
  hosts: [reviews]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  unit: [{{header: x-user-id}}]
  evidence: {{}}
{salt}
  rollout:
    steps: [{{share: 10%, for: 1m}}]
{revision}
"
            );
            let name = "canary.yaml".to_owned();
            let (canaries, found) = coalmine::yaml::read(&[coalmine::yaml::Source { name, text }]);
            assert!(found.is_empty(), "{found:?}");
            let plan = crate::plan::Plan::of(&canaries.canaries[0], None).unwrap();
            assert_eq!(plan.salt, expected);
            let plugin = plugin_json(&canaries).unwrap();
            let found = in_force(&plugin, &plan).unwrap();
            assert_eq!(found.salt, expected, "{plugin}");
            assert!(!plugin.contains("rollout"), "{plugin}");
        };
        check("", "", "bookinfo/reviews");
        check("", "    revision: v2", "bookinfo/reviews@v2");
        check("  salt: cats", "    revision: v2", "cats@v2");
        check("  salt: cats", "", "cats");
    }

    #[test]
    fn edits_are_of_the_share_and_the_salt_alone() {
        let plan = plan();
        let check = |spec: Value, wanted: &InForce, expected: Value| {
            let mut ours = serde_json::from_str::<Value>(PLUGIN).unwrap()["canaries"][0].clone();
            for (name, value) in spec.as_object().unwrap() {
                ours["spec"][name] = value.clone();
            }
            // A field that nothing is said of is not there.
            let spec = ours["spec"].as_object_mut().unwrap();
            spec.retain(|_, value| !value.is_null());
            let mut other = ours.clone();
            other["metadata"]["name"] = "ratings".into();
            other["spec"]["hosts"] = ["ratings"].as_slice().into();
            let mut plugin: Value = serde_json::from_str(PLUGIN).unwrap();
            plugin["canaries"] = vec![other, ours].into();
            let edits = edits(&plugin, &plan, wanted).unwrap();
            let said: Map<String, Value> = edits
                .iter()
                .map(|edit| (edit.pointer.clone(), edit.value.clone().into()))
                .collect();
            assert_eq!(Value::Object(said), expected);
            for edit in &edits {
                edit.make(&mut plugin);
            }
            let found = in_force(&plugin.to_string(), &plan);
            assert_eq!(&found.unwrap(), wanted, "{plugin}");
        };
        let none = serde_json::json!({});
        let five = wanted(50_000, "bookinfo/reviews");
        check(
            none.clone(),
            &five,
            serde_json::json!({"/canaries/1/spec/shares/canary": "5%"}),
        );
        check(
            serde_json::json!({"shares": {"canary": "5%"}}),
            &five,
            none.clone(),
        );
        check(
            serde_json::json!({"shares": null, "salt": "cats"}),
            &five,
            serde_json::json!({
                "/canaries/1/spec/shares": {"canary": "5%"},
                "/canaries/1/spec/salt": null,
            }),
        );
        check(
            serde_json::json!({"shares": {"canary": "5%"}}),
            &wanted(50_000, "reviews@v2"),
            serde_json::json!({"/canaries/1/spec/salt": "reviews@v2"}),
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let plan = plan();
        let over = with(PLUGIN, &plan, &wanted(950_000, "a")).unwrap_err();
        assert!(over.contains("105%"), "{over}");
        let plugin = serde_json::from_str(PLUGIN).unwrap();
        let edited = edits(&plugin, &plan, &wanted(950_000, "a"));
        assert_eq!(edited.unwrap_err(), over);
        let refused = |plan: &Plan, why: &str| {
            let error = in_force(PLUGIN, plan).unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        let of = |canary: &str, counted, bounds| Plan {
            canary: canary.to_owned(),
            counted,
            bounds,
            ..plan.clone()
        };
        refused(&of("reviews", true, vec![]), "which has bookinfo/reviews");
        refused(&of("bookinfo/reviews", false, vec![]), "has other evidence");
        refused(&of("bookinfo/reviews", true, vec![250]), "has other bounds");
        assert!(in_force("{", &plan).is_err());
    }
}
