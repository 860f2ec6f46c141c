//! Which Istio it is for.

use core::fmt;
use core::str::FromStr;

/// A version of Istio, as far as it matters what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 1 in 1.30.
    pub major: u16,
    /// The 30 in 1.30.
    pub minor: u16,
}

// === impl Version ===

impl Version {
    /// The oldest that Coalmine supports.
    pub const OLDEST: Self = Self {
        major: 1,
        minor: 29,
    };

    /// The first with `TrafficExtension`.
    pub const TRAFFIC_EXTENSION: Self = Self {
        major: 1,
        minor: 30,
    };
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Reads `1.30`, and what `istioctl version` says: `1.30.2`, `v1.30.0-rc.1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: Option<&str>| {
            let part = part?;
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| digits)
        };
        let mut parts = text.strip_prefix('v').unwrap_or(text).splitn(3, '.');
        match (number(parts.next()), number(parts.next())) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err("write a version like 1.30".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions() {
        let check = |text: &str, expected: Option<(u16, u16)>| {
            let version = text.parse::<Version>().ok();
            let parts = version.map(|version| (version.major, version.minor));
            assert_eq!(parts, expected, "{text}");
        };
        check("1.30", Some((1, 30)));
        check("1.30.2", Some((1, 30)));
        check("v1.31.0-rc.1", Some((1, 31)));
        for bad in ["", "1", "1.", "1.x", "one", "1.+3", "1.99999"] {
            check(bad, None);
        }
        assert!("1.9".parse::<Version>().unwrap() < Version::OLDEST);
        assert!("1.30".parse::<Version>().unwrap() >= Version::TRAFFIC_EXTENSION);
    }
}
