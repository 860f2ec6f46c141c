//! Why a variant serves.

/// Why a variant serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The request pinned `never`.
    Never,
    /// The request pinned a variant.
    Pin,
    /// An earlier hop decided.
    Inherited,
    /// The guard holds back the variant that was decided, so the default serves.
    Guard,
    /// A rule matched; its number.
    Rule(usize),
    /// Drawn by the unit's bucket, also if the draw gave the default.
    Share,
    /// Drawn at random, because there was no unit.
    Random,
    /// No unit, and the default for such requests.
    NoUnit,
    /// No variant has a share, so nobody was drawn.
    Default,
}

impl Reason {
    /// How many reasons there are beside the rules.
    pub const FIXED: usize = 8;

    /// Its number: the fixed reasons first, the rules behind them.
    #[inline]
    pub fn index(self) -> usize {
        match self {
            Self::Never => 0,
            Self::Pin => 1,
            Self::Share => 2,
            Self::Random => 3,
            Self::NoUnit => 4,
            Self::Default => 5,
            Self::Inherited => 6,
            Self::Guard => 7,
            Self::Rule(rule) => rule.saturating_add(Self::FIXED),
        }
    }
}
