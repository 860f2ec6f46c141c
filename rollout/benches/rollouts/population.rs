//! Users, and the requests that they send: who falls where by the filter's own hash, who sends how
//! much, whose requests fail.

use coalmine::bucket::{Bucket, POSITIONS};
use coalmine_rollout::evidence::SLICES;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use rand_distr::weighted::WeightedAliasIndex;
use rand_distr::{Distribution, LogNormal, Poisson};

/// So many users are there.
pub(crate) const USERS: usize = 10_000;

/// Whoever fails always is one of so many.
const ALWAYS: u32 = 1000;
/// A burst begins at a look with this probability, and goes on with that of the second.
const BURST: (f64, f64) = (0.05, 0.5);
/// A burst meets one user of so many, whichever version they have, and so many of their requests.
const BURST_MEETS: (u32, f64) = (10, 0.2);

/// What users are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Users {
    /// All send as much as the others and fail as often: requests are independent.
    Alike,
    /// The `k`-th sends in proportion to `1 / k`, everyone's rate differs (log-normal, sigma 1), one
    /// of 1000 fails always, and bursts fail a fifth of the requests of a tenth of the users.
    Clustered,
}

/// The users of one rollout.
pub(crate) struct Population {
    position: Vec<u32>,
    slice: Vec<u8>,
    weight: Vec<f64>,
    /// By which the common rate is multiplied.
    effect: Vec<f64>,
    always: Vec<bool>,
    users: Users,
    bursting: bool,
    burst: u32,
    random: Xoshiro256PlusPlus,
}

/// The users of both arms at one share, to draw requests from.
pub(crate) struct Drawn {
    who: Vec<u32>,
    by_weight: WeightedAliasIndex<f64>,
    /// The requests of both arms at a look, on average.
    requests: f64,
    canary_below: u32,
}

/// One request.
pub(crate) struct Sent {
    pub(crate) user: usize,
    pub(crate) canary: bool,
    pub(crate) slice: usize,
    pub(crate) bad: bool,
}

impl Population {
    /// The users of the rollout of this number, under its own salt.
    pub(crate) fn new(users: Users, seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let salt = format!("rollout-{seed}");
        let buckets = (0..USERS).map(|user| Bucket::of(salt.as_bytes(), &user.to_le_bytes()));
        let (position, slice) = buckets
            .map(|bucket| {
                let slice = (bucket.hash() % SLICES as u64) as u8;
                (bucket.position().millionths(), slice)
            })
            .unzip();
        let alike = users == Users::Alike;
        let differ = LogNormal::new(-0.5, 1.0).expect("a positive deviation");
        Self {
            position,
            slice,
            weight: (1..=USERS)
                .map(|rank| if alike { 1.0 } else { 1.0 / rank as f64 })
                .collect(),
            effect: (0..USERS)
                .map(|_| {
                    if alike {
                        1.0
                    } else {
                        differ.sample(&mut random)
                    }
                })
                .collect(),
            always: (0..USERS)
                .map(|_| !alike && random.random_range(0..ALWAYS) == 0)
                .collect(),
            users,
            bursting: false,
            burst: 0,
            random,
        }
    }

    /// The arms at a share: the canary's at the beginning of the line, the control cohort at its
    /// end. Traffic is such that a canary gets `per_look` requests on average.
    pub(crate) fn draw(&self, share: f64, per_look: f64) -> Drawn {
        let canary_below = (share * f64::from(POSITIONS)) as u32;
        let control_from = POSITIONS - canary_below;
        let who: Vec<u32> = (0..USERS as u32)
            .filter(|user| {
                let position = self.position[*user as usize];
                position < canary_below || position >= control_from
            })
            .collect();
        let weights: Vec<f64> = who.iter().map(|user| self.weight[*user as usize]).collect();
        let everyone: f64 = self.weight.iter().sum();
        Drawn {
            requests: weights.iter().sum::<f64>() / everyone * per_look / share,
            by_weight: WeightedAliasIndex::new(weights).expect("users in both arms"),
            who,
            canary_below,
        }
    }

    /// The requests between two looks. The mean rate of a healthy version is `rate`, and that of the
    /// canary's `worse` times as large.
    pub(crate) fn look(
        &mut self,
        drawn: &Drawn,
        rate: f64,
        worse: f64,
        mut sent: impl FnMut(Sent),
    ) {
        let (begins, goes_on) = BURST;
        let chance = if self.bursting { goes_on } else { begins };
        self.bursting = self.users == Users::Clustered && self.random.random_bool(chance);
        if self.bursting {
            self.burst = self.burst.wrapping_add(1);
        }
        // What fails whatever the version is part of the mean, so the rest is that much more.
        let (met, fails) = BURST_MEETS;
        let (begins, goes_on) = BURST;
        let bursting = begins / (begins + 1.0 - goes_on);
        let always = 1.0 / f64::from(ALWAYS);
        let fixed = match self.users {
            Users::Alike => 0.0,
            Users::Clustered => always + bursting / f64::from(met) * fails,
        };
        let (healthy, canarys) = (rate - fixed, worse * rate - fixed);
        let poisson = Poisson::new(drawn.requests).expect("requests in both arms");
        let requests = poisson.sample(&mut self.random) as u64;
        for _ in 0..requests {
            let user = drawn.who[drawn.by_weight.sample(&mut self.random)] as usize;
            let canary = self.position[user] < drawn.canary_below;
            let own = if canary { canarys } else { healthy };
            // Who is met differs from burst to burst.
            let in_burst = self.bursting && mixed(user as u32, self.burst).is_multiple_of(met);
            let bad = self.always[user]
                || self.random.random_bool((own * self.effect[user]).min(1.0))
                || in_burst && self.random.random_bool(fails);
            sent(Sent {
                user,
                canary,
                slice: usize::from(self.slice[user]),
                bad,
            });
        }
    }
}

/// Any number from two, always the same.
fn mixed(user: u32, burst: u32) -> u32 {
    let both = (u64::from(user) << 32 | u64::from(burst)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((both ^ (both >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32
}
