//! The request that every scenario is measured with.
//!
//! Beside the pseudo-headers it has five ordinary headers, as a browser's request has them once it
//! is inside a mesh: `user-agent`, `accept`, `x-request-id`, `x-user-id`, and a `cookie` with a
//! session among three others. Scenarios differ in the user only, and all users' names are equally
//! long.

use coalmine_integration::client::Request;

/// The host that is asked for.
pub(super) const HOST: &str = "reviews.example.com";

/// The header with the user.
pub(super) const USER: &str = "x-user-id";

/// The header with a tester's pin.
pub(super) const PIN: &str = "x-canary";

/// An ordinary user.
pub(super) fn user(number: usize) -> String {
    format!("user-{number:06}")
}

/// A user that scenarios with pinned users name in their config.
pub(super) fn pinned_user(number: usize) -> String {
    user(900_000 + number)
}

/// What is asked for.
pub(super) const PATH: &str = "/api/v1/reviews/42?page=2";

/// The headers of a user's request.
pub(super) fn headers(user: &str) -> [(&'static str, &str); 6] {
    [
        ("host", HOST),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        ),
        ("accept", "application/json"),
        ("x-request-id", "5b0c2f3e-7f0a-4d53-9c8e-0a2b6f1d9e47"),
        (USER, user),
        (
            "cookie",
            "theme=dark; session=7d1f0c9a5be24e0f; lang=en-GB; consent=granted",
        ),
    ]
}

/// The request of a user.
pub(super) fn of(user: &str) -> Request {
    let headers = headers(user).into_iter();
    headers.fold(Request::get(PATH), |request, (name, value)| {
        request.header(name, value)
    })
}
