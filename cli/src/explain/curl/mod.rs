//! A `curl` line, as it stands in a ticket or as a browser copies it, to a request.
//!
//! | file | what |
//! |---|---|
//! | `words` | a shell's line to words, `$'...'` among them |
//! | `options` | which options curl has, and which of them change what is sent |
//! | `line` | words to a request |
//! | `url` | what curl makes of a URL before it sends it |

mod line;
mod options;
mod url;
mod words;

pub(super) use line::request;
pub(super) use words::split;

/// The request of a whole line.
///
/// # Errors
/// It is no `curl` line, has a quote that is not closed or an option that is not known, or says
/// what cannot be known here, such as the contents of a file.
pub(super) fn parse(text: &str) -> Result<crate::request::RequestArgs, String> {
    request(&split(text)?)
}
