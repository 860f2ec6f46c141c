//! What is in a module, and whether Envoy can load it.

use super::carried::Module;
use super::host::{self, ABI_VERSIONS};
use super::image::{gzip, sha256};
use crate::outcome::Failure;
use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload, TypeRef, Validator};

/// The custom section in which the module says its version.
const SECTION: &str = "coalmine";

/// What only a module that cargo has linked exports: the finished one has it as `malloc`.
const UNFINISHED: &str = "coalmine_malloc";

/// A page of WebAssembly's memory.
const PAGE: u64 = 65_536;

/// What is in a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// The version of Coalmine that it says it is; none if it is not Coalmine's.
    pub version: Option<String>,
    /// `sha256:` and the hash of its bytes: `sha256` of a WasmPlugin that fetches it by http(s).
    pub digest: String,
    /// In bytes.
    pub size: usize,
    /// In bytes, as it travels in an image.
    pub gzipped_size: usize,
    /// The version of the proxy-wasm ABI that it speaks.
    pub abi: Option<String>,
    /// The memory that it exports.
    pub memory: Option<Memory>,
    /// The names of what it exports, in its order.
    pub exports: Vec<String>,
    /// What it needs of its host, as `module.name`, in its order.
    pub imports: Vec<String>,
    /// Whether Envoy, and with it Istio, can load it.
    pub loads: bool,
    /// Why not, in words.
    pub problems: Vec<String>,
}

/// A module's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// At the start, in bytes.
    pub initial: u64,
    /// At most, in bytes, if the module says so.
    pub maximum: Option<u64>,
}

#[derive(Deserialize)]
struct About {
    version: String,
}

/// Looks into a module.
///
/// # Errors
/// It is not WebAssembly at all; the text says what is wrong with it.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("does not begin like WebAssembly".to_owned());
    }
    if Parser::is_component(bytes) {
        return Err("is a component, and Envoy loads core modules only".to_owned());
    }
    let gzipped_size = gzip(bytes).map_err(|error| error.to_string())?.len();
    let mut found = Inspection {
        version: None,
        digest: sha256(bytes),
        size: bytes.len(),
        gzipped_size,
        abi: None,
        memory: None,
        exports: Vec::new(),
        imports: Vec::new(),
        loads: false,
        problems: Vec::new(),
    };
    let imported = read(bytes, &mut found).map_err(|error| format!("is damaged: {error}"))?;
    if let Err(error) = Validator::new().validate_all(bytes) {
        found.problems.push(format!("it is not valid: {error}"));
    }
    let has = |name: &str| found.exports.iter().any(|export| export == name);
    let abi = ABI_VERSIONS.iter().find(|(export, _)| has(export));
    found.abi = abi.map(|(_, version)| (*version).to_owned());
    let mut problems = Vec::new();
    if found.abi.is_none() {
        problems.push(
            "it does not say which proxy-wasm ABI it speaks: no export proxy_abi_version_0_2_1"
                .to_owned(),
        );
    }
    if !has("memory") {
        problems.push("it exports no memory, so the host can hand it nothing".to_owned());
    }
    if !has("malloc") && !has("proxy_on_memory_allocate") {
        problems.push("it exports neither malloc nor proxy_on_memory_allocate".to_owned());
    }
    if has(UNFINISHED) {
        problems.push(
            "it is as cargo linked it: take target/coalmine.wasm, which `cargo xtask module` makes"
                .to_owned(),
        );
    }
    for (module, name, function) in imported {
        if !function {
            problems.push(format!(
                "it imports {module}.{name}, which is no function; Envoy gives functions only"
            ));
        } else if !host::has(found.abi.as_deref(), &module, &name) {
            problems.push(format!(
                "it imports {module}.{name}, which Envoy does not have"
            ));
        }
    }
    found.problems.extend(problems);
    found.loads = found.problems.is_empty();
    Ok(found)
}

/// What is in a module that is to be used, so one that Envoy can load.
///
/// # Errors
/// Envoy cannot.
pub(crate) fn usable(module: &Module) -> Result<Inspection, Failure> {
    let found = inspect(&module.bytes)
        .map_err(|problem| Failure::refused(format!("{} {problem}", module.source)))?;
    match found.problems.first() {
        None => Ok(found),
        Some(problem) => Err(Failure::refused(format!(
            "Envoy cannot load {}: {problem}; `coalmine module inspect` says all about it",
            module.source
        ))),
    }
}

/// Fills in what stands in the sections; gives the imports, and whether each is a function.
fn read(
    bytes: &[u8],
    found: &mut Inspection,
) -> Result<Vec<(String, String, bool)>, wasmparser::BinaryReaderError> {
    let mut imported = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    found.imports.push(format!("{module}.{name}"));
                    let function = matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                    imported.push((module, name, function));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    found.exports.push(export?.name.to_owned());
                }
            }
            Payload::MemorySection(section) => {
                if let Some(memory) = section.into_iter().next() {
                    let memory = memory?;
                    let bytes = |pages: u64| pages.saturating_mul(PAGE);
                    found.memory = Some(Memory {
                        initial: bytes(memory.initial),
                        maximum: memory.maximum.map(bytes),
                    });
                }
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                let about = serde_json::from_slice::<About>(section.data()).ok();
                found.version = about.map(|about| about.version);
            }
            _ => {}
        }
    }
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section of a module.
    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 128, "one byte of LEB128");
        [&[id, length], content].concat()
    }

    fn text(name: &str) -> Vec<u8> {
        [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat()
    }

    /// A module with one function type, these imports and these exports of the first function, and
    /// a memory under its name.
    fn module(imports: &[(&str, &str)], exports: &[&str]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        bytes.extend(section(1, &[1, 0x60, 0, 0]));
        let mut list = vec![u8::try_from(imports.len()).unwrap()];
        for (module, name) in imports {
            list.extend([text(module), text(name), vec![0, 0]].concat());
        }
        bytes.extend(section(2, &list));
        bytes.extend(section(3, &[1, 0]));
        bytes.extend(section(5, &[1, 1, 2, 16]));
        let mut list = vec![u8::try_from(exports.len()).unwrap()];
        for name in exports {
            let memory = *name == "memory";
            list.extend([text(name), vec![if memory { 2 } else { 0 }, 0]].concat());
        }
        bytes.extend(section(7, &list));
        bytes.extend(section(10, &[1, 2, 0, 0x0b]));
        bytes
    }

    const ENOUGH: [&str; 3] = ["memory", "malloc", "proxy_abi_version_0_2_1"];

    #[test]
    fn what_envoy_lacks_is_said_in_words() {
        let check = |imports: &[(&str, &str)], exports: &[&str], expected: &[&str]| {
            let found = inspect(&module(imports, exports)).unwrap();
            let problems = &found.problems;
            assert_eq!(problems.len(), expected.len(), "{problems:?}");
            for (problem, part) in problems.iter().zip(expected) {
                assert!(problem.contains(part), "{problem}");
            }
            assert_eq!(found.loads, expected.is_empty());
        };
        check(&[], &ENOUGH, &[]);
        check(&[("env", "proxy_log")], &ENOUGH, &[]);
        check(&[("env", "proxy_get_log_level")], &ENOUGH, &[]);
        check(&[("wasi_snapshot_preview1", "random_get")], &ENOUGH, &[]);
        let older = [
            "memory",
            "proxy_on_memory_allocate",
            "proxy_abi_version_0_1_0",
        ];
        check(&[("env", "proxy_clear_route_cache")], &older, &[]);
        let clear = "env.proxy_clear_route_cache, which Envoy does not have";
        check(&[("env", "proxy_clear_route_cache")], &ENOUGH, &[clear]);
        check(&[("env", "memcpy")], &ENOUGH, &["env.memcpy"]);
        check(
            &[("wasi_snapshot_preview1", "sock_send")],
            &ENOUGH,
            &["sock_send"],
        );
        check(
            &[("go", "runtime.wasmExit")],
            &ENOUGH,
            &["go.runtime.wasmExit"],
        );
        check(
            &[],
            &["memory", "malloc"],
            &["no export proxy_abi_version_0_2_1"],
        );
        check(&[], &["malloc", "proxy_abi_version_0_2_1"], &["no memory"]);
        check(
            &[],
            &["memory", "proxy_abi_version_0_2_1"],
            &["neither malloc"],
        );
        let linked = [&ENOUGH[..], &["coalmine_malloc"]].concat();
        check(
            &[],
            &linked,
            &["as cargo linked it: take target/coalmine.wasm"],
        );
    }

    #[test]
    fn memory_abi_and_version_are_read() {
        let mut bytes = module(&[], &ENOUGH);
        let found = inspect(&bytes).unwrap();
        let memory = Memory {
            initial: 2 * PAGE,
            maximum: Some(16 * PAGE),
        };
        assert_eq!(found.memory, Some(memory));
        assert_eq!((found.abi.as_deref(), found.version), (Some("0.2.1"), None));
        bytes.extend(section(
            0,
            &[text("coalmine"), b"{\"version\":\"1.2.3\"}".to_vec()].concat(),
        ));
        assert_eq!(inspect(&bytes).unwrap().version.as_deref(), Some("1.2.3"));
    }

    #[test]
    fn no_bytes_reach_a_panic() {
        let check = |bytes: &[u8], part: &str| {
            let problem = inspect(bytes).unwrap_err();
            assert!(problem.contains(part), "{problem}");
        };
        check(b"", "does not begin");
        check(b"#!/bin/sh", "does not begin");
        check(b"\0asm", "damaged");
        check(b"\0asm\x0d\0\x01\0", "component");
        let whole = module(&[("env", "proxy_log")], &ENOUGH);
        for end in 8..whole.len() {
            let _ = inspect(&whole[..end]);
        }
        for place in 8..whole.len() {
            let mut broken = whole.clone();
            broken[place] ^= 0xff;
            let _ = inspect(&broken);
        }
    }
}
