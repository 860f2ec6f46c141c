//! From the linked module to the one that is shipped: only the exports that are needed, only what
//! they reach, only imports that Envoy has.
//!
//! Every callback that a module exports is called for every request, whether it does anything or
//! not; the proxy-wasm SDK exports all of them, and some of them the filter has of its own. And every
//! proxy compiles every byte at every push.

use anyhow::{Context, Result, bail};
use walrus::{ExportId, ImportKind, Module, ModuleConfig, RawCustomSection};

/// The exports that stay, each with its reason. One that is missing is a defect of the module.
const EXPORTS: [(&str, &str); 11] = [
    (
        "memory",
        "the host reads and writes headers and configuration here",
    ),
    ("malloc", "the host allocates here whatever it returns"),
    (
        "_initialize",
        "run once per VM: sets the log level and the root context",
    ),
    (
        "proxy_abi_version_0_2_1",
        "tells Envoy which ABI the module speaks",
    ),
    (
        "proxy_on_context_create",
        "one context for each configuration and each request",
    ),
    (
        "proxy_on_vm_start",
        "Envoy requires its answer before it configures",
    ),
    (
        "proxy_on_configure",
        "takes the configuration, or refuses it",
    ),
    ("proxy_on_request_headers", "decides and routes"),
    (
        "proxy_on_response_headers",
        "sets the cookie, and takes the time of the response",
    ),
    (
        "proxy_on_response_trailers",
        "reads what gRPC says; called only where there are trailers",
    ),
    (
        "proxy_on_delete",
        "counts how the response ended, and frees the context of a request",
    ),
];

/// An export of this and a name of the table takes the place of the SDK's export of that name: two
/// functions of one name would not link.
const OURS: &str = "coalmine_";

/// What the module takes of WASI, which Envoy offers to every module: entropy, and the steady clock.
const WASI: [&str; 2] = ["random_get", "clock_time_get"];

/// The custom section that says which Coalmine the module is, as `coalmine module inspect` reads it.
const SECTION: &str = "coalmine";

/// The module with [`EXPORTS`] alone, ours instead of the SDK's, without what they do not reach, and with
/// no custom section but [`SECTION`], and the names of functions where they are wanted.
///
/// # Errors
/// An export of the table is missing, or an import is one that Envoy would refuse.
pub(super) fn shrink(linked: &[u8], names: bool) -> Result<Vec<u8>> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(names);
    config.generate_producers_section(false);
    let mut module = config
        .parse(linked)
        .context("cargo built no valid module")?;

    for (name, reason) in EXPORTS {
        if !module.exports.iter().any(|export| export.name == name) {
            bail!("the module does not export {name} ({reason})");
        }
    }
    for (name, _) in EXPORTS {
        let Some(ours) = find(&module, &format!("{OURS}{name}")) else {
            continue;
        };
        if let Some(theirs) = find(&module, name) {
            module.exports.delete(theirs);
        }
        name.clone_into(&mut module.exports.get_mut(ours).name);
    }
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|export| EXPORTS.iter().all(|(name, _)| *name != export.name))
        .map(walrus::Export::id)
        .collect();
    for export in unused {
        module.exports.delete(export);
    }
    let custom: Vec<_> = module.customs.iter().map(|(section, _)| section).collect();
    for section in custom {
        module.customs.delete(section);
    }
    module.customs.add(RawCustomSection {
        name: SECTION.to_owned(),
        data: format!(r#"{{"version":"{}"}}"#, env!("CARGO_PKG_VERSION")).into_bytes(),
    });
    walrus::passes::gc::run(&mut module);

    // After the collection: what only a removed callback imported is gone.
    for import in module.imports.iter() {
        let function = matches!(import.kind, ImportKind::Function(_));
        check_import(&import.module, &import.name, function)?;
    }
    Ok(module.emit_wasm())
}

fn find(module: &Module, name: &str) -> Option<ExportId> {
    let export = module.exports.iter().find(|export| export.name == name)?;
    Some(export.id())
}

/// Refuses an import that the host may not have, with the likely cause.
fn check_import(module: &str, name: &str, function: bool) -> Result<()> {
    let cause = match module {
        "env" if function && name.starts_with("proxy_") => return Ok(()),
        "wasi_snapshot_preview1" if function && WASI.contains(&name) => return Ok(()),
        "env" => {
            "an extern function that nothing defines: a C dependency, or a block without \
             #[link(wasm_import_module = ...)]"
        }
        "wasi_snapshot_preview1" => {
            "something was compiled for WASI, or declares more of it than random_get and clock_time_get"
        }
        _ if module.contains("wbindgen") => {
            "a dependency uses wasm-bindgen: look for a feature `js` or `wasm_js` with \
             `cargo tree -p coalmine-module --target wasm32-unknown-unknown -i wasm-bindgen`, or \
             getrandom was built without --cfg getrandom_backend=\"custom\""
        }
        _ => "a dependency expects a host that is not Envoy",
    };
    bail!("the module imports {module}.{name}, and Envoy would refuse it; likely cause: {cause}")
}

#[cfg(test)]
mod tests {
    use walrus::{FunctionBuilder, FunctionId, ValType};

    use super::*;

    /// A function that is exported as `name` and calls `callee`, if there is one.
    fn export(module: &mut Module, name: &str, callee: Option<FunctionId>) {
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        if let Some(callee) = callee {
            builder.func_body().call(callee);
        }
        let function = builder.finish(Vec::new(), &mut module.funcs);
        module.exports.add(name, function);
    }

    fn import(module: &mut Module, from: &str, name: &str) -> FunctionId {
        let signature = module.types.add(&[], &[]);
        module.add_import_func(from, name, signature).0
    }

    /// What the SDK would give: the whole table, and callbacks beside it.
    fn linked() -> Module {
        let mut module = Module::with_config(ModuleConfig::new());
        let memory = module.memories.add_local(false, false, 17, None, None);
        module.exports.add("memory", memory);
        for (name, _) in EXPORTS.into_iter().filter(|(name, _)| *name != "memory") {
            export(&mut module, name, None);
        }
        let log = import(&mut module, "env", "proxy_log");
        export(&mut module, "proxy_on_log", Some(log));
        let base = module.globals.add_local(
            ValType::I32,
            false,
            false,
            walrus::ConstExpr::Value(walrus::ir::Value::I32(1)),
        );
        module.exports.add("__heap_base", base);
        module
    }

    #[test]
    fn only_the_table_and_what_it_reaches_stays() {
        let before = linked().emit_wasm();
        let after = shrink(&before, false).unwrap();
        let module = Module::from_buffer(&after).unwrap();
        let mut names: Vec<&str> = module.exports.iter().map(|e| e.name.as_str()).collect();
        let mut expected: Vec<&str> = EXPORTS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
        assert_eq!(
            module.imports.iter().count(),
            0,
            "proxy_log was for proxy_on_log alone"
        );
        assert!(after.len() < before.len());
        assert_eq!(
            shrink(&after, false).unwrap(),
            after,
            "nothing is left to remove"
        );
        let customs: Vec<_> = module.customs.iter().collect();
        let [(_, about)] = customs.as_slice() else {
            panic!("{customs:?}");
        };
        let version = format!(r#"{{"version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        assert_eq!(about.name(), SECTION);
        assert_eq!(about.data(&Default::default()).as_ref(), version.as_bytes());
    }

    #[test]
    fn ours_stand_in_the_place_of_the_sdks() {
        let mut module = linked();
        let log = import(&mut module, "env", "proxy_log");
        export(&mut module, "coalmine_proxy_on_delete", Some(log));
        export(&mut module, "coalmine_proxy_on_tick", Some(log));
        let after = shrink(&module.emit_wasm(), false).unwrap();
        let module = Module::from_buffer(&after).unwrap();
        let mut names: Vec<&str> = module.exports.iter().map(|e| e.name.as_str()).collect();
        names.sort_unstable();
        let mut expected: Vec<&str> = EXPORTS.iter().map(|(name, _)| *name).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
        let imported = module.imports.iter().map(|i| i.name.as_str());
        assert_eq!(imported.collect::<Vec<_>>(), ["proxy_log"], "ours calls it");
    }

    #[test]
    fn imports_are_those_that_envoy_has() {
        let check = |from: &str, name: &str, expected: Option<&str>| {
            let mut module = linked();
            let used = import(&mut module, from, name);
            module.exports.remove("proxy_on_delete").unwrap();
            export(&mut module, "proxy_on_delete", Some(used));
            let problem = shrink(&module.emit_wasm(), false)
                .err()
                .map(|e| e.to_string());
            match (problem, expected) {
                (None, None) => {}
                (Some(problem), Some(expected)) => {
                    assert!(problem.contains(&format!("{from}.{name}")), "{problem}");
                    assert!(problem.contains(expected), "{problem}");
                }
                (problem, _) => panic!("{from}.{name}: {problem:?}"),
            }
        };
        check("env", "proxy_get_header_map_pairs", None);
        check("wasi_snapshot_preview1", "random_get", None);
        check("wasi_snapshot_preview1", "clock_time_get", None);
        check("wasi_snapshot_preview1", "fd_write", Some("WASI"));
        check("env", "memcpy", Some("C dependency"));
        check(
            "__wbindgen_placeholder__",
            "__wbg_crypto",
            Some("getrandom"),
        );
        check("host", "read", Some("not Envoy"));
    }

    #[test]
    fn a_missing_export_is_named() {
        let mut module = linked();
        module.exports.remove("proxy_on_configure").unwrap();
        let problem = shrink(&module.emit_wasm(), false).unwrap_err().to_string();
        assert!(problem.contains("proxy_on_configure"), "{problem}");
    }
}
