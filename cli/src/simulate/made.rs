//! Synthetic units, curves over a ramp, and how fast it goes.

use super::{SimulateArgs, Simulated, SpeedOf, host_of, meant};
use crate::input::Input;
use crate::outcome::Failure;
use crate::progress;
use crate::replace;
use crate::request::MadeUpMoment;
use coalmine::config::{Canary, UnitSource};
use coalmine::{Moment, Policy, Timestamp};
use coalmine_analysis::plot;
use coalmine_analysis::simulate::{Curve, Run, Times, curve, ramp_times, simulate as run, speed};
use std::time::Instant;

/// How long decisions are timed.
const SECONDS: f64 = 2.0;

pub(super) fn simulate(
    args: &SimulateArgs,
    input: &Input,
    policy: &Policy,
) -> Result<Simulated, Failure> {
    let canaries = meant(args, &input.canaries, policy)?;
    for canary in &canaries {
        unit_is_free(args, canary)?;
    }
    let now = MadeUpMoment::new(&args.request)?.now();
    if args.speed {
        return Ok(measured(args, policy, &canaries, now));
    }
    let times = canaries
        .iter()
        .map(|canary| Ok((*canary, times(args, canary)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let curves = times.iter().filter(|(_, times)| times.is_some()).count();
    match (&args.svg, curves) {
        (Some(_), 0) => {
            return Err(Failure::refused(
                "--svg draws shares over time, and there is no ramp; say which times with --from \
                 and --to",
            ));
        }
        (Some(_), 2..) => {
            return Err(Failure::refused(
                "--svg draws one canary; say which with --host",
            ));
        }
        _ => {}
    }
    let of_a_point = (args.units / u64::from(args.points)).max(1);
    let all =
        canaries.len() as u64 * args.units + curves as u64 * u64::from(args.points) * of_a_point;
    let bar = progress::bar(all);
    let mut simulated = Simulated {
        canaries: Vec::new(),
        as_asked: true,
        curves: Vec::new(),
        log: None,
        speed: Vec::new(),
    };
    for (canary, times) in times {
        let headers = args.request.header_list(&host(args, canary));
        let at_now = Run {
            headers: &headers,
            address: args.request.source_address.as_deref(),
            units: args.units,
            seed: args.seed,
            now,
        };
        let simulation = run(policy, canary, &at_now, |done| bar.inc(done));
        simulated.as_asked &= simulation.as_asked;
        simulated.canaries.push(simulation);
        if let Some(times) = times {
            let units = of_a_point;
            let each = Run { units, ..at_now };
            let curve = curve(policy, canary, &each, times, |done| bar.inc(done));
            simulated.curves.push(curve);
        }
    }
    bar.finish_and_clear();
    if let (Some(path), Some(curve)) = (&args.svg, simulated.curves.first()) {
        replace::replace(path, plot::svg(&plot::Lines::from(curve))).map_err(|error| {
            Failure::cannot(format!("cannot write {}: {error}", path.display()))
        })?;
    }
    Ok(simulated)
}

fn host(args: &SimulateArgs, canary: &Canary) -> String {
    let said = args.request.host.clone();
    said.unwrap_or_else(|| host_of(canary))
}

/// A unit that all requests have leaves nothing to simulate.
fn unit_is_free(args: &SimulateArgs, canary: &Canary) -> Result<(), Failure> {
    let request = &args.request;
    let given = canary.spec.unit.iter().find_map(|source| {
        let (kind, name, given) = match source {
            UnitSource::Header(name) => {
                let given = request.headers.iter().any(|(known, _)| known == name);
                ("header", name, given)
            }
            UnitSource::Cookie(name) => {
                let names = |cookie: &String| cookie.split_once('=').map(|(n, _)| n.to_owned());
                let mut cookies = request.cookies.iter().filter_map(names);
                ("cookie", name, cookies.any(|known| known.trim() == name))
            }
            UnitSource::Query(_) => return None,
        };
        given.then(|| format!("{kind} {name}"))
    });
    match given {
        Some(place) => Err(Failure::refused(format!(
            "{place} is the unit of {}, which the simulation makes; leave it out, or ask \
             `coalmine explain` about one request",
            canary.full_name()
        ))),
        None => Ok(()),
    }
}

/// The times of a canary's plot, if it has one.
fn times(args: &SimulateArgs, canary: &Canary) -> Result<Option<Times>, Failure> {
    let points = usize::from(args.points);
    let ramp = ramp_times(canary, points);
    let from = args.from.or(ramp.map(|ramp| ramp.from));
    let to = args.to.or(ramp.map(|ramp| ramp.to));
    match (from, to) {
        (Some(from), Some(to)) if from < to => Ok(Some(Times { from, to, points })),
        (Some(from), Some(to)) => Err(Failure::refused(format!(
            "the plot begins at {from} and ends at {to}; say --from and --to the other way round"
        ))),
        (None, None) => Ok(None),
        _ => Err(Failure::refused(format!(
            "{} has no ramp; say both --from and --to",
            canary.full_name()
        ))),
    }
}

fn measured(
    args: &SimulateArgs,
    policy: &Policy,
    canaries: &[&Canary],
    now: Timestamp,
) -> Simulated {
    let start = Instant::now();
    let bar = progress::bar(canaries.len() as u64);
    let speed = canaries.iter().map(|canary| {
        let headers = args.request.header_list(&host(args, canary));
        let run = Run {
            headers: &headers,
            address: args.request.source_address.as_deref(),
            units: args.units,
            seed: args.seed,
            now,
        };
        let speed = speed(policy, canary, &run, SECONDS, || {
            start.elapsed().as_secs_f64()
        });
        bar.inc(1);
        SpeedOf {
            canary: canary.full_name(),
            speed,
        }
    });
    let speed = speed.collect();
    bar.finish_and_clear();
    Simulated {
        canaries: Vec::new(),
        as_asked: true,
        curves: Vec::<Curve>::new(),
        log: None,
        speed,
    }
}
