//! The short names of what `coalmine status` finds by itself. What it finds as `validate --against` does
//! has its names in the companion crate.

/// A kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// No canary is as asked for.
    NoCanary,
    /// Neither a Service nor a `ServiceEntry` is where routes lead.
    NoService,
    /// Nothing that is ready has the labels of a variant.
    NoEndpoints,
    /// A variant and the default go to the same endpoints.
    SameDestination,
    /// One may not list a kind of objects.
    Forbidden,
    /// The API server failed to list them.
    Unread,
    /// A control plane was not asked, or did not answer.
    NoControlPlane,
    /// It did not answer everything.
    Unanswered,
    /// A proxy refused the extensions that were sent last.
    ProxyRefused,
    /// A proxy refused something else that was sent.
    ProxyRefusedOther,
    /// A proxy took what its control plane has, which is not what the plugin says.
    ProxyOutdated,
    /// A proxy has not answered yet.
    ProxyStale,
    /// A proxy was sent nothing yet.
    ProxyNotSent,
    /// A proxy that a plugin is for does not ask for it.
    ProxyWithout,
}

impl Code {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoCanary,
        Self::NoService,
        Self::NoEndpoints,
        Self::SameDestination,
        Self::Forbidden,
        Self::Unread,
        Self::NoControlPlane,
        Self::Unanswered,
        Self::ProxyRefused,
        Self::ProxyRefusedOther,
        Self::ProxyOutdated,
        Self::ProxyStale,
        Self::ProxyNotSent,
        Self::ProxyWithout,
    ];

    /// As it is printed; it stays as it is, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoCanary => "no-canary",
            Self::NoService => "no-service",
            Self::NoEndpoints => "no-endpoints",
            Self::SameDestination => "same-destination",
            Self::Forbidden => "forbidden",
            Self::Unread => "unread",
            Self::NoControlPlane => "no-control-plane",
            Self::Unanswered => "unanswered",
            Self::ProxyRefused => "proxy-refused",
            Self::ProxyRefusedOther => "proxy-refused-other",
            Self::ProxyOutdated => "proxy-outdated",
            Self::ProxyStale => "proxy-stale",
            Self::ProxyNotSent => "proxy-not-sent",
            Self::ProxyWithout => "proxy-without",
        }
    }
}
