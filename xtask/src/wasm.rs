//! `wasm`: the shims of wasm/*, built for wasm32 and bound to JavaScript.
//!
//! Each folder wasm/NAME with a Cargo.toml becomes target/wasm/TARGET/NAME.js, NAME.d.ts and
//! NAME_bg.wasm, in one folder for a page (`web`) and one for the tests under Node (`nodejs`).
//! The binding generator is a crate of the very version of wasm-bindgen in Cargo.lock, behind the
//! feature `wasm`, so no tool is installed and no other task waits for it to build.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Where the generated JavaScript is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// ES modules for a page or a worker.
    Web,
    /// CommonJS for Node.
    Nodejs,
}

impl Target {
    fn parse(name: &str) -> Result<Self> {
        match name {
            "web" => Ok(Self::Web),
            "nodejs" => Ok(Self::Nodejs),
            _ => bail!("--target is {name}, expected web or nodejs"),
        }
    }
}

/// Options of the task.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    release: bool,
    target: Target,
}

impl Options {
    /// Reads the words after `wasm`; the default is a development build for the web.
    pub(crate) fn parse(args: &[&str]) -> Result<Self> {
        let mut options = Self {
            release: false,
            target: Target::Web,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "--release" => options.release = true,
                "--target" => {
                    options.target = Target::parse(args.next().context("--target needs a value")?)?;
                }
                other => bail!("unknown option {other} of wasm"),
            }
        }
        Ok(options)
    }
}

/// Builds every shim.
#[cfg(feature = "wasm")]
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    build::all(root, options)
}

/// Says how to run the task: this xtask was built without the binding generator.
#[cfg(not(feature = "wasm"))]
pub(crate) fn run(_root: &Path, options: &Options) -> Result<()> {
    let release = if options.release { " --release" } else { "" };
    let target = match options.target {
        Target::Web => "web",
        Target::Nodejs => "nodejs",
    };
    bail!(
        "this xtask was built without the binding generator; run `cargo run -p xtask --features \
         wasm -- wasm{release} --target {target}`, or `make wasm`"
    )
}

#[cfg(feature = "wasm")]
mod build {
    //! The build itself: cargo for the modules, then the generator for their JavaScript.

    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use anyhow::{Context, Result, ensure};
    use wasm_bindgen_cli_support::Bindgen;

    use super::{Options, Target};

    const TRIPLE: &str = "wasm32-unknown-unknown";

    pub(super) fn all(root: &Path, options: &Options) -> Result<()> {
        let shims = shims(root)?;
        ensure!(!shims.is_empty(), "no crate found in wasm/");
        let target_dir = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| root.join(dir));
        compile(root, &shims, options)?;
        let profile = if options.release { "release" } else { "debug" };
        let (folder, node) = match options.target {
            Target::Web => ("web", false),
            Target::Nodejs => ("nodejs", true),
        };
        let out = root.join("target/wasm").join(folder);
        for shim in &shims {
            let module = format!("carechain_{}.wasm", shim.replace('-', "_"));
            let input = target_dir.join(TRIPLE).join(profile).join(module);
            bind(shim, &input, &out, node).with_context(|| format!("wasm/{shim}"))?;
            let size = fs::metadata(out.join(format!("{shim}_bg.wasm")))?.len();
            println!(
                "wasm: target/wasm/{folder}/{shim}.js, module of {} KiB",
                size.div_ceil(1024)
            );
        }
        Ok(())
    }

    /// Folders of wasm/ that are crates, sorted.
    fn shims(root: &Path) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(root.join("wasm")).context("cannot read wasm/")? {
            let path: PathBuf = entry?.path();
            if path.join("Cargo.toml").is_file() {
                names.push(
                    path.file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned(),
                );
            }
        }
        names.sort();
        Ok(names)
    }

    fn compile(root: &Path, shims: &[String], options: &Options) -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command
            .current_dir(root)
            .args(["build", "--locked", "--target", TRIPLE]);
        for shim in shims {
            command.args(["-p", &format!("carechain-{shim}")]);
        }
        if options.release {
            command.arg("--release");
        }
        let status = command.status().context("cannot start cargo")?;
        ensure!(
            status.success(),
            "cargo build for {TRIPLE} failed; if the target is missing, run `rustup target add {TRIPLE}`"
        );
        Ok(())
    }

    fn bind(shim: &str, input: &Path, out: &Path, node: bool) -> Result<()> {
        let mut bindgen = Bindgen::new();
        bindgen.input_path(input).out_name(shim).typescript(true);
        if node {
            bindgen.nodejs(true)?;
        } else {
            bindgen.web(true)?.omit_default_module_path(false);
        }
        bindgen.generate(out)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn options_are_read_in_any_order() {
        let web = Options {
            release: false,
            target: Target::Web,
        };
        assert_eq!(Options::parse(&[]).unwrap(), web);
        let node = Options {
            release: true,
            target: Target::Nodejs,
        };
        assert_eq!(
            Options::parse(&["--release", "--target", "nodejs"]).unwrap(),
            node
        );
        assert_eq!(
            Options::parse(&["--target", "nodejs", "--release"]).unwrap(),
            node
        );
    }

    #[test]
    fn wrong_options_are_named() {
        let message = |args: &[&str]| Options::parse(args).unwrap_err().to_string();
        assert!(message(&["--target"]).contains("needs a value"));
        assert!(message(&["--target", "deno"]).contains("deno"));
        assert!(message(&["--fast"]).contains("--fast"));
    }
}
