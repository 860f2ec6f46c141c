//! Signed pins: a pin that nobody can forge.
//!
//! A token is a JSON Web Token in compact form (RFC 7519) signed with Ed25519 (RFC 8037): its header
//! says `alg: EdDSA` and `kid`, its claims `aud` (the canary), `variant` (one of its variants, or
//! `never`), `sub` (who), `exp` and perhaps `nbf`. Nothing else in it is acted on.
//!
//! | file | what |
//! |---|---|
//! | `token` | the three parts of a token, and its JSON, read strictly |
//! | `key` | a public key that may verify |
//! | `signers` | whose signatures a canary takes, and whether a token is valid |
//! | `verifier` | what outlives a request: tokens verified before, and the budget of verifications |
//! | `budget` | so many verifications a second |
//! | `cause` | why a pin was refused |
//! | `pinned` | what a request pins, words and tokens |

mod budget;
mod cause;
mod key;
mod pinned;
mod signers;
mod token;
mod verifier;

pub use cause::{Cause, Causes};
pub use key::Key;
pub use pinned::is_token;
pub(crate) use pinned::pinned;
pub(crate) use signers::Signers;
pub use token::{MAX_TOKEN, Parts};
pub use verifier::Verifier;
