//! Shares over time, for a terminal and as SVG.
//!
//! | file | what |
//! |---|---|
//! | `axes` | the ends and marks of both axes |
//! | `terminal` | in characters |
//! | `svg` | as a picture that stands by itself |

mod axes;
mod svg;
mod terminal;

pub use svg::svg;
pub use terminal::terminal;
