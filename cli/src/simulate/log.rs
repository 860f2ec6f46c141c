//! An access log, line by line.

use super::{SimulateArgs, Simulated, host_of, meant};
use crate::input::Input;
use crate::outcome::Failure;
use crate::progress;
use crate::request::MadeUpMoment;
use coalmine::config::Canary;
use coalmine::{Moment, Policy, Timestamp};
use coalmine_analysis::log::{Logged, Part, Reader as Lines};
use coalmine_analysis::simulate::{Simulation, Watched};
use indicatif::ProgressBar;
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// How many bad lines are shown.
const SHOWN: usize = 5;

/// How many fields that mean nothing are named.
const NAMED: usize = 12;

/// How much of such a name is shown, in characters.
const LONGEST_NAME: usize = 40;

/// A line that is longer is none of an access log.
const LONGEST: usize = 1 << 20;

/// What was read of a log.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRead {
    /// Lines with something on them, the header line of CSV apart.
    pub lines: u64,
    /// Those that are requests.
    pub requests: u64,
    /// Requests of hosts that no canary governs.
    pub untouched: u64,
    /// Requests without a time of their own: they came at --at, or now.
    pub without_time: u64,
    /// Lines that are no request.
    pub bad: u64,
    /// The first of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub first_bad: Vec<BadLine>,
    /// Canaries that tell users apart by what the log does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_units: Vec<WithoutUnits>,
}

/// A canary of whose users the log says nothing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WithoutUnits {
    /// The canary.
    pub canary: String,
    /// Where it looks for units, as `--map` has it.
    pub looked_in: Vec<String>,
}

/// A line that is no request.
#[derive(Debug, Serialize)]
pub struct BadLine {
    /// From 1.
    pub line: u64,
    /// Why.
    pub problem: String,
}

/// Reads the log and decides about each line as it comes.
struct Reader<'r, 'p> {
    lines: Lines,
    now: Timestamp,
    watched: Watched<'p>,
    read: LogRead,
    bar: &'r ProgressBar,
}

/// Columns end at a quote or a line break, which what is no log may not have.
struct Bounded<R> {
    source: R,
    since_break: usize,
}

pub(super) fn simulate(
    args: &SimulateArgs,
    path: &Path,
    input: &Input,
    policy: &Policy,
) -> Result<Simulated, Failure> {
    let meant = meant(args, &input.canaries, policy)?;
    let host = match (&args.request.host, meant.as_slice()) {
        (Some(host), _) => Some(host.clone()),
        (None, [only]) => Some(host_of(only)),
        _ => None,
    };
    let standard_input = path.as_os_str() == "-";
    let name = path.display().to_string();
    let unreadable =
        |error: io::Error| Failure::cannot(format!("cannot read {name}: {error}; check the path"));
    let (source, bytes): (Box<dyn Read>, u64) = if standard_input {
        (Box::new(io::stdin()), 0)
    } else {
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        (Box::new(file), bytes)
    };
    let bar = progress::bar(bytes);
    let source = BufReader::with_capacity(1 << 16, bar.wrap_read(source));
    let mut reader = Reader {
        lines: Lines::new(
            &args.map,
            &input.canaries,
            policy.variant_header(),
            args.request.beside_a_log(host),
        ),
        now: MadeUpMoment::new(&args.request)?.now(),
        watched: Watched::new(policy, &input.canaries, args.seed),
        read: LogRead::default(),
        bar: &bar,
    };
    reader.read(source, path).map_err(unreadable)?;
    bar.finish_and_clear();
    finished(
        reader,
        &name,
        meant.len() == input.canaries.canaries.len(),
        &meant,
    )
}

fn finished(
    reader: Reader<'_, '_>,
    name: &str,
    all: bool,
    meant: &[&Canary],
) -> Result<Simulated, Failure> {
    let mut read = reader.read;
    if let Some(field) = reader.lines.missing() {
        return Err(Failure::refused(format!(
            "no line of {name} has the field `{field}` that --map names; check its spelling"
        )));
    }
    if read.requests == 0 {
        let why = match read.first_bad.first() {
            Some(bad) => format!("line {}: {}", bad.line, bad.problem),
            None => "it is empty".to_owned(),
        };
        return Err(Failure::refused(format!(
            "no line of {name} is a request; {why}{}",
            unknown(&reader.lines)
        )));
    }
    let mut canaries = reader.watched.report();
    read.untouched = canaries.first().map_or(0, |first| first.untouched);
    if !all {
        let names: Vec<String> = meant.iter().map(|canary| canary.full_name()).collect();
        canaries.retain(|simulation| names.contains(&simulation.canary));
    }
    let drawn = canaries.iter().filter(|simulation| wants_units(simulation));
    let drawn: Vec<&str> = drawn.map(|simulation| simulation.canary.as_str()).collect();
    let asked = meant
        .iter()
        .filter(|canary| drawn.contains(&canary.full_name().as_str()));
    read.without_units = asked
        .filter_map(|canary| WithoutUnits::of(canary, &reader.lines))
        .collect();
    if let Some(first) = read.without_units.first()
        && read.without_units.len() == drawn.len()
    {
        let place = first.looked_in.first().map_or("", String::as_str);
        let canaries = &read.without_units;
        let canaries: Vec<String> = canaries.iter().map(WithoutUnits::to_string).collect();
        return Err(Failure::refused(format!(
            "{name} does not say who is who: {}; say which field it is, like --map user={place}{}",
            canaries.join("; "),
            unknown(&reader.lines)
        )));
    }
    Ok(Simulated {
        as_asked: canaries.iter().all(|canary| canary.as_asked),
        canaries,
        curves: Vec::new(),
        log: Some(read),
        speed: Vec::new(),
    })
}

/// Whether a request came as far as to its unit.
fn wants_units(simulation: &Simulation) -> bool {
    let mut outcomes = simulation.outcomes.iter();
    !simulation.draws.is_empty() || outcomes.any(|outcome| outcome.reason == "no-unit")
}

/// The fields that mean nothing, behind whatever is wrong for want of one of them.
fn unknown(lines: &Lines) -> String {
    let all = lines.unknown();
    let mut shown: Vec<String> = all.iter().take(NAMED).map(|name| quoted(name)).collect();
    if all.len() > NAMED {
        shown.push(format!("and {} more", all.len() - NAMED));
    }
    match shown.is_empty() {
        true => String::new(),
        false => format!(
            "; the fields that mean nothing here are {}",
            shown.join(", ")
        ),
    }
}

/// A field's name in quotes; what is no log may have any.
fn quoted(name: &str) -> String {
    let mut shown: String = name.chars().take(LONGEST_NAME).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

impl WithoutUnits {
    fn of(canary: &Canary, lines: &Lines) -> Option<Self> {
        let places = lines.without_units(canary)?;
        Some(Self {
            canary: canary.full_name(),
            looked_in: places.iter().map(Part::to_string).collect(),
        })
    }
}

impl fmt::Display for WithoutUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.looked_in.join(" or ");
        write!(
            f,
            "{} tells users apart by {places}, and no field is that",
            self.canary
        )
    }
}

impl Reader<'_, '_> {
    fn read(&mut self, mut source: impl BufRead, path: &Path) -> io::Result<()> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let csv = match ending {
            Some("csv") => true,
            Some("json" | "jsonl" | "ndjson") => false,
            // JSON begins with a brace.
            _ => {
                let start = source.fill_buf()?.trim_ascii_start();
                !start.starts_with(b"{")
            }
        };
        if csv {
            self.csv(source)
        } else {
            self.json(source)
        }
    }

    fn json(&mut self, mut source: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let mut bounded = (&mut source).take(LONGEST as u64);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.len() == LONGEST && !line.ends_with(b"\n") {
                self.bad(number, too_long());
                source.skip_until(b'\n')?;
                continue;
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            let request = self.lines.json(&line);
            self.line(number, request);
        }
        Ok(())
    }

    fn csv(&mut self, source: impl Read) -> io::Result<()> {
        let mut source = csv::Reader::from_reader(Bounded {
            source,
            since_break: 0,
        });
        let names = match source.headers() {
            Ok(names) => names.clone(),
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(error) => return self.unread(1, error),
                _ => {
                    self.bad(1, "the header line is not UTF-8".to_owned());
                    return Ok(());
                }
            },
        };
        let mut values = csv::StringRecord::new();
        loop {
            let number = source.position().line();
            match source.read_record(&mut values) {
                Ok(false) => return Ok(()),
                Ok(true) => {
                    let request = self.lines.columns(names.iter().zip(&values));
                    self.line(number, request);
                }
                Err(error) => match error.into_kind() {
                    csv::ErrorKind::Io(error) => return self.unread(number, error),
                    csv::ErrorKind::UnequalLengths {
                        expected_len, len, ..
                    } => {
                        let problem = format!("it has {len} fields and not {expected_len}");
                        self.bad(number, problem);
                    }
                    _ => self.bad(number, "it is not UTF-8".to_owned()),
                },
            }
        }
    }

    fn line(&mut self, number: u64, request: Result<Logged, String>) {
        match request {
            Ok(request) => {
                self.read.lines += 1;
                self.read.requests += 1;
                self.read.without_time += u64::from(request.at.is_none());
                let now = request.at.unwrap_or(self.now);
                self.watched.decide(&request, now);
            }
            Err(problem) => self.bad(number, problem),
        }
    }

    /// What is behind a line without end is not looked at.
    fn unread(&mut self, line: u64, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::InvalidData => {
                self.bad(line, error.to_string());
                Ok(())
            }
            _ => Err(error),
        }
    }

    fn bad(&mut self, line: u64, problem: String) {
        self.read.lines += 1;
        self.read.bad += 1;
        if self.read.first_bad.len() < SHOWN {
            self.bar.tick();
            self.read.first_bad.push(BadLine { line, problem });
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        self.since_break = match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => read - end,
            None => self.since_break + read,
        };
        match self.since_break <= LONGEST {
            true => Ok(read),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, too_long())),
        }
    }
}

fn too_long() -> String {
    format!("it is longer than {LONGEST} bytes, as no line of an access log is")
}
