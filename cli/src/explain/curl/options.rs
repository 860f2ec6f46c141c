//! Which options curl has, and which of them change what is sent (curl's manual page, 8.x).

/// What an option does to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A header, or with `;` an empty one, or with nothing behind the colon none.
    Header,
    Cookie,
    Method,
    Head,
    Get,
    UserAgent,
    Referer,
    Url,
    UrlQuery,
    RequestTarget,
    Bearer,
    /// Name and password.
    User,
    /// Another way to prove who one is: the first request says nothing of that.
    OtherAuth,
    Range,
    /// A body: the method becomes POST, and with `-G` it goes into the query.
    Data,
    DataUrlencode,
    Json,
    /// A body that never goes into the query.
    Form,
    Upload,
    Compressed,
    /// Dots in the path are sent as they are.
    PathAsIs,
    /// Brackets in the URL stand for themselves.
    GlobOff,
    /// More options from a file.
    Config,
    /// Another request follows.
    Next,
    /// Nothing that a decision could see, with a value.
    IgnoredValue,
    /// Nothing that a decision could see.
    Ignored,
}

impl Meaning {
    /// Whether a value follows it.
    pub(super) fn takes_value(self) -> bool {
        use Meaning::{Compressed, Get, GlobOff, Head, Ignored, Next, OtherAuth, PathAsIs};
        !matches!(
            self,
            Compressed | Get | GlobOff | Head | Ignored | Next | OtherAuth | PathAsIs
        )
    }
}

/// A letter behind one dash.
pub(super) fn short(letter: char) -> Option<Meaning> {
    Some(match letter {
        'H' => Meaning::Header,
        'b' => Meaning::Cookie,
        'X' => Meaning::Method,
        'I' => Meaning::Head,
        'G' => Meaning::Get,
        'A' => Meaning::UserAgent,
        'e' => Meaning::Referer,
        'r' => Meaning::Range,
        'd' => Meaning::Data,
        'F' => Meaning::Form,
        'T' => Meaning::Upload,
        'u' => Meaning::User,
        'g' => Meaning::GlobOff,
        'K' => Meaning::Config,
        ':' => Meaning::Next,
        'C' | 'D' | 'E' | 'P' | 'Q' | 'U' | 'Y' | 'c' | 'h' | 'm' | 'o' | 't' | 'w' | 'x' | 'y'
        | 'z' => Meaning::IgnoredValue,
        '#'
        | '0'..='4'
        | '6'
        | 'B'
        | 'J'
        | 'L'
        | 'M'
        | 'N'
        | 'O'
        | 'R'
        | 'S'
        | 'V'
        | 'Z'
        | 'a'
        | 'f'
        | 'i'
        | 'j'
        | 'k'
        | 'l'
        | 'n'
        | 'p'
        | 'q'
        | 's'
        | 'v' => Meaning::Ignored,
        _ => return None,
    })
}

/// A word behind two dashes.
pub(super) fn long(name: &str) -> Option<Meaning> {
    Some(match name {
        "header" => Meaning::Header,
        "cookie" => Meaning::Cookie,
        "request" => Meaning::Method,
        "head" => Meaning::Head,
        "get" => Meaning::Get,
        "user-agent" => Meaning::UserAgent,
        "referer" => Meaning::Referer,
        "url" => Meaning::Url,
        "url-query" => Meaning::UrlQuery,
        "request-target" => Meaning::RequestTarget,
        "oauth2-bearer" => Meaning::Bearer,
        "user" => Meaning::User,
        "anyauth" | "digest" | "negotiate" | "ntlm" => Meaning::OtherAuth,
        "path-as-is" => Meaning::PathAsIs,
        "globoff" => Meaning::GlobOff,
        "range" => Meaning::Range,
        "data" | "data-ascii" | "data-binary" | "data-raw" => Meaning::Data,
        "data-urlencode" => Meaning::DataUrlencode,
        "json" => Meaning::Json,
        "form" | "form-string" => Meaning::Form,
        "upload-file" => Meaning::Upload,
        "compressed" => Meaning::Compressed,
        "config" => Meaning::Config,
        "next" => Meaning::Next,
        _ if WITH_VALUE.contains(&name) => Meaning::IgnoredValue,
        _ if WITHOUT_VALUE.contains(&name) => Meaning::Ignored,
        // Every switch can be switched off.
        _ if name
            .strip_prefix("no-")
            .is_some_and(|name| WITHOUT_VALUE.contains(&name)) =>
        {
            Meaning::Ignored
        }
        _ => return None,
    })
}

const WITH_VALUE: [&str; 81] = [
    "abstract-unix-socket",
    "alt-svc",
    "aws-sigv4",
    "cacert",
    "capath",
    "cert",
    "cert-type",
    "ciphers",
    "connect-timeout",
    "connect-to",
    "continue-at",
    "cookie-jar",
    "create-file-mode",
    "crlfile",
    "curves",
    "delegation",
    "dns-interface",
    "dns-ipv4-addr",
    "dns-ipv6-addr",
    "dns-servers",
    "doh-url",
    "dump-header",
    "ech",
    "engine",
    "etag-compare",
    "etag-save",
    "expect100-timeout",
    "happy-eyeballs-timeout-ms",
    "haproxy-clientip",
    "hsts",
    "interface",
    "ip-tos",
    "keepalive-cnt",
    "keepalive-time",
    "key",
    "key-type",
    "libcurl",
    "limit-rate",
    "local-port",
    "login-options",
    "max-filesize",
    "max-redirs",
    "max-time",
    "netrc-file",
    "noproxy",
    "output",
    "output-dir",
    "parallel-max",
    "pass",
    "pinnedpubkey",
    "preproxy",
    "proto",
    "proto-default",
    "proto-redir",
    "proxy",
    "proxy-cacert",
    "proxy-cert",
    "proxy-header",
    "proxy-key",
    "proxy-user",
    "proxy1.0",
    "quote",
    "rate",
    "resolve",
    "retry",
    "retry-delay",
    "retry-max-time",
    "service-name",
    "socks4",
    "socks4a",
    "socks5",
    "socks5-hostname",
    "speed-limit",
    "speed-time",
    "stderr",
    "time-cond",
    "tls-max",
    "trace",
    "trace-ascii",
    "unix-socket",
    "write-out",
];

const WITHOUT_VALUE: [&str; 65] = [
    "append",
    "basic",
    "ca-native",
    "cert-status",
    "compressed-ssh",
    "create-dirs",
    "crlf",
    "disable",
    "disallow-username-in-url",
    "fail",
    "fail-early",
    "fail-with-body",
    "false-start",
    "haproxy-protocol",
    "http0.9",
    "http1.0",
    "http1.1",
    "http2",
    "http2-prior-knowledge",
    "http3",
    "http3-only",
    "include",
    "insecure",
    "ipv4",
    "ipv6",
    "junk-session-cookies",
    "keepalive",
    "location",
    "location-trusted",
    "netrc",
    "netrc-optional",
    "no-alpn",
    "no-buffer",
    "no-keepalive",
    "no-npn",
    "no-progress-meter",
    "no-sessionid",
    "parallel",
    "parallel-immediate",
    "post301",
    "post302",
    "post303",
    "progress-bar",
    "proxytunnel",
    "raw",
    "remote-header-name",
    "remote-name",
    "remote-name-all",
    "remote-time",
    "remove-on-error",
    "retry-all-errors",
    "retry-connrefused",
    "show-error",
    "show-headers",
    "silent",
    "skip-existing",
    "ssl",
    "ssl-reqd",
    "styled-output",
    "tcp-fastopen",
    "tcp-nodelay",
    "tlsv1.2",
    "tlsv1.3",
    "tr-encoding",
    "verbose",
];
