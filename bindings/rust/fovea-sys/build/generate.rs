//! Makes `types.rs` and `functions.rs` from the header: into `OUT_DIR`, and so into this build. The copies in `src/` are
//! what builds without the feature `generate` use; `check_rust_fresh.sh` compares the two.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use bindgen::callbacks::ParseCallbacks;
use bindgen::{Builder, CodegenConfig, EnumVariation, Formatter, RustTarget};

pub fn generate(include_dirs: &[PathBuf]) -> Result<(), String> {
    let header = include_dirs
        .iter()
        .map(|folder| folder.join("fovea/fovea.h"))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("fovea/fovea.h is in none of {include_dirs:?}"))?;
    println!("cargo:rerun-if-changed={}", header.display());
    let out_dir = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);

    let types = common(&header, include_dirs)?
        .with_codegen_config(CodegenConfig::TYPES | CodegenConfig::VARS)
        .generate()
        .map_err(|error| error.to_string())?
        .to_string();
    write(&out_dir.join("types.rs"), &types)?;

    let functions = common(&header, include_dirs)?
        .with_codegen_config(CodegenConfig::FUNCTIONS)
        .merge_extern_blocks(true)
        .generate()
        .map_err(|error| error.to_string())?
        .to_string();
    // The declarations become the input of a macro, which links or loads them.
    let block = "extern \"C\" {";
    if functions.matches(block).count() != 1 {
        return Err(format!("expected one block `{block}` of functions"));
    }
    let functions = functions.replace(&format!("unsafe {block}"), block).replace(block, "functions! {");
    write(&out_dir.join("functions.rs"), &functions)
}

fn common(header: &Path, include_dirs: &[PathBuf]) -> Result<Builder, String> {
    let target = RustTarget::stable(81, 0).map_err(|error| error.to_string())?;
    Ok(bindgen::builder()
        .header(header.to_string_lossy())
        .clang_args(include_dirs.iter().map(|folder| format!("-I{}", folder.display())))
        .rust_target(target)
        .allowlist_function("fovea.*")
        .allowlist_type("fovea.*")
        .allowlist_var("FOVEA_.*")
        .default_enum_style(EnumVariation::NewType { is_bitfield: false, is_global: false })
        .derive_default(true)
        .layout_tests(true)
        .formatter(Formatter::Prettyplease)
        .disable_header_comment()
        .raw_line("// Made from fovea.h by the feature `generate`; do not edit.")
        .parse_callbacks(Box::new(PlainComments)))
}

/// Turns Doxygen's commands into text that reads well in rustdoc.
#[derive(Debug)]
struct PlainComments;

impl ParseCallbacks for PlainComments {
    fn process_comment(&self, comment: &str) -> Option<String> {
        let mut lines = Vec::new();
        for line in comment.lines() {
            let text = line.trim().trim_start_matches("< ");
            let plain = if let Some(rest) = text.strip_prefix("@param") {
                let rest = match rest.strip_prefix('[') {
                    Some(direction) => direction.split_once(']').map_or(direction, |(_, after)| after),
                    None => rest,
                };
                match rest.trim().split_once(' ') {
                    Some((name, meaning)) => format!("* `{name}`: {}", meaning.trim()),
                    None => rest.trim().to_owned(),
                }
            } else if let Some(rest) = text.strip_prefix("@return") {
                format!("\nReturns {}", rest.trim())
            } else {
                text.to_owned()
            };
            lines.push(plain);
        }
        Some(lines.join("\n"))
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
