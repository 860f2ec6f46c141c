//! The page of licences, which a test holds against what is built.

use std::fmt::Write;

use anyhow::Result;

use super::shipped::SHIPPED;

/// The text of `docs/licences.md`.
fn page() -> Result<String> {
    let mut page = "# Licences of what is shipped\n\n\
        Coalmine is under the [Apache License 2.0](../LICENSE). These crates of others are compiled into what is\n\
        handed out, each under its own licence (an expression of SPDX). `deny.toml` says which licences may be\n\
        among them, and `cargo xtask golden` writes this page; bills of materials for programs (CycloneDX) lie\n\
        beside the command that `cargo xtask dist` builds.\n"
        .to_owned();
    for (shipped, title) in SHIPPED.into_iter().zip(["The module", "The command"]) {
        let crates = shipped.crates()?;
        let others = crates.values().filter(|one| one.checksum.is_some());
        let count = others.clone().count();
        write!(
            page,
            "\n## {}\n\n`{}` has {count} crates in it:\n\n| crate | version | licence |\n|---|---|---|\n",
            title, shipped.file
        )?;
        for one in others {
            let license = one.license.replace('/', " OR ");
            writeln!(page, "| `{}` | {} | {license} |", one.name, one.version)?;
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use coalmine_integration::workspace;
    use std::fs;

    #[test]
    fn the_page_says_what_is_built() {
        let path = workspace::root().join("docs/licences.md");
        let page = page().unwrap();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, &page).unwrap();
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        assert!(written == page, "docs/licences.md: `cargo xtask golden`");
        assert!(!page.contains("unknown"), "a crate without a licence");
    }
}
