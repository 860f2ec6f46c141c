//! `coalmine rollout` as people run it; what real Envoys and a real Prometheus make of it is in `integration`.
//!
//! | file | what |
//! |---|---|
//! | `folder` | a canary in a folder, and the command run there |
//! | `refusals`, `words`, `kept` | what is refused, what people say, what is kept and handed on |
//! | `clock` | clocks that do not agree |
//! | `notify` | who is told |
//! | `held` | what `run` says of what holds it |
//! | `git` | repositories |
//! | `page` | `docs/rollout.md` |

mod clock;
mod folder;
mod git;
mod held;
mod kept;
mod notify;
mod page;
mod refusals;
mod words;
