//! The share and the salt in the config that proxies read: everything else in it stays as it is.

use coalmine::bucket::Share;
use coalmine::config::{Canaries, plugin_json, read_json};

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
/// It is none, or the canary is not in it.
pub fn in_force(plugin: &str, canary: &str, variant: &str) -> Result<InForce, String> {
    let mut canaries = read(plugin)?;
    let canary = find(&mut canaries, canary)?;
    let mut shares = canary.spec.shares.iter();
    let share = shares.find(|(name, _)| name == variant);
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
pub fn with(plugin: &str, canary: &str, variant: &str, wanted: &InForce) -> Result<String, String> {
    let mut canaries = read(plugin)?;
    let found = find(&mut canaries, canary)?;
    let salt = (wanted.salt != found.full_name()).then(|| wanted.salt.clone());
    found.spec.salt = salt;
    let shares = &mut found.spec.shares;
    match shares.iter_mut().find(|(name, _)| name == variant) {
        Some((_, share)) => *share = wanted.share,
        None => shares.push((variant.to_owned(), wanted.share)),
    }
    let text = plugin_json(&canaries).map_err(|error| error.to_string())?;
    read(&text)?;
    Ok(text)
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

    fn wanted(millionths: u32, salt: &str) -> InForce {
        InForce {
            share: Share::from_millionths(millionths).unwrap(),
            salt: salt.to_owned(),
        }
    }

    #[test]
    fn what_was_put_is_found_and_the_rest_stays() {
        let found = |text: &str| in_force(text, "bookinfo/reviews", "canary").unwrap();
        assert_eq!(found(PLUGIN), wanted(0, "bookinfo/reviews"));
        let other = with(
            PLUGIN,
            "bookinfo/reviews",
            "canary",
            &wanted(50_000, "reviews@v2"),
        )
        .unwrap();
        assert_eq!(found(&other), wanted(50_000, "reviews@v2"));
        assert_eq!(
            in_force(&other, "bookinfo/reviews", "blue")
                .unwrap()
                .share
                .to_string(),
            "10%"
        );
        let back = with(
            &other,
            "bookinfo/reviews",
            "canary",
            &wanted(0, "bookinfo/reviews"),
        )
        .unwrap();
        assert!(!back.contains("salt"), "{back}");
        let again = with(
            &back,
            "bookinfo/reviews",
            "canary",
            &wanted(0, "bookinfo/reviews"),
        )
        .unwrap();
        assert_eq!(back, again);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let over = with(PLUGIN, "bookinfo/reviews", "canary", &wanted(950_000, "a")).unwrap_err();
        assert!(over.contains("105%"), "{over}");
        let unknown = in_force(PLUGIN, "reviews", "canary").unwrap_err();
        assert!(unknown.contains("which has bookinfo/reviews"), "{unknown}");
        assert!(in_force("{", "reviews", "canary").is_err());
    }
}
