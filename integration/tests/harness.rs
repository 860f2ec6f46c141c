//! The harness itself, on a real Envoy with a plain bootstrap: no filter of ours.

mod plain;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use coalmine_integration::client::{Client, Request};
use coalmine_integration::discovery::{self, Verdict};
use coalmine_integration::envoy::Launch;
use coalmine_integration::load::{Load, Outcome};
use coalmine_integration::upstream::Upstream;
use coalmine_integration::{raw, swap};
use plain::{BINARY, MARK, MARKER, Setting, VARIANT, filter, marker, routes};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a process is there; one that has ended and waits for its parent is not.
fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

fn eventually(what: &str, mut happens: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happens() {
        assert!(
            start.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn routes_by_header_and_ends_without_a_trace() {
    let setting = Setting::start(2);
    let client = setting.client();
    let check = |request: Request, expected: &str| {
        let response = client.send(&request).unwrap();
        assert_eq!(response.status, 200, "{request:?}");
        assert_eq!(response.served_by(), expected, "{request:?}");
        response.received().unwrap()
    };
    let received = check(Request::get("/a?b=c").header("host", "reviews"), "stable");
    assert_eq!(received.served_by, "stable");
    assert_eq!((&*received.method, &*received.path), ("GET", "/a?b=c"));
    assert_eq!(received.all("host"), [b"reviews"]);
    assert_eq!(received.all(MARK), [b"first"]);
    let received = check(Request::new("PUT", "/").header(VARIANT, "x"), "canary");
    assert_eq!((&*received.method, &*received.path), ("PUT", "/"));
    assert_eq!(received.headers[0].0, "host");
    assert_eq!(
        received.all("host"),
        [setting.ingress.to_string().as_bytes()]
    );
    check(Request::get("/"), "stable");
    assert_eq!(
        (setting.stable.requests(), setting.canary.requests()),
        (2, 1)
    );

    let admin = setting.envoy.admin();
    let total = "http.ingress.downstream_rq_total";
    assert_eq!(admin.counter(total).unwrap(), Some(3));
    assert_eq!(admin.counter("no.such.counter").unwrap(), None);
    let page = admin.prometheus().unwrap();
    let line = r#"envoy_cluster_upstream_rq_total{envoy_cluster_name="canary"} 1"#;
    assert!(page.lines().any(|found| found == line), "{page}");
    assert_eq!(
        admin.counter("http.ingress.downstream_cx_total").unwrap(),
        Some(1),
        "the connection is kept"
    );
    let answers = client.send_on_each(5, &Request::get("/")).unwrap();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(answers.len(), 5);
    assert_eq!(
        admin.counter("http.ingress.downstream_cx_total").unwrap(),
        Some(5)
    );
    assert!(
        admin
            .listener("egress")
            .unwrap_err()
            .to_string()
            .contains("ingress")
    );

    assert_eq!(setting.envoy.problems(), Vec::<String>::new());
    let pid = setting.envoy.pid();
    assert!(runs(pid));
    setting.envoy.stop().unwrap();
    assert!(!runs(pid));
    client.send(&Request::get("/")).unwrap_err();
}

#[test]
fn headers_arrive_as_the_bytes_they_were() {
    let setting = Setting::start(1);
    let client = setting.client();
    let check = |name: &str, values: &[&[u8]], arrive: &[&[u8]]| {
        // To the upstream over HTTP/1.1 and over HTTP/2.
        for empty in [
            Request::get("/"),
            Request::get("/").header(VARIANT, "canary"),
        ] {
            let request = values
                .iter()
                .fold(empty, |request, value| request.header(name, *value));
            let received = client.send(&request).unwrap().received().unwrap();
            assert_eq!(received.all(name), arrive, "{name} {}", received.served_by);
        }
    };
    let long = vec![b'x'; 100 << 10];
    check("x-text", &[b"plain"], &[b"plain"]);
    check("x-bytes", &[b"\xff\x80\xfe"], &[b"\xff\x80\xfe"]);
    check("x-utf8", &["größe".as_bytes()], &["größe".as_bytes()]);
    check("x-empty", &[b""], &[b""]);
    check("x-twice", &[b"b", b"a", b"b"], &[b"b", b"a", b"b"]);
    check("x-long", &[&long], &[&long]);
    check(
        "cookie",
        &[b"a=1", b"b=\xe9; a=2"],
        &[b"a=1", b"b=\xe9; a=2"],
    );
    assert_eq!(setting.envoy.problems(), Vec::<String>::new());
}

#[test]
fn hostile_bytes_are_answered_and_harm_nobody() {
    let setting = Setting::start(1);
    let check = |bytes: &[u8], expected: Option<u16>| {
        let response = raw::send(setting.ingress, bytes, PATIENCE).unwrap();
        assert_eq!(response.status(), expected, "{}", bytes.escape_ascii());
    };
    check(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", Some(200));
    check(b"GET / HTTP/1.1\r\nhost: a\r\nx: \xff\r\n\r\n", Some(200));
    check(b"GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", Some(400));
    check(b"GET / HTTP/1.1\r\nhost: a\r\n\xff: x\r\n\r\n", Some(400));
    check(b"GET / HTTP/1.1\r\n\r\n", Some(400));
    check(b"\x16\x03\x01\x02\x00", Some(400));
    let good = b"GET /raw HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = raw::send(setting.ingress, good, PATIENCE).unwrap();
    let response = answer.parse().unwrap();
    assert_eq!(
        (response.status.as_u16(), response.served_by()),
        (200, "stable")
    );
    assert_eq!(response.received().unwrap().path, "/raw");
    let late = raw::send(setting.ingress, b"GET / HT", Duration::from_millis(50)).unwrap();
    assert_eq!((late.bytes.len(), late.closed), (0, false));
    late.parse().unwrap_err();
    assert_eq!(
        setting.client().send(&Request::get("/")).unwrap().status,
        200
    );
}

#[test]
fn ten_thousand_users_in_order_over_few_connections() {
    let setting = Setting::start(2);
    let requests: Vec<Request> = (0..10_000)
        .map(|user| {
            let request = Request::get(format!("/{user}"));
            if user % 4 == 0 {
                request.header(VARIANT, "canary")
            } else {
                request
            }
        })
        .collect();
    let client = setting.client();
    let start = Instant::now();
    let responses = client.send_all(requests, 16).unwrap();
    eprintln!("10,000 requests in {:?}", start.elapsed());
    assert_eq!(responses.len(), 10_000);
    for (user, response) in responses.iter().enumerate() {
        let expected = if user % 4 == 0 { "canary" } else { "stable" };
        assert_eq!(response.served_by(), expected, "user {user}");
        assert_eq!(response.received().unwrap().path, format!("/{user}"));
    }
    assert_eq!(
        (setting.stable.requests(), setting.canary.requests()),
        (7_500, 2_500)
    );
    let connections = setting
        .envoy
        .admin()
        .counter("http.ingress.downstream_cx_total");
    assert_eq!(connections.unwrap(), Some(16));

    drop(setting);
    client
        .send_all(vec![Request::get("/"); 100], 4)
        .unwrap_err();
}

#[test]
fn routes_are_replaced_under_load_without_a_failure() {
    let setting = Setting::start(2);
    let load = Load::start(setting.ingress, 4, Duration::from_micros(200), |number| {
        Request::get(format!("/{number}")).header(VARIANT, "canary")
    });
    load.wait_for(200, PATIENCE).unwrap();
    let swapped = load.now();
    swap::replace(&setting.folder.path().join("routes.json"), routes("stable")).unwrap();
    eventually("routes replaced", || setting.stable.requests() > 0);
    // Whatever the four connections had under way has been answered after 16 more.
    load.wait_for(16, PATIENCE).unwrap();
    let settled = load.now();
    load.wait_for(200, PATIENCE).unwrap();
    let report = load.stop();

    assert_eq!(report.failures().len(), 0, "{:?}", report.failures());
    let before = report.between(Duration::ZERO, swapped);
    assert_eq!(before.served_by("canary"), before.samples.len());
    let after = report.between(settled, Duration::MAX);
    assert!(after.samples.len() >= 200);
    assert_eq!(after.served_by("stable"), after.samples.len());
    let numbers: std::collections::BTreeSet<u64> =
        report.samples.iter().map(|sample| sample.number).collect();
    assert_eq!(numbers.len(), report.samples.len());
    assert_eq!(setting.envoy.problems(), Vec::<String>::new());
}

#[test]
fn a_load_tells_failures_by_kind() {
    let mut setting = Setting::start(1);
    setting.canary = Upstream::start("another").unwrap();
    let load = Load::start(setting.ingress, 2, Duration::ZERO, |number| {
        if number % 2 == 0 {
            Request::get("/").header(VARIANT, "canary")
        } else {
            Request::get("/")
        }
    });
    load.wait_for(20, PATIENCE).unwrap();
    setting.envoy.stop().unwrap();
    load.wait_for(20, PATIENCE).unwrap();
    let report = load.stop();

    let outcomes = report.outcomes();
    let is_broken = |outcome: &Outcome| matches!(outcome, Outcome::Broken(_));
    assert!(outcomes.contains_key(&Outcome::Served("stable".to_owned())));
    assert!(outcomes.contains_key(&Outcome::Status(503)), "{outcomes:?}");
    assert!(
        outcomes.keys().any(|outcome| is_broken(outcome)),
        "{outcomes:?}"
    );
    assert_eq!(outcomes.values().sum::<usize>(), report.samples.len());
}

#[test]
fn a_replaced_filter_is_applied_or_refused() {
    let setting = Setting::start(1);
    let client = setting.client();
    let path = setting.folder.path().join("filter.json");
    let check = |content: String, expected: Option<&str>, mark: &[u8]| {
        let verdict =
            discovery::replace(&setting.envoy, MARKER, &path, &content, PATIENCE).unwrap();
        match (&verdict, expected) {
            (Verdict::Applied { .. }, None) => {}
            (Verdict::Refused { problems, .. }, Some(words)) => {
                let words = |problem: &String| problem.contains(words);
                assert!(problems.iter().any(words), "{verdict:?}");
            }
            _ => panic!("{verdict:?} for {content}"),
        }
        client.send(&Request::get("/")).unwrap();
        let received = client.send(&Request::get("/")).unwrap().received().unwrap();
        assert_eq!(received.all(MARK), [mark]);
    };
    let unknown = json!({"@type": "type.googleapis.com/no.such.Filter"});
    check(marker("second"), None, b"second");
    check(marker("no\nvalue"), Some("rejected"), b"second");
    check(marker("third"), None, b"third");
    check(filter(unknown), Some("no.such.Filter"), b"third");
    check("{".to_owned(), Some("update"), b"third");
    check(marker("third"), None, b"third");
    check(marker("fourth"), None, b"fourth");

    let nobody = discovery::replace(&setting.envoy, "nobody", &path, "{}", PATIENCE);
    assert!(nobody.unwrap_err().to_string().contains("nobody"));
    let elsewhere = setting.folder.path().join("elsewhere.json");
    let limit = Duration::from_millis(50);
    let fifth = marker("fifth");
    let silence = discovery::replace(&setting.envoy, MARKER, &elsewhere, fifth, limit);
    assert!(silence.unwrap_err().to_string().contains("elsewhere.json"));
}

#[test]
fn a_start_that_fails_says_why() {
    let check = |launch: Launch, expected: &[&str]| {
        let problem = format!("{:#}", launch.start().unwrap_err());
        for words in expected {
            assert!(problem.contains(words), "no {words:?} in {problem}");
        }
    };
    let launch = Launch::new(&*BINARY);
    check(
        launch.clone().config_text("{no_such_field: 1}"),
        &["ended before it was ready", "no_such_field"],
    );
    check(
        launch.clone().config_file("/no/such/bootstrap.yaml"),
        &["ended before it was ready", "/no/such/bootstrap.yaml"],
    );
    check(
        launch
            .clone()
            .config_text("{node: {id: a, cluster: a}}")
            .ready_within(Duration::from_millis(700)),
        &["no admin address", "log ends with"],
    );
    check(Launch::new("/no/such/envoy"), &["/no/such/envoy"]);
}

#[test]
fn an_envoy_does_not_outlive_a_killed_parent() {
    const ROLE: &str = "COALMINE_TEST_PARENT";
    const NAME: &str = "an_envoy_does_not_outlive_a_killed_parent";
    if env::var_os(ROLE).is_some() {
        // The process that is going to be killed.
        let setting = Setting::start(1);
        println!("\npid {}", setting.envoy.pid());
        loop {
            std::thread::park();
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(ROLE, "yes")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(parent.stdout.take().unwrap());
    let pid = output
        .lines()
        .find_map(|line| line.unwrap().strip_prefix("pid ")?.parse::<u32>().ok())
        .unwrap();
    assert!(runs(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("Envoy has ended", || !runs(pid));
    let of_envoy = || {
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.any(|name| name.starts_with("envoy-"))
    };
    eventually("its folder is gone", || !of_envoy());
}

#[test]
fn an_upstream_ends_when_dropped() {
    let upstream = Upstream::start("stable").unwrap();
    let (address, client) = (upstream.address(), Client::new(upstream.address()));
    assert_eq!(
        client.send(&Request::get("/")).unwrap().served_by(),
        "stable"
    );
    drop(upstream);
    TcpStream::connect(address).unwrap_err();
    client.send(&Request::get("/")).unwrap_err();
}

#[test]
fn a_swap_leaves_one_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for content in ["first", "second, longer", ""] {
        swap::replace(&path, content).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    swap::replace(&folder.path().join("none/file"), "").unwrap_err();
}
