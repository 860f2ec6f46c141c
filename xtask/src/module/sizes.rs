//! `cargo xtask module --sizes`: what the module is made of.
//!
//! It is built once more, with the names of its functions, and shrunk as the one that ships. A function
//! counts where its name says it comes from; one of another's that works on a type of ours is ours.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use coalmine_integration::workspace;
use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload, TypeRef};

use super::shrink;
use crate::bench::grouped;
use crate::setup;
use crate::step::Step;
use crate::toolchain::{self, Place};

/// Where functions come from, by what is in their paths: the first row counts that has a part of it.
const GROUPS: [(&str, &[&str]); 18] = [
    ("compiling a policy", &["coalmine::policy::compile"]),
    (
        "reading configs: ours",
        &["coalmine::config", "coalmine::node", "coalmine::diagnostic"],
    ),
    (
        "signed pins",
        &[
            "coalmine::pin",
            "25519",
            "sha2::",
            "base64ct",
            "digest::",
            "block_buffer",
        ],
    ),
    (
        "decisions that travel",
        &["coalmine::baggage", "coalmine_filter::onward"],
    ),
    (
        "evidence",
        &[
            "coalmine_filter::evidence",
            "coalmine_filter::watched",
            "coalmine::response",
        ],
    ),
    ("guards", &["coalmine::guard", "coalmine_filter::guards"]),
    (
        "the decision",
        &["coalmine_filter_decision", "coalmine::", "xxhash_rust"],
    ),
    (
        "callbacks, host calls, metrics, log",
        &["coalmine_filter", "coalmine_", "proxy_", "malloc", "log::"],
    ),
    ("reading configs: serde, strsim", &["serde", "strsim"]),
    ("regexes", &["regex_lite"]),
    ("hash tables", &["hashbrown", "foldhash", "core::hash"]),
    ("the allocator", &["talc"]),
    ("sorting", &["slice::sort"]),
    (
        "numbers as text",
        &["core::num", "fmt::num", "fmt::float", "flt2dec"],
    ),
    (
        "of the standard library: formatting and text",
        &["core::fmt", "core::str", "core::char", "core::unicode"],
    ),
    (
        "of the standard library: collections",
        &["alloc::", "core::slice"],
    ),
    (
        "of the standard library: the rest",
        &["core::", "std::", "rust", "mem"],
    ),
    ("what is none of these", &[""]),
];

/// Builds the module with names and gives the table.
///
/// # Errors
/// As [`super::build`], or the module is none that can be read.
pub(super) fn table(step: &Step) -> Result<String> {
    let target_dir = toolchain::target_dir().join("names");
    let cargo_home = toolchain::cargo_home();
    let place = Place {
        root: workspace::root(),
        target_dir: &target_dir,
        cargo_home: &cargo_home,
    };
    let mut command = setup::toolchain(step)?.cargo_in(&place, &super::BUILD);
    command.env("CARGO_PROFILE_WASM_STRIP", "none");
    step.run(&mut command)?.required()?;
    let linked = workspace::linked_module_path();
    let linked = target_dir.join(linked.strip_prefix(toolchain::target_dir())?);
    let linked = std::fs::read(linked).context("cargo built no module")?;
    let module = shrink::shrink(&linked, true)?;
    let sizes = sizes(&module)?;
    let width = sizes.iter().map(|(group, _)| group.len()).max();
    let width = width.unwrap_or_default();
    let lines = sizes.iter().map(|(group, bytes)| {
        let bytes = grouped(*bytes as u64);
        format!("{group:width$}  {bytes:>7}\n")
    });
    Ok(lines.collect())
}

/// Bytes by group, the largest first.
fn sizes(module: &[u8]) -> Result<Vec<(&'static str, usize)>> {
    let mut imported = 0;
    let mut bodies = Vec::new();
    let mut names = BTreeMap::new();
    let mut sizes = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += usize::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.range().len()),
            Payload::DataSection(data) => {
                sizes.insert("texts and tables", data.range().len());
            }
            Payload::CustomSection(custom) => {
                if let KnownCustom::Name(section) = custom.as_known() {
                    names = names_of(section)?;
                }
            }
            _ => {}
        }
    }
    for (index, bytes) in bodies.into_iter().enumerate() {
        let name = names.get(&(imported + index)).map_or("", String::as_str);
        *sizes.entry(group(&path(name))).or_default() += bytes;
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(sizes)
}

fn names_of(section: NameSectionReader<'_>) -> Result<BTreeMap<usize, String>> {
    let mut names = BTreeMap::new();
    for part in section {
        if let Name::Function(functions) = part? {
            for naming in functions {
                let naming = naming?;
                names.insert(usize::try_from(naming.index)?, naming.name.to_owned());
            }
        }
    }
    Ok(names)
}

/// The group of a function by its path.
fn group(path: &str) -> &'static str {
    let of = |(_, parts): &&(&str, &[&str])| parts.iter().any(|part| path.contains(part));
    GROUPS.iter().find(of).map_or("", |(group, _)| group)
}

/// The names in a mangled symbol, of either kind that the compiler has: no more than is needed to tell
/// where it comes from.
fn path(symbol: &str) -> String {
    let Some(mut rest) = symbol.strip_prefix("_ZN").or(symbol.strip_prefix("_R")) else {
        return symbol.to_owned();
    };
    let mut names = Vec::new();
    while let Some(first) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            let (length, after) = rest.split_at(digits);
            // The newer kind sets a name apart that begins with a digit.
            let after = after.strip_prefix('_').unwrap_or(after);
            let length = length.parse().unwrap_or(after.len());
            let (name, after) = after.split_at_checked(length).unwrap_or((after, ""));
            names.push(name.replace("..", "::"));
            rest = after;
        } else if first == 's' {
            // What tells crates of one name apart.
            rest = rest.split_once('_').map_or("", |(_, after)| after);
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    names.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_sorted_by_where_they_come_from() {
        let check = |symbol: &str, expected_path: &str, expected: &str| {
            assert_eq!(path(symbol), expected_path, "{symbol}");
            assert_eq!(group(expected_path), expected, "{symbol}");
        };
        check(
            "_ZN8coalmine6config9read_spec9read_spec17h44433ece5ae36ed8E",
            "coalmine::config::read_spec::read_spec::h44433ece5ae36ed8",
            "reading configs: ours",
        );
        check(
            "_ZN10regex_lite3nfa8Compiler1c17h0123456789abcdefE",
            "regex_lite::nfa::Compiler::c::h0123456789abcdef",
            "regexes",
        );
        check(
            "_RNvNtCsgXGp5Oqx2Ny_4core3str19slice_error_fail_rt",
            "core::str::slice_error_fail_rt",
            "of the standard library: formatting and text",
        );
        check(
            "proxy_on_configure",
            "proxy_on_configure",
            "callbacks, host calls, metrics, log",
        );
        check("", "", "what is none of these");
        let of_ours = "_ZN4core3ptr51drop_in_place$LT$coalmine..policy..CanaryPolicy$GT$17hf1E";
        assert_eq!(group(&path(of_ours)), "the decision");
        let of_ours =
            "_ZN66_$LT$coalmine..pin..token..Said$u20$as$u20$serde_core..de..Deserialize$GT$E";
        assert_eq!(group(&path(of_ours)), "signed pins");
    }

    #[test]
    fn every_function_counts_once() {
        use walrus::{FunctionBuilder, Module, ModuleConfig};
        let mut module = Module::with_config(ModuleConfig::new());
        for name in [
            "_ZN10regex_lite3nfa8CompilerE",
            "_ZN10regex_lite3hirE",
            "other",
        ] {
            let function = FunctionBuilder::new(&mut module.types, &[], &[]);
            let function = function.finish(Vec::new(), &mut module.funcs);
            module.funcs.get_mut(function).name = Some(name.to_owned());
        }
        // An empty body: no locals, and an end.
        let expected = [("regexes", 4), ("what is none of these", 2)];
        assert_eq!(sizes(&module.emit_wasm()).unwrap(), expected);
    }
}
