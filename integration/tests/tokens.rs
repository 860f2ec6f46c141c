//! Tokens of other libraries are taken, and ours by them: jsonwebtoken, PyJWT, and keys of OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use coalmine::config::read_json;
use coalmine::pin::Cause;
use coalmine::{Policy, Timestamp};
use coalmine_cli::pin::{Claims, PrivateKey, mint};
use coalmine_integration::python;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

/// PyJWT with what it needs for EdDSA.
const PACKAGES: [&str; 2] = ["PyJWT==2.10.1", "cryptography==44.0.2"];

/// The longest names that a canary can have.
const LONG: usize = 63;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// A canary that takes tokens of this key.
fn policy(canary: &str, kid: &str, key: &PrivateKey) -> Policy {
    let (namespace, name) = canary.split_once('/').unwrap();
    let config = json!({
        "apiVersion": "coalmine.dev/v1alpha1",
        "kind": "Plugin",
        "canaries": [{
            "apiVersion": "coalmine.dev/v1alpha1",
            "kind": "Canary",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "hosts": ["shop"],
                "variants": {"stable": {}, "canary": {}},
                "default": "stable",
                "pins": {"header": "x-pin", "signed": {"keys": {kid: key.public().to_string()}}},
            },
        }],
    });
    Policy::compile(&read_json(config.to_string().as_bytes()).unwrap())
}

/// The variant that a token pins.
fn pinned(policy: &Policy, token: &str) -> Result<String, Cause> {
    let canary = &policy.canaries()[0];
    let at = Timestamp::from_unix_millis(now() * 1000);
    let judged = canary.judge_pin(token.as_bytes(), at).unwrap();
    judged.map(|variant| canary.variant_name(variant.unwrap()).to_owned())
}

/// A key in a file, made by OpenSSL.
fn key_of_openssl(path: &Path) -> PrivateKey {
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    PrivateKey::read(path).unwrap()
}

#[test]
fn jsonwebtoken_and_we_take_each_others_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let key = key_of_openssl(&path);
    let long = "k".repeat(64);
    for (canary, kid) in [
        ("web/shop", "ops"),
        (&*format!("{0}/{0}", "n".repeat(LONG)), &*long),
    ] {
        let policy = policy(canary, kid, &key);
        let claims = json!({"aud": canary, "variant": "canary", "sub": "a".repeat(100), "exp": now() + 600, "nbf": now(), "iat": now()});
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(kid.to_owned());
        let theirs = EncodingKey::from_ed_pem(&fs::read(&path).unwrap()).unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &theirs).unwrap();
        println!("jsonwebtoken: {} bytes", token.len());
        assert_eq!(pinned(&policy, &token), Ok("canary".to_owned()));

        let ours = mint(
            &key,
            kid,
            &Claims {
                canaries: vec![canary.to_owned(), "other".to_owned()],
                variant: "stable".to_owned(),
                subject: "Zoë \"Ω\"".to_owned(),
                expires: now() + 600,
                not_before: Some(now()),
            },
        );
        assert_eq!(pinned(&policy, &ours), Ok("stable".to_owned()));
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[canary]);
        validation.validate_nbf = true;
        let public = DecodingKey::from_ed_components(&key.public().to_string()).unwrap();
        let read = jsonwebtoken::decode::<Value>(&ours, &public, &validation).unwrap();
        assert_eq!(read.header.kid.as_deref(), Some(kid));
        assert_eq!(read.claims["sub"], "Zoë \"Ω\"");
        assert_eq!(read.claims["variant"], "stable");
    }
}

/// Mints a token with a key file, and reads ours with the public key.
const SCRIPT: &str = r#"
import datetime, json, sys
import jwt
from cryptography.hazmat.primitives.serialization import load_pem_private_key
key = load_pem_private_key(open(sys.argv[1], "rb").read(), None)
until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)
claims = {"aud": ["web/shop", "web/cart"], "variant": "canary", "sub": "Zoë", "exp": until}
token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "ops"})
floating = jwt.encode({**claims, "exp": until.timestamp()}, key, algorithm="EdDSA", headers={"kid": "ops"})
expired = jwt.encode({**claims, "exp": 1}, key, algorithm="EdDSA", headers={"kid": "ops"})
read = jwt.decode(sys.argv[2], key.public_key(), algorithms=["EdDSA"], audience="web/shop")
print(json.dumps({"tokens": [token, floating], "expired": expired, "read": read, "kid": jwt.get_unverified_header(sys.argv[2])["kid"]}))
"#;

#[test]
fn pyjwt_and_we_take_each_others_tokens() {
    let python = python::ensure("pyjwt", &PACKAGES).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let made = Command::new(coalmine_integration::command::coalmine().unwrap())
        .args(["pin", "keygen", "--kid", "ops", "--key"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let key = PrivateKey::read(&path).unwrap();
    let policy = policy("web/shop", "ops", &key);
    let ours = mint(
        &key,
        "ops",
        &Claims {
            canaries: vec!["web/shop".to_owned()],
            variant: "canary".to_owned(),
            subject: "Zoë".to_owned(),
            expires: now() + 600,
            not_before: None,
        },
    );
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(&path)
        .arg(&ours)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["kid"], "ops");
    assert_eq!(said["read"]["sub"], "Zoë");
    assert_eq!(said["read"]["variant"], "canary");
    for token in said["tokens"].as_array().unwrap() {
        let token = token.as_str().unwrap();
        println!("PyJWT: {} bytes", token.len());
        assert_eq!(pinned(&policy, token), Ok("canary".to_owned()));
    }
    let expired = said["expired"].as_str().unwrap();
    assert_eq!(pinned(&policy, expired), Err(Cause::Expired));
}
