//! The cookie that carries an issued unit (RFC 6265, with `SameSite` of RFC 6265bis).

use crate::config::{IssueCookie, SameSite, UNIT_COOKIE};
use crate::decision::IssuedUnit;

/// Half a year, shorter than the 400 days that browsers cut at.
const MAX_AGE: u32 = 180 * 24 * 3600;

/// What goes round the unit in `set-cookie`.
#[derive(Debug)]
pub struct UnitCookie {
    name: Box<str>,
    attributes: Box<str>,
    secure: Option<bool>,
}

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
