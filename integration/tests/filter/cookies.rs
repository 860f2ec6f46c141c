//! Requests without a unit: issued cookies, addresses and draws.

use std::collections::BTreeSet;

use coalmine_integration::client::{Request, Response};

use crate::setting::{Setting, assert_share, read, shop, variant};

fn canary(more: &str) -> String {
    format!(
        "
apiVersion: coalmine.dev/v1alpha1
kind: Canary
metadata: {{name: shop}}
spec:
  hosts: [shop]
  variants: {{stable: {{}}, canary: {{}}}}
  default: stable
  shares: {{canary: 50%}}
  {more}
"
    )
}

/// The unit and the attributes of the one cookie that a response sets.
fn issued(response: &Response) -> (String, Vec<String>) {
    let all: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
    assert_eq!(all.len(), 1, "{all:?}");
    let mut parts = all[0].to_str().unwrap().split("; ").map(str::to_owned);
    let (name, unit) = (parts.next().unwrap().split_once('='))
        .map(|(name, unit)| (name.to_owned(), unit.to_owned()))
        .unwrap();
    assert_eq!(name, "coalmine-unit");
    assert!(
        unit.len() == 32 && unit.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{unit}"
    );
    (unit, parts.collect())
}

#[test]
fn a_cookie_has_the_attributes_that_the_request_calls_for() {
    const LAX: [&str; 4] = ["Path=/", "Max-Age=15552000", "SameSite=Lax", "HttpOnly"];
    const SECURE: [&str; 5] = [
        "Path=/",
        "Max-Age=15552000",
        "SameSite=Lax",
        "HttpOnly",
        "Secure",
    ];
    const CHOSEN: [&str; 5] = [
        "Path=/cart",
        "Max-Age=3600",
        "SameSite=None",
        "Domain=example.com",
        "Secure",
    ];
    let usual = canary("whenNoUnit: issue-cookie");
    let chosen = canary(
        "whenNoUnit: issue-cookie
  issueCookie: {path: /cart, maxAge: 1h, sameSite: None, domain: example.com, httpOnly: false}",
    );
    let check = |canary: &str, trusted_hops: u32, proto: Option<&str>, expected: &[&str]| {
        let setting = Setting::with(
            read(canary),
            |options| options.trusted_hops = trusted_hops,
            |_, _| (),
        );
        let request = match proto {
            Some(proto) => shop().header("x-forwarded-proto", proto),
            None => shop(),
        };
        let response = setting.client().send(&request).unwrap();
        variant(&response);
        let (_, attributes) = issued(&response);
        assert_eq!(attributes, expected, "{trusted_hops} {proto:?}");
        setting.end_without_problems();
    };
    check(&usual, 0, None, &LAX);
    // A client that talks to Envoy itself cannot claim TLS; a proxy in front that is trusted can.
    check(&usual, 0, Some("https"), &LAX);
    check(&usual, 1, Some("https"), &SECURE);
    check(&usual, 1, Some("http"), &LAX);
    check(&chosen, 0, None, &CHOSEN);
}

#[test]
fn new_users_are_drawn_once_and_kept_until_the_share_goes() {
    const USERS: usize = 2_000;
    let mut setting = Setting::of(&canary("whenNoUnit: issue-cookie"));
    let client = setting.client();
    let arrivals = client.send_all(vec![shop(); USERS], 8).unwrap();
    let units: Vec<String> = arrivals.iter().map(|answer| issued(answer).0).collect();
    let drawn: Vec<&str> = arrivals.iter().map(variant).collect();
    assert_eq!(units.iter().collect::<BTreeSet<_>>().len(), USERS);
    let canaries = drawn.iter().filter(|variant| **variant == "canary").count();
    assert_share(canaries, USERS, 0.5);

    let again = |number: usize| {
        let cookie = format!("theme=dark; coalmine-unit={}; a=b", units[number]);
        shop().header("cookie", cookie)
    };
    let come_back = |expected: &dyn Fn(usize) -> &'static str| {
        let answers = client.send_all((0..USERS).map(again).collect(), 8).unwrap();
        for (number, answer) in answers.iter().enumerate() {
            assert_eq!(variant(answer), expected(number), "{}", units[number]);
            assert!(!answer.headers.contains_key("set-cookie"));
        }
    };
    let stays = |number: usize| match drawn[number] {
        "canary" => "canary",
        _ => "stable",
    };
    come_back(&stays);
    // Rolling back is changing a number: cookies keep nobody.
    setting.change_share("0%");
    come_back(&|_| "stable");
    let newcomer = client.send(&shop()).unwrap();
    assert_eq!(variant(&newcomer), "stable");
    assert!(!newcomer.headers.contains_key("set-cookie"));
    setting.change_share("100%");
    come_back(&|_| "canary");
    setting.change_share("50%");
    come_back(&stays);
    setting.end_without_problems();
}

#[test]
fn an_address_is_kept_together() {
    const ADDRESSES: usize = 1_000;
    let whole = canary("whenNoUnit: source-address");
    let from = |number: usize| {
        let address = format!("10.1.{}.{}", number / 250, number % 250 + 1);
        shop().header("x-forwarded-for", address)
    };
    let requests = || (0..ADDRESSES).map(from).collect::<Vec<Request>>();
    let draw = |trusted_hops: u32| {
        let setting = Setting::with(
            read(&whole),
            |options| options.trusted_hops = trusted_hops,
            |_, _| (),
        );
        let client = setting.client();
        let [first, second] = [0, 1].map(|_| {
            let answers = client.send_all(requests(), 8).unwrap();
            let drawn = answers.iter().map(|answer| variant(answer).to_owned());
            drawn.collect::<Vec<String>>()
        });
        assert_eq!(first, second, "each address stays where it is");
        setting.end_without_problems();
        first.iter().filter(|variant| *variant == "canary").count()
    };
    assert_share(draw(1), ADDRESSES, 0.5);
    // Without a trusted proxy in front there is one client, whatever it claims: us.
    let ours = draw(0);
    assert!(ours == 0 || ours == ADDRESSES, "{ours}");
}

#[test]
fn a_random_share_is_drawn_anew_each_time() {
    const REQUESTS: usize = 2_000;
    let setting = Setting::of(&canary("whenNoUnit: random"));
    let answers = setting
        .client()
        .send_all(vec![shop(); REQUESTS], 8)
        .unwrap();
    let drawn: Vec<bool> = answers
        .iter()
        .map(|answer| variant(answer) == "canary")
        .collect();
    assert_share(
        drawn.iter().filter(|canary| **canary).count(),
        REQUESTS,
        0.5,
    );
    // Independent draws change sides half of the time.
    let changes = drawn.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert_share(changes, REQUESTS - 1, 0.5);
    assert!(
        answers
            .iter()
            .all(|answer| !answer.headers.contains_key("set-cookie"))
    );
    setting.end_without_problems();
}
