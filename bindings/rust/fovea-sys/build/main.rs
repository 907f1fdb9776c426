//! Finds libfovea. In this order:
//!
//! 1. `FOVEA_LIB_DIR` (the folder of `libfovea.so`) and, for the feature `generate`, `FOVEA_INCLUDE_DIR` (one or more
//!    folders, separated as in `PATH`, that hold `fovea/fovea.h` and the headers it includes);
//! 2. `pkg-config`, for a version that has this crate's ABI.
//!
//! With the feature `dynamic-loading` nothing is linked, so nothing is looked for.

#[cfg(feature = "generate")]
mod generate;

use std::env;
use std::path::PathBuf;
use std::process::exit;

const OLDEST: &str = "1.0.0";
const FIRST_INCOMPATIBLE: &str = "2.0.0";

fn main() {
    for name in ["FOVEA_LIB_DIR", "FOVEA_INCLUDE_DIR", "DOCS_RS"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rerun-if-changed=build");

    let mut include_dirs: Vec<PathBuf> =
        env::var_os("FOVEA_INCLUDE_DIR").map(|value| env::split_paths(&value).collect()).unwrap_or_default();
    let linked = env::var_os("CARGO_FEATURE_DYNAMIC_LOADING").is_none() && env::var_os("DOCS_RS").is_none();
    let generated = env::var_os("CARGO_FEATURE_GENERATE").is_some();

    let lib_dir = env::var_os("FOVEA_LIB_DIR").map(PathBuf::from);
    if let (true, Some(folder)) = (linked, &lib_dir) {
        if !folder.is_dir() {
            fail(&format!("FOVEA_LIB_DIR: {} is not a folder", folder.display()));
        }
        println!("cargo:rustc-link-search=native={}", folder.display());
        println!("cargo:rustc-link-lib=dylib=fovea");
    }
    let must_link = linked && lib_dir.is_none();
    let must_find_header = generated && include_dirs.is_empty();
    if must_link || must_find_header {
        let found = pkg_config::Config::new()
            .range_version(OLDEST..FIRST_INCOMPATIBLE)
            .cargo_metadata(must_link)
            .probe("fovea");
        match found {
            Ok(library) => include_dirs.extend(library.include_paths),
            Err(error) => fail(&format!(
                "libfovea {OLDEST} or later, below {FIRST_INCOMPATIBLE}, was not found: {error}\n\
                 Install it with its pkg-config file (PKG_CONFIG_PATH says where else to look), or set FOVEA_LIB_DIR \
                 (and FOVEA_INCLUDE_DIR for the feature `generate`), or choose the feature `dynamic-loading`."
            )),
        }
    }
    if let Ok(joined) = env::join_paths(&include_dirs) {
        // Dependent build scripts see it as DEP_FOVEA_INCLUDE.
        println!("cargo:include={}", joined.to_string_lossy());
    }

    #[cfg(feature = "generate")]
    if let Err(message) = generate::generate(&include_dirs) {
        fail(&message);
    }
}

fn fail(message: &str) -> ! {
    eprintln!("fovea-sys: {message}");
    exit(1);
}
