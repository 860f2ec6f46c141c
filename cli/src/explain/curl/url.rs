//! What curl makes of a URL before it sends it.

/// Whether curl takes brackets in it for several URLs; an IPv6 address has some that are none.
pub(super) fn has_glob(rest: &str) -> bool {
    let (_, authority, _) = parts(rest);
    let address = authority.starts_with('[') && authority.contains(']');
    let shown = match address {
        true => rest.replacen(['[', ']'], "", 2),
        false => rest.to_owned(),
    };
    // A bracket that opens nothing is a mistake to curl as well.
    shown.contains(['[', '{'])
}

/// Name and password, host and port, and what follows them, of a URL without its scheme.
pub(super) fn parts(rest: &str) -> (Option<String>, &str, &str) {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match authority.rsplit_once('@') {
        None => (None, authority, path),
        Some((user, authority)) => {
            let user = decoded(user);
            let colon = if user.contains(':') { "" } else { ":" };
            (Some(user + colon), authority, path)
        }
    }
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let two = match (byte, after) {
            (b'%', [high, low, after @ ..]) => digit(*high).zip(digit(*low)).zip(Some(after)),
            _ => None,
        };
        match two {
            Some(((high, low), after)) => {
                bytes.push((high * 16 + low) as u8);
                rest = after;
            }
            None => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path without `.` and `..` (RFC 3986, 5.2.4), the query as it is.
pub(super) fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        // What stood there was a folder.
        if segments.peek().is_none() {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}
