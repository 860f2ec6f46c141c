//! The report for people.

use super::report::{CanaryStatus, Finding, PluginStatus, ProxyStatus, Severity, State, Status};
use crate::explain::Paint;
use crate::input::counted;
use comfy_table::{Table, presets};

/// How many proxies are named; the worst come first, and programs get all.
const MOST_PROXIES: usize = 20;

/// How much of a digest tells it from others.
const DIGEST_SHOWN: usize = 12;

/// The report, with colours where standard output takes them.
pub fn text(status: &Status) -> String {
    let paint = Paint::for_stdout();
    let mut parts: Vec<String> = Vec::new();
    parts.extend(status.canaries.iter().map(|one| canary(one, paint)));
    if !status.plugins.is_empty() {
        let plugins = status.plugins.iter().map(plugin);
        parts.push(plugins.collect());
    }
    if let Some(proxies) = &status.proxies {
        parts.push(proxies_of(proxies));
    }
    parts.extend(status.findings.iter().map(|one| finding(one, paint)));
    parts.push(verdict(status));
    parts.join("\n")
}

fn canary(one: &CanaryStatus, paint: Paint) -> String {
    let mut text = format!(
        "canary {} for {}\n",
        paint.strong(&one.name),
        one.hosts.join(", ")
    );
    let mut table = table(&["variant", "share", "service", "labels", "endpoints"]);
    for variant in &one.variants {
        let labels = variant
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let name = match variant.default {
            true => format!("{} (default)", variant.name),
            false => variant.name.clone(),
        };
        table.add_row([
            name,
            variant.share.clone(),
            variant
                .service
                .clone()
                .unwrap_or_else(|| "no route".to_owned()),
            labels.collect::<Vec<_>>().join(","),
            variant
                .endpoints
                .map_or_else(|| "unknown".to_owned(), |count| count.to_string()),
        ]);
    }
    text.push_str(&indented(&table));
    if one.rules > 0 {
        text.push_str(&format!(
            "  {} before the shares\n",
            counted(one.rules, "rule")
        ));
    }
    if let Some(next) = &one.next {
        let shares = next
            .shares
            .iter()
            .map(|(name, share)| format!("{name} {share}"));
        let shares: Vec<String> = shares.collect();
        text.push_str(&format!(
            "  next by the ramp: {} at {}\n",
            shares.join(", "),
            next.at
        ));
    }
    text
}

fn plugin(one: &PluginStatus) -> String {
    let canaries = match one.canaries {
        Some(count) => counted(count, "canary"),
        None => "a config that the filter refuses".to_owned(),
    };
    let module = match (&one.digest, &one.module) {
        (Some(digest), _) => {
            let shown: String = digest.chars().take(DIGEST_SHOWN).collect();
            format!(", module sha256:{shown}")
        }
        (None, Some(url)) => format!(", module {url}"),
        (None, None) => String::new(),
    };
    let sources: Vec<&str> = one.sources.keys().map(String::as_str).collect();
    let sources = match sources.is_empty() {
        true => String::new(),
        false => format!(", made from {}", sources.join(", ")),
    };
    let states = one.proxies.iter();
    let states: Vec<String> = states
        .map(|(state, count)| format!("{count} {}", state.words()))
        .collect();
    let states = match states.is_empty() {
        true => String::new(),
        false => format!("; proxies: {}", states.join(", ")),
    };
    format!("{}: {canaries}{module}{sources}{states}\n", one.name)
}

fn proxies_of(proxies: &[ProxyStatus]) -> String {
    if proxies.is_empty() {
        return "no proxy that these plugins are for is connected\n".to_owned();
    }
    let mut rows: Vec<&ProxyStatus> = proxies.iter().collect();
    rows.sort_by_key(|one| match one.state {
        State::Refused => 0,
        State::NotSent | State::Stale | State::Outdated => 1,
        State::Absent | State::Unknown => 2,
        State::Synced | State::Acknowledged => 3,
    });
    let mut table = table(&["proxy", "is a", "plugin", "state"]);
    for one in rows.iter().take(MOST_PROXIES) {
        table.add_row([&one.proxy, &one.role, &one.plugin, one.state.words()]);
    }
    let more = match rows.len().saturating_sub(MOST_PROXIES) {
        0 => String::new(),
        more => format!("and {more} more: -o json has all\n"),
    };
    format!("proxies\n{}{more}", indented(&table))
}

fn finding(one: &Finding, paint: Paint) -> String {
    let severity = match one.severity {
        Severity::Error => paint.bad("error"),
        Severity::Warning => paint.strong("warning"),
        Severity::Note => "note".to_owned(),
    };
    let about = match (one.about.as_str(), one.path.as_str()) {
        // Most messages about an object begin with it.
        (about, _) if one.message.starts_with(about) => String::new(),
        (about, "") => format!("{about}: "),
        (about, path) => format!("{about}, {path}: "),
    };
    let help = one.help.iter().map(|help| format!("  help: {help}\n"));
    format!(
        "{severity}[{}]: {about}{}\n{}",
        one.code,
        one.message,
        help.collect::<String>()
    )
}

fn verdict(status: &Status) -> String {
    let count = |severity: Severity| {
        let all = status.findings.iter();
        all.filter(|one| one.severity == severity).count()
    };
    let parts = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ];
    let parts = parts.map(|(severity, word)| (count(severity), word));
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| counted(*count, word))
        .collect();
    let tail = match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    };
    match status.ok {
        true => format!("ok{tail}\n"),
        false => format!("something is wrong{tail}\n"),
    }
}

fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

fn indented(table: &Table) -> String {
    let lines = table.lines();
    let lines = lines.map(|line| format!("  {}\n", line.trim_end()));
    lines.collect()
}
