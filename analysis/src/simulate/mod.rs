//! Many requests through the filter's own `decide`: what came out against what was asked.
//!
//! | file | what |
//! |---|---|
//! | `traffic` | a synthetic request whose unit changes in place |
//! | `run` | synthetic units through a policy, and how fast that goes |
//! | `watched` | requests of a log, whose units and times differ |
//! | `report` | shares by variant and reason, with their intervals |
//! | `curve` | shares over the times of a ramp |

mod curve;
mod report;
mod run;
mod traffic;
mod watched;

pub use curve::{Curve, CurvePoint, Times, curve, ramp_times};
pub use report::{Draw, DrawnVariant, Outcome, Seen, Simulation};
pub use run::{Run, Speed, simulate, speed};
pub use traffic::{Synthetic, UnitPlace};
pub use watched::Watched;
