//! An object of Kubernetes with the plugin's config: the share is in it, and the state in an
//! annotation, so both are written in one request or not at all.
//!
//! The request is a JSON Patch of what changes and nothing else, with the version that was read: the
//! API server refuses it if the object has another by then. A change of an annotation alone is none to
//! Istio, so proxies are told of shares only.
//!
//! | file | what |
//! |---|---|
//! | `annotation` | a state as the value of an annotation |
//! | `patch` | what is changed in an object |

mod annotation;
mod patch;

use super::{Hold, Seen, Written};
use crate::api_server::{ClusterArgs, chain};
use crate::outcome::Failure;
use clap::Args;
use coalmine_rollout::config::{InForce, in_force};
use coalmine_rollout::machine::{Run, State};
use coalmine_rollout::plan::Plan;
use hyper::Request;
use kube::Client;
use patch::Change;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Who changes the object, in its managed fields.
const FIELD_MANAGER: &str = "coalmine-rollout";

/// Which object.
#[derive(Debug, Args)]
pub struct ObjectArgs {
    /// The WasmPlugin that a rollout acts through, with its state in it
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = Place::parse)]
    pub wasm_plugin: Option<Place>,
    /// The TrafficExtension that it acts through, with its state in it
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = Place::parse, conflicts_with = "wasm_plugin")]
    pub traffic_extension: Option<Place>,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// A namespace and a name in it.
#[derive(Clone, Debug)]
pub struct Place {
    namespace: String,
    name: String,
}

impl Place {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let word = |word: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            !word.is_empty() && word.bytes().all(good)
        };
        match text.split_once('/') {
            Some((namespace, name)) if word(namespace) && word(name) => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("write its namespace and its name, like istio-system/coalmine"),
        }
    }
}

/// What a kind of object is called, and where the config is in one.
struct Kind {
    kind: &'static str,
    plural: &'static str,
    /// As a JSON Pointer.
    config: &'static str,
}

const WASM_PLUGIN: Kind = Kind {
    kind: "WasmPlugin",
    plural: "wasmplugins",
    config: "/spec/pluginConfig",
};

const TRAFFIC_EXTENSION: Kind = Kind {
    kind: "TrafficExtension",
    plural: "trafficextensions",
    config: "/spec/wasm/pluginConfig",
};

/// An object in a cluster.
pub(in crate::rollout) struct Object {
    kind: &'static Kind,
    place: Place,
    client: Client,
    runtime: Runtime,
}

impl ObjectArgs {
    /// The object that is named, if one is.
    pub(in crate::rollout) fn connect(&self) -> Result<Option<Object>, Failure> {
        let (kind, place) = match (&self.wasm_plugin, &self.traffic_extension) {
            (Some(place), _) => (&WASM_PLUGIN, place.clone()),
            (None, Some(place)) => (&TRAFFIC_EXTENSION, place.clone()),
            (None, None) => return Ok(None),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::cannot(format!("cannot wait for the network: {error}")))?;
        let client = runtime.block_on(self.cluster.connect())?;
        Ok(Some(Object {
            kind,
            place,
            client,
            runtime,
        }))
    }
}

impl Object {
    /// Everything that a turn begins with.
    pub(in crate::rollout) fn seen<'t>(&'t self, plan: &'t Plan) -> Result<Seen<'t>, Failure> {
        let object = self.read()?;
        let state = self.state_in(&object, &plan.canary)?;
        let config = object.pointer(self.kind.config).unwrap_or(&Value::Null);
        let found = in_force(&config.to_string(), plan)
            .map_err(|wrong| Failure::refused(format!("{}: {wrong}", self.name())))?;
        let hold = AsRead {
            of: self,
            plan,
            object,
            kept: state.clone(),
        };
        let hold = Box::new(hold);
        Ok(Seen { state, found, hold })
    }

    /// The state alone, for whoever only asks.
    pub(in crate::rollout) fn state(&self, canary: &str) -> Result<State, Failure> {
        self.state_in(&self.read()?, canary)
    }

    fn state_in(&self, object: &Value, canary: &str) -> Result<State, Failure> {
        let annotation = annotation::name(canary);
        let value = object["metadata"]["annotations"][&annotation].as_str();
        let refused = |wrong: String| {
            Failure::refused(format!(
                "annotation {annotation} of {} {wrong}",
                self.name()
            ))
        };
        match value.map(annotation::read).transpose().map_err(refused)? {
            None => Ok(State::new(canary)),
            Some(state) if state.canary == canary => Ok(state),
            Some(state) => Err(refused(format!("is of canary {}", state.canary))),
        }
    }

    fn read(&self) -> Result<Value, Failure> {
        let request = Request::get(self.path()).body(Vec::new());
        self.send(request, "get").and_then(|object| {
            object.ok_or_else(|| Failure::cannot(format!("{} cannot be read", self.name())))
        })
    }

    /// What the API server answers; nothing if the object is another by now.
    fn send(
        &self,
        request: hyper::http::Result<Request<Vec<u8>>>,
        verb: &str,
    ) -> Result<Option<Value>, Failure> {
        let sent = request.map_err(kube::Error::HttpError).and_then(|request| {
            let answer = self.client.request_text(request);
            let text = self.runtime.block_on(answer)?;
            serde_json::from_str(&text).map_err(kube::Error::SerdeError)
        });
        match sent {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(Failure::cannot(self.trouble(&error, verb))),
        }
    }

    fn trouble(&self, error: &kube::Error, verb: &str) -> String {
        let name = self.name();
        let kube::Error::Api(status) = error else {
            return format!(
                "cannot reach the API server: {}; choose another with --kubeconfig or --context",
                chain(error)
            );
        };
        match status.code {
            401 => format!(
                "the API server does not know you: {}; log in anew, or choose another context with --context",
                status.message
            ),
            403 => format!(
                "you may not {verb} {name}: {}; ask for a role with `get` and `patch` of {}.extensions.istio.io",
                status.message, self.kind.plural
            ),
            404 => format!(
                "there is no {name}; apply what `coalmine render istio` makes, or name another"
            ),
            _ => format!("the API server does not {verb} {name}: {}", status.message),
        }
    }

    /// Its kind with its place.
    pub(in crate::rollout) fn name(&self) -> String {
        let Place { namespace, name } = &self.place;
        format!("{} {namespace}/{name}", self.kind.kind)
    }

    fn path(&self) -> String {
        let Place { namespace, name } = &self.place;
        let plural = self.kind.plural;
        format!("/apis/extensions.istio.io/v1alpha1/namespaces/{namespace}/{plural}/{name}")
    }
}

/// An object as it was read.
struct AsRead<'t> {
    of: &'t Object,
    plan: &'t Plan,
    object: Value,
    /// The state in it.
    kept: State,
}

impl Hold for AsRead<'_> {
    fn write(&mut self, state: &State, wanted: Option<&InForce>) -> Result<Written, Failure> {
        if wanted.is_none() && !is_news(&self.kept, state) {
            return Ok(Written::Done);
        }
        let Object { kind, .. } = self.of;
        let annotation = annotation::name(&self.plan.canary);
        let room = annotation::room(self.others(&annotation));
        let change = Change {
            config: kind.config,
            annotation: &annotation,
            state: annotation::written(state, room).map_err(|error| {
                Failure::cannot(format!("cannot write the state of the rollout: {error}"))
            })?,
            wanted: wanted.map(|wanted| (self.plan, wanted)),
        };
        let patch = patch::patch(&self.object, &change)
            .map_err(|wrong| Failure::refused(format!("{}: {wrong}", self.of.name())))?;
        let path = format!("{}?fieldManager={FIELD_MANAGER}", self.of.path());
        let request = Request::patch(path)
            .header("content-type", "application/json-patch+json")
            .body(Value::Array(patch).to_string().into_bytes());
        match self.of.send(request, "patch")? {
            Some(object) => {
                self.object = object;
                self.kept = state.clone();
                Ok(Written::Done)
            }
            None => Ok(Written::Outrun),
        }
    }
}

impl AsRead<'_> {
    /// How many bytes the other annotations have, as the API server counts them.
    fn others(&self, ours: &str) -> usize {
        let annotations = self.object["metadata"]["annotations"].as_object();
        let others = annotations.into_iter().flatten();
        others
            .filter(|(name, _)| *name != ours)
            .map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
            .sum()
    }
}

/// Whether there is more to a state than the time that has passed: the reasons for which it does not
/// go on say how much is left, and change with every look.
fn is_news(kept: &State, state: &State) -> bool {
    let (mut kept, mut state) = (kept.clone(), state.clone());
    for run in [&mut kept.run, &mut state.run].into_iter().flatten() {
        let Run { holding, .. } = run;
        holding.clear();
    }
    kept != state
}
