//! How the state of a test is written between looks: with the version of its format.

use crate::evidence::orbit::Orbit;
use crate::evidence::spending::Spending;
use crate::evidence::{Mismatch, Sequential};
use serde::{Deserialize, Serialize};

/// The one that is written, and read. The deals and the scores belong to it: a rollout that began
/// with others cannot go on with these.
pub(crate) const VERSION: u32 = 1;

/// Both tests on the deals of cells.
#[derive(Serialize, Deserialize)]
pub(crate) struct Test {
    version: u32,
    first: Spending,
    crossed: Vec<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<f64>,
}

/// Refuses what another version wrote.
pub(crate) fn check(version: u32) -> Result<(), String> {
    if version == VERSION {
        return Ok(());
    }
    Err(format!(
        "the state of the statistics has version {version}, and this coalmine reads version {VERSION}: \
         go on with the coalmine that wrote it, or start the rollout again"
    ))
}

// === impl Test ===

impl Test {
    fn of(spending: Spending, orbit: &Orbit) -> Self {
        Self {
            version: VERSION,
            first: spending,
            crossed: orbit.crossed().to_vec(),
            p: orbit.crossed_at(),
        }
    }

    /// What every test on these deals is made of.
    fn parts(self) -> Result<(Spending, Orbit), String> {
        check(self.version)?;
        Ok((self.first, Orbit::restored(self.crossed, self.p)))
    }
}

impl From<Sequential> for Test {
    fn from(test: Sequential) -> Self {
        Self::of(test.spending, &test.orbit)
    }
}

impl TryFrom<Test> for Sequential {
    type Error = String;

    fn try_from(stored: Test) -> Result<Self, String> {
        let (spending, orbit) = stored.parts()?;
        Ok(Self { spending, orbit })
    }
}

impl From<Mismatch> for Test {
    fn from(test: Mismatch) -> Self {
        Self::of(test.spending, &test.orbit)
    }
}

impl TryFrom<Test> for Mismatch {
    type Error = String;

    fn try_from(stored: Test) -> Result<Self, String> {
        let (spending, orbit) = stored.parts()?;
        Ok(Self { spending, orbit })
    }
}
