//! Whether a log says who is who.

use super::{Part, Reader};
use coalmine::config::{Canary, UNIT_COOKIE, UnitSource, WhenNoUnit};

impl Reader {
    /// Where this canary looks for units, if no line had a field for any of these places, and what is asked
    /// beside the log has none there either: each request is then one of somebody new, or of nobody.
    pub fn without_units(&self, canary: &Canary) -> Option<Vec<Part>> {
        let spec = &canary.spec;
        let mut places: Vec<Part> = spec.unit.iter().map(place).collect();
        match spec.when_no_unit {
            WhenNoUnit::IssueCookie => {
                let cookie = spec.issue_cookie.as_ref();
                let name = cookie.and_then(|cookie| cookie.name.as_deref());
                places.push(Part::Cookie(name.unwrap_or(UNIT_COOKIE).to_owned()));
            }
            WhenNoUnit::SourceAddress => places.push(Part::SourceAddress),
            WhenNoUnit::Default | WhenNoUnit::Random => {}
        }
        let told = places.is_empty() || places.iter().any(|place| self.tells(place));
        (!told).then_some(places)
    }

    /// The fields that mean nothing here, in the order of the alphabet.
    pub fn unknown(&self) -> Vec<&str> {
        let known = self.known.iter();
        let unknown = known.filter(|(_, meaning)| meaning.is_none());
        let mut names: Vec<&str> = unknown.map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn tells(&self, place: &Part) -> bool {
        let has = |wanted: &Part| self.slots.iter().any(|slot| slot.part == *wanted);
        let asked = |wanted: &str| self.asked.headers.iter().any(|(name, _)| name == wanted);
        let here = match place {
            Part::Header(name) => asked(name),
            Part::Cookie(_) => has(&Part::Header("cookie".to_owned())) || asked("cookie"),
            Part::Query(_) => {
                let path = self.asked.path.as_ref();
                has(&Part::Path) || path.is_some_and(|path| path.contains('?'))
            }
            Part::SourceAddress => self.asked.source_address.is_some(),
            Part::Path | Part::Host | Part::Method | Part::Time => false,
        };
        here || has(place)
    }
}

fn place(source: &UnitSource) -> Part {
    match source {
        UnitSource::Header(name) => Part::Header(name.clone()),
        UnitSource::Cookie(name) => Part::Cookie(name.clone()),
        UnitSource::Query(name) => Part::Query(name.clone()),
    }
}
