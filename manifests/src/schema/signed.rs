//! `pins.signed`.

use super::types::Schema;
use coalmine::config::VERIFICATIONS_PER_SECOND;

/// The longest key id and subject.
const LONGEST: u32 = 128;

/// A key id: nothing in it can break the line of a log.
const KEY_ID: &str = r"^[^\x00-\x1f\x7f-\x9f]{1,128}$";

pub(super) fn signed() -> Schema {
    let name = || Schema::filled().most(LONGEST);
    Schema::fields(vec![
        (
            "keys",
            Schema {
                min_properties: Some(1),
                property_names: Some(Box::new(Schema::pattern(KEY_ID))),
                ..Schema::map(public_key()).most(64)
            }
            .about("Public keys by their key id (`kid`); `coalmine pin keygen` prints one."),
        ),
        (
            "required",
            Schema::flag()
                .about("Whether a pin without a signature counts for nothing, but for `never`."),
        ),
        (
            "revoked",
            Schema::fields(vec![
                (
                    "subjects",
                    Schema::list(name())
                        .most(1000)
                        .about("Tokens for these (`sub`)."),
                ),
                (
                    "keys",
                    Schema::list(name())
                        .most(64)
                        .about("Tokens signed with these (`kid`)."),
                ),
            ])
            .about("What was signed and is no longer valid."),
        ),
        (
            "verificationsPerSecond",
            Schema::whole(1, 1_000_000)
                .usually_number(VERIFICATIONS_PER_SECOND)
                .about("How many signatures a worker verifies in a second at most."),
        ),
    ])
    .needs(&["keys"])
    .about("Whose signatures make a pin valid; without it a pin is taken at its word.")
}

/// 32 bytes in base64url without padding: the last character has four bits.
fn public_key() -> Schema {
    Schema::pattern("^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")
        .like(&["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])
}
