//! Times, shares and lengths of time as people write them: `2026-11-26T09:00:00Z`, `5%`, `1h30m`.

/// For `#[serde(with = "text::time")]`.
pub(crate) mod time {
    use coalmine::Timestamp;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(from)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a time")))
    }
}

/// For `#[serde(with = "text::maybe_time")]`.
pub(crate) mod maybe_time {
    use coalmine::Timestamp;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let time = Timestamp::parse(&text);
        time.map(Some)
            .ok_or_else(|| D::Error::custom(format!("`{text}` is not a time")))
    }
}

/// For `#[serde(with = "text::share")]`.
pub(crate) mod share {
    use coalmine::bucket::Share;
    use serde::de::{Deserialize, Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(share: &Share, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(share)
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Share, D::Error> {
        let text = String::deserialize(from)?;
        Share::parse(&text).map_err(|wrong| D::Error::custom(format!("the share `{text}` {wrong}")))
    }
}

/// For `#[serde(with = "text::maybe_share")]`.
pub(crate) mod maybe_share {
    use coalmine::bucket::Share;
    use serde::Deserialize;
    use serde::de::{Deserializer, Error};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(
        share: &Option<Share>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match share {
            Some(share) => to.collect_str(share),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Share>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let share = Share::parse(&text);
        share
            .map(Some)
            .map_err(|wrong| D::Error::custom(format!("the share `{text}` {wrong}")))
    }
}

/// A length of time for people: `90s`, `1h30m`.
pub(crate) fn length(millis: i64) -> String {
    let seconds = millis / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, seconds) {
        (0, 0, _) if millis % 1000 != 0 && millis < 10_000 => format!("{millis}ms"),
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h{minutes}m"),
    }
}
