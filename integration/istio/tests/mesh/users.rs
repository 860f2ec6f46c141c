//! Many users through one proxy, each held against what `coalmine explain` says of the same request.

use std::collections::BTreeSet;

use coalmine::config::Canaries;
use coalmine_cli::request::RequestArgs;
use coalmine_integration::client::{Client, Request};

use crate::setting;

/// So many that each variant of a share of a third is surely met.
const USERS: u32 = 200;

/// Where users send their requests.
pub(crate) struct Users<'a> {
    pub(crate) client: &'a Client,
    pub(crate) canaries: &'a Canaries,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
}

impl Users<'_> {
    /// A request of nobody in particular.
    pub(crate) fn request(&self) -> Request {
        Request::get(self.path).header("host", self.host)
    }

    /// Users with an id, a tester, and one who opts out get the variant that `explain` names;
    /// `server` says how that variant's server calls itself.
    pub(crate) fn get_what_explain_says(&self, server: impl Fn(&str) -> String) {
        let ids = (0..USERS).map(|user| vec![("x-user-id".to_owned(), format!("user-{user}"))]);
        let pins = ["canary", "stable", "never"].map(|pin| {
            let pin = ("x-canary".to_owned(), pin.to_owned());
            vec![pin, ("x-user-id".to_owned(), "user-0".to_owned())]
        });
        // What a client writes into the variant header is no evidence.
        let forged = vec![("x-coalmine-variant".to_owned(), "canary".to_owned())];
        let everybody: Vec<_> = ids.chain(pins).chain([forged, Vec::new()]).collect();
        let requests = everybody.iter().map(|headers| {
            let with = |request: Request, (name, value): &(String, String)| {
                request.header(name.as_str(), value.as_str())
            };
            headers.iter().fold(self.request(), with)
        });
        let answers = self.client.send_all(requests.collect(), 8).unwrap();
        let mut met = BTreeSet::new();
        for (headers, answer) in everybody.iter().zip(answers) {
            let asked = RequestArgs {
                host: Some(self.host.to_owned()),
                method: "GET".to_owned(),
                path: self.path.to_owned(),
                headers: headers.clone(),
                ..RequestArgs::default()
            };
            let (variant, reason) = setting::explained(self.canaries, &asked);
            assert_eq!(answer.served_by(), server(&variant), "{headers:?} {reason}");
            met.insert((variant, reason));
        }
        // The canary and the default by share, both pins, who opted out, and who had no unit.
        assert!(met.len() >= 5, "{met:?}");
    }
}
