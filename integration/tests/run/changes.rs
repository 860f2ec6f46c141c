//! Files that are changed while requests flow.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use coalmine_integration::client::Client;
use coalmine_integration::load::Load;
use coalmine_integration::swap;
use rustix::process::Signal;

use crate::setting::{PATIENCE, Run, Service, user};

#[test]
fn envoy_follows_the_files_and_ends_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, cart) = (Service::new("shop"), Service::new("cart"));
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(file("shop.yaml"), shop.canary("0%")).unwrap();
    let mut run = Run::start(folder.path());
    let ingress = run.ingress();
    let client = Client::new(ingress);
    let load = Load::start(ingress, 2, Duration::from_millis(2), |n| user("shop", n));
    load.wait_for(50, PATIENCE).unwrap();
    let served = |host: &str| {
        let requests = (0..100).map(|number| user(host, number)).collect();
        let answers = client.send_all(requests, 4).unwrap();
        let of_canary = |name: &str| name.ends_with("/canary");
        answers
            .iter()
            .filter(|answer| of_canary(answer.served_by()))
            .count()
    };
    assert_eq!(served("shop"), 0);

    // Written in place, as some editors do, and replaced by a rename, as others do.
    fs::write(file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("shop: share canary 0% -> 100%", 1);
    assert_eq!(served("shop"), 100);
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("shop: share canary 100% -> 50%", 1);
    let half = served("shop");
    assert!((20..80).contains(&half), "{half}");

    // A mistake is drawn, and nothing changes.
    swap::replace(&file("shop.yaml"), shop.canary("150%")).unwrap();
    run.hears("the last good canaries go on", 1);
    assert!(run.said().contains("shop.yaml:8:"), "{}", run.said());
    assert_eq!(served("shop"), half);
    // It is told once, whatever else is written in the folder: people keep logs there.
    for line in ["one", "two"] {
        fs::write(file("notes.log"), line).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    assert_eq!(
        run.said().matches("the last good canaries go on").count(),
        1
    );
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("sound again, and as it was", 1);
    fs::write(file("cart.yaml"), "kind: [").unwrap();
    run.hears("the last good canaries go on", 2);
    assert_eq!(client.send(&user("cart", 1)).unwrap().status, 404);

    // Another canary, with clusters that Envoy has not heard of, comes and goes.
    swap::replace(&file("cart.yaml"), cart.canary("100%")).unwrap();
    run.hears("cart: new, for cart", 1);
    assert_eq!(served("cart"), 100);
    assert_eq!(served("shop"), half);
    fs::remove_file(file("cart.yaml")).unwrap();
    run.hears("cart: gone", 1);
    assert_eq!(client.send(&user("cart", 1)).unwrap().status, 404);

    load.wait_for(50, PATIENCE).unwrap();
    let report = load.stop();
    assert!(report.failures().is_empty(), "{:?}", report.failures());
    assert!(run.envoy().is_some());
    assert_eq!(run.end(Signal::TERM).code(), Some(0));
    run.assert_nothing_is_left();
    TcpStream::connect(ingress).unwrap_err();
}

/// What the reader accepts and Envoy does not: the module was taken out of the folder of its files.
#[test]
fn what_envoy_refuses_is_told_and_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let (shop, cart) = (Service::new("shop"), Service::new("cart"));
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(file("shop.yaml"), shop.canary("0%")).unwrap();
    let mut run = Run::start(folder.path());
    let client = Client::new(run.ingress());
    let is_served_by = |number: u64, variant: &str| {
        let answer = client.send(&user("shop", number)).unwrap();
        assert_eq!(answer.served_by(), variant);
    };
    is_served_by(1, "shop/stable");
    let its_folder = fs::read_dir(run.temporary.path()).unwrap().next();
    let its_folder = its_folder.unwrap().unwrap().path();
    let module = its_folder.join("coalmine.wasm");
    let routes = || fs::read_to_string(its_folder.join("xds/rds.json")).unwrap();
    let old_routes = routes();

    // Clusters and routes of the other canary are taken before the filter's config is refused.
    fs::rename(&module, file("aside")).unwrap();
    swap::replace(&file("cart.yaml"), cart.canary("100%")).unwrap();
    run.hears(
        "error: Envoy refuses the change and goes on with what it had; it says",
        1,
    );
    run.hears("coalmine.wasm", 1);
    let begun = Instant::now();
    let has_routes = || client.send(&user("cart", 1)).unwrap().status != 404;
    while routes() != old_routes || has_routes() {
        assert!(begun.elapsed() < PATIENCE, "{}", run.said());
        std::thread::sleep(Duration::from_millis(10));
    }
    is_served_by(1, "shop/stable");
    assert!(!run.said().contains("cart: new"), "{}", run.said());

    // The next change is taken whole, what was refused before included.
    fs::rename(file("aside"), &module).unwrap();
    swap::replace(&file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("cart: new, for cart", 1);
    run.hears("shop: share canary 0% -> 100%", 1);
    is_served_by(1, "shop/canary");
    assert_eq!(
        client.send(&user("cart", 1)).unwrap().served_by(),
        "cart/canary"
    );

    // Refused again, and the file put back as it was: nothing is to be done.
    fs::rename(&module, file("aside")).unwrap();
    swap::replace(&file("shop.yaml"), shop.canary("50%")).unwrap();
    run.hears("error: Envoy refuses the change", 2);
    swap::replace(&file("shop.yaml"), shop.canary("100%")).unwrap();
    run.hears("sound again, and as it was", 1);
    is_served_by(1, "shop/canary");
    assert_eq!(run.end(Signal::TERM).code(), Some(0));
    run.assert_nothing_is_left();
}
