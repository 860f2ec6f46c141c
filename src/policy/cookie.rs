//! Issued units, and the cookie that carries one (RFC 6265, with `SameSite` of RFC 6265bis).

use crate::config::{IssueCookie, SameSite, UNIT_COOKIE};

/// Half a year, shorter than the 400 days that browsers cut at.
const MAX_AGE: u32 = 180 * 24 * 3600;

/// A random unit for a client that has none: 128 bits as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuedUnit([u8; 32]);

/// What goes round the unit in `set-cookie`.
#[derive(Debug)]
pub struct UnitCookie {
    name: Box<str>,
    attributes: Box<str>,
    secure: Option<bool>,
}

// === impl IssuedUnit ===

impl IssuedUnit {
    /// Writes a draw in hexadecimal.
    pub fn from_draw(draw: u128) -> Self {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let mut text = [b'0'; 32];
        for (byte, digits) in draw.to_be_bytes().iter().zip(text.chunks_exact_mut(2)) {
            if let [high, low] = digits {
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied();
                *high = digit(byte >> 4).unwrap_or(b'0');
                *low = digit(byte & 0xf).unwrap_or(b'0');
            }
        }
        Self(text)
    }

    /// The unit's bytes, which the bucket is computed from.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The unit's text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

// === impl UnitCookie ===

impl UnitCookie {
    pub(super) fn new(cookie: &IssueCookie) -> Self {
        let mut attributes = format!(
            "; Path={}; Max-Age={}; SameSite={}",
            cookie.path.as_deref().unwrap_or("/"),
            cookie.max_age.unwrap_or(MAX_AGE),
            match cookie.same_site.unwrap_or(SameSite::Lax) {
                SameSite::Lax => "Lax",
                SameSite::Strict => "Strict",
                SameSite::None => "None",
            }
        );
        if let Some(domain) = &cookie.domain {
            attributes.push_str("; Domain=");
            attributes.push_str(domain);
        }
        if cookie.http_only != Some(false) {
            attributes.push_str("; HttpOnly");
        }
        let secure = match cookie.same_site {
            // Browsers drop it otherwise.
            Some(SameSite::None) => Some(true),
            _ => cookie.secure,
        };
        Self {
            name: name_of(Some(cookie)).into(),
            attributes: attributes.into(),
            secure,
        }
    }

    /// The value of `set-cookie` for a unit; `tls` says whether the request came over TLS.
    pub fn set_cookie(&self, unit: &IssuedUnit, tls: bool) -> String {
        let secure = if self.secure.unwrap_or(tls) {
            "; Secure"
        } else {
            ""
        };
        format!("{}={}{}{secure}", self.name, unit.as_str(), self.attributes)
    }
}

/// The name of the cookie that carries an issued unit.
pub(super) fn name_of(cookie: Option<&IssueCookie>) -> &str {
    cookie
        .and_then(|cookie| cookie.name.as_deref())
        .unwrap_or(UNIT_COOKIE)
}
