//! `coalmine render`: what a proxy is configured with.

use crate::args::{EnvoyArgs, PluginArgs, RenderArgs, Target};
use crate::input::{self, Input};
use crate::outcome::{Failure, Outcome};
use crate::place::placed;
use crate::replace::{Replaced, replace};
use coalmine::config::plugin_json;
use coalmine_manifests::envoy::{self, Options};
use coalmine_manifests::{Error, File};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Renders a target.
///
/// # Errors
/// A file cannot be read or written, or the canaries are refused.
pub fn render(args: &RenderArgs) -> Result<Outcome, Failure> {
    match &args.target {
        Target::Plugin(args) => plugin(args),
        Target::Envoy(args) => for_envoy(args),
    }
}

fn plugin(args: &PluginArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let mut json =
        plugin_json(&input.canaries).map_err(|error| refused(&Error::Json(error), &input))?;
    json.push('\n');
    let Some(folder) = &args.output else {
        return Ok(Outcome {
            data: json,
            talk: input.warnings,
            ..Outcome::default()
        });
    };
    let file = File {
        name: "plugin.json".to_owned(),
        contents: json,
    };
    let (talk, _) = write(folder, &[file])?;
    Ok(Outcome {
        talk: input.warnings + &talk,
        ..Outcome::default()
    })
}

fn for_envoy(args: &EnvoyArgs) -> Result<Outcome, Failure> {
    let input = input::sound(&args.files)?;
    let options = options(args)?;
    let files =
        envoy::render(&input.canaries, &options).map_err(|error| refused(&error, &input))?;
    let (mut talk, written) = write(&args.output, &files)?;
    let bootstrap = written.first().copied();
    let here = args.folder.is_none();
    if here && !Path::new(&options.module).exists() {
        let _ = writeln!(
            talk,
            "note: there is no {} yet; `cargo xtask module` makes target/coalmine.wasm: \
             copy it there, or say where it is with --module",
            options.module
        );
    }
    match bootstrap {
        Some(Replaced::Changed) => {
            talk.push_str("note: Envoy reads its bootstrap only when it starts, so restart it\n");
        }
        Some(Replaced::New) => {
            let _ = writeln!(
                talk,
                "start it: envoy -c {}/{}",
                options.folder,
                envoy::BOOTSTRAP
            );
        }
        _ => {}
    }
    Ok(Outcome {
        talk: input.warnings + &talk,
        ..Outcome::default()
    })
}

fn options(args: &EnvoyArgs) -> Result<Options, Failure> {
    let folder = match &args.folder {
        Some(folder) => folder.trim_end_matches('/').to_owned(),
        None => absolute(&args.output)?,
    };
    Ok(Options {
        listen: args.listen,
        admin: (!args.no_admin).then_some(args.admin),
        module: match &args.module {
            Some(module) if args.folder.is_none() => absolute(Path::new(module))?,
            Some(module) => module.clone(),
            None => format!("{folder}/coalmine.wasm"),
        },
        folder,
        failure_policy: args.failure_policy.into(),
        node_id: args.node_id.clone(),
        node_cluster: args.node_cluster.clone(),
        trusted_hops: args.trusted_hops,
        max_request_headers_kib: args.max_request_headers,
    })
}

/// A path that is right wherever Envoy is started.
fn absolute(path: &Path) -> Result<String, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| {
        Failure::cannot(format!(
            "error: cannot tell where {} is: {error}",
            path.display()
        ))
    })?;
    // Without `.` and a slash at the end, which it keeps.
    let absolute: PathBuf = absolute.components().collect();
    absolute.into_os_string().into_string().map_err(|path| {
        Failure::refused(format!(
            "error: {} is not UTF-8, which Envoy's config has to be",
            path.display()
        ))
    })
}

/// Writes files below `folder`, and says what it did.
fn write(folder: &Path, files: &[File]) -> Result<(String, Vec<Replaced>), Failure> {
    let mut talk = String::new();
    let mut all = Vec::new();
    for file in files {
        let path = folder.join(&file.name);
        let replaced = replace(&path, &file.contents).map_err(|error| {
            Failure::cannot(format!("error: cannot write {}: {error}", path.display()))
        })?;
        let word = match replaced {
            Replaced::New => "wrote",
            Replaced::Changed => "replaced",
            Replaced::Same => "unchanged:",
        };
        let _ = writeln!(talk, "{word} {}", path.display());
        all.push(replaced);
    }
    Ok((talk, all))
}

fn refused(error: &Error, input: &Input) -> Failure {
    match error {
        Error::Problems(problems) => {
            let found: Vec<_> = problems
                .iter()
                .map(|problem| placed(problem, &input.sources))
                .collect();
            Failure::refused(input::drawn(&found, &input.sources))
        }
        other => Failure::cannot(format!("error: {other}")),
    }
}
