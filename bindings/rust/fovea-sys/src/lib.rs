//! Raw bindings to libfovea. Types and functions are those of `fovea/fovea.h`, under the same names; the crate `fovea`
//! is the safe face.
//!
//! By default the library is linked. With the feature `dynamic-loading` it is opened at the first call instead: see
//! [`load`]. If it cannot be opened, functions that return a status return `FOVEA_STATUS_BACKEND_UNAVAILABLE` without
//! touching any output, and [`load_error`] has the reason.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
// The header speaks of arrays in brackets and of links of its own.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, rustdoc::bare_urls)]

#[cfg(feature = "dynamic-loading")]
#[macro_use]
mod dynamic;
#[cfg(not(feature = "dynamic-loading"))]
#[macro_use]
mod linked;

mod types {
    #[cfg(not(feature = "generate"))]
    include!("types.rs");
    #[cfg(feature = "generate")]
    include!(concat!(env!("OUT_DIR"), "/types.rs"));
}

// As many arguments as the header has.
#[allow(clippy::too_many_arguments)]
mod functions {
    use crate::types::*;

    #[cfg(not(feature = "generate"))]
    include!("functions.rs");
    #[cfg(feature = "generate")]
    include!(concat!(env!("OUT_DIR"), "/functions.rs"));
}

pub use functions::*;
pub use types::*;

#[cfg(feature = "dynamic-loading")]
pub use dynamic::{load, load_error, LoadError};
#[cfg(not(feature = "dynamic-loading"))]
pub use linked::load_error;
