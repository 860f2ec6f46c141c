//! curl lines become requests.

use crate::explain::curl::parse;

/// The request of a line, in one line: method, URL, headers, cookies.
fn shown(text: &str) -> Result<String, String> {
    let request = parse(text)?;
    let host = request.host.clone().unwrap_or_default();
    let headers = request.headers.iter();
    // Those that curl adds by itself are looked at on their own.
    let headers = headers.filter(|(name, value)| {
        (name.as_str(), value.as_str()) != ("accept", "*/*")
            && (name.as_str(), value.as_str()) != ("user-agent", "curl")
    });
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let parts = [
        request.line(&host),
        headers.join(" | "),
        request.cookies.join(" | "),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(parts.join(" | "))
}

#[test]
fn what_curl_sends() {
    let check = |text: &str, expected: &str| {
        assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
    };
    check("curl reviews", "GET http://reviews/");
    check(
        "$ /usr/bin/curl -sSLk https://reviews:8443/a?b=c#d",
        "GET https://reviews:8443/a?b=c",
    );
    // printf u:p | base64
    check(
        "curl HTTP://u:p@reviews?x",
        "GET http://reviews/?x | authorization: Basic dTpw",
    );
    check("curl http://u%3Ap@x --anyauth", "GET http://x/");
    check(
        "curl http://u@x",
        "GET http://x/ | authorization: Basic dTo=",
    );
    check(
        "curl -u a:b http://u:p@x -u me:secret",
        "GET http://x/ | authorization: Basic bWU6c2VjcmV0",
    );
    check(
        "curl x -u me:secret -H 'Authorization: mine'",
        "GET http://x/ | authorization: mine",
    );
    check("curl x/../a/./b?c=/../d", "GET http://x/a/b?c=/../d");
    check("curl x/a/b/..", "GET http://x/a/");
    check("curl x/a/.", "GET http://x/a/");
    check("curl x//a/../b...", "GET http://x//b...");
    check("curl --path-as-is x/../a/./b", "GET http://x/../a/./b");
    check("curl -sg 'x/[1-3]?{a,b}'", "GET http://x/[1-3]?{a,b}");
    check("curl [::1]:80/a", "GET http://[::1]:80/a");
    check(
        r#"curl -H "X-User-Id: alice" https://reviews/ -H 'x-empty;' -H 'x-none:'"#,
        "GET https://reviews/ | x-user-id: alice | x-empty: ",
    );
    check(
        "curl -H'Host: reviews' http://10.0.0.1:8080/",
        "GET http://reviews/",
    );
    check(
        "curl --header=a:b x --resolve x:80:1.2.3.4 --connect-to ::y:",
        "GET http://x/ | a: b",
    );
    check(
        "curl x -b 'a=1; b=2' --cookie c=3 -H 'Cookie: d=4'",
        "GET http://x/ | a=1; b=2; c=3; d=4",
    );
    check("curl x -XPUT", "PUT http://x/");
    check("curl x --request DELETE -d body", "DELETE http://x/");
    check("curl -I x", "HEAD http://x/");
    check(
        "curl x -d a=1 --data-raw '{}' -u me:secret",
        "POST http://x/ | authorization: Basic bWU6c2VjcmV0",
    );
    check("curl x -F file=@x.png", "POST http://x/");
    check("curl -T file x", "PUT http://x/");
    check(
        "curl -G x/?q=0 -d a=1 --data-urlencode 'b= c&'",
        "GET http://x/?q=0&a=1&b=%20c%26",
    );
    check("curl x --url-query a=é", "GET http://x/?a=%C3%A9");
    check(
        "curl --json '{}' x",
        "POST http://x/ | content-type: application/json | accept: application/json",
    );
    check(
        "curl -A bot/1 -e http://y/ x",
        "GET http://x/ | user-agent: bot/1 | referer: http://y/",
    );
    check(
        "curl --oauth2-bearer t -r 0-9 x",
        "GET http://x/ | authorization: Bearer t | range: bytes=0-9",
    );
    check(
        "curl --url x -o out -w '%{http_code}' -m 5 --no-keepalive",
        "GET http://x/",
    );
    check("curl x --request-target '*'", "GET http://x*");
    check("-H a:b http://x", "GET http://x/ | a: b");
    check("curl -- x", "GET http://x/");
    check(
        "curl 'https://shop.example.com/cart' \\\n  -H 'accept: text/html' \\\n  \
         -b $'session=it\\'s; canary=never' \\\n  -H 'user-agent: Mozilla/5.0' \\\n  --compressed",
        "GET https://shop.example.com/cart | accept: text/html | user-agent: Mozilla/5.0 | \
         accept-encoding: deflate, gzip, br, zstd | session=it's; canary=never",
    );
}

#[test]
fn what_curl_adds_by_itself() {
    let check = |text: &str, expected: &[&str]| {
        let request = parse(text).unwrap();
        let headers: Vec<String> = request
            .headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}"))
            .collect();
        assert_eq!(headers, expected, "{text}");
    };
    check("curl x", &["user-agent: curl", "accept: */*"]);
    check("curl x -H User-Agent: -H 'accept: a'", &["accept: a"]);
    check("curl x -A ''", &["accept: */*"]);
}

#[test]
fn what_cannot_be_known() {
    let check = |text: &str, needed: &str| {
        let error = parse(text).unwrap_err();
        assert!(error.contains(needed), "{text}: {error}");
    };
    check("", "no URL");
    check("curl", "no URL");
    check("wget x", "no curl line");
    check("curl x y", "two URLs, x and y");
    check("curl ftp://x", "no http or https URL");
    check("curl http:///a", "has no host");
    check("curl x -H", "nothing follows `-H`");
    check("curl x --frobnicate", "`--frobnicate` is no option");
    check("curl x -sW", "`-W` is no option");
    check("curl x -b jar.txt", "reads a file jar.txt");
    check("curl x -H @headers", "reads a file headers");
    check("curl -K conf", "reads a file conf");
    check("curl -G x -d @q", "reads a file");
    check("curl x --next y", "begins another request");
    check("curl x -u me", "-u me:PASSWORD");
    check("curl 'http://x/[1-3]'", "is several URLs");
    check("curl 'http://{x,y}/'", "add -g");
    check("curl 'http://[::1]/a[1-3]'", "is several URLs");
    check("curl x -H nothing", "is no header");
    check("curl x -H ': v'", "without a name");
}
