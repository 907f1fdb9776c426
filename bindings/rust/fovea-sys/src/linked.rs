//! Functions that the linker binds.

use std::ffi::CStr;

/// Why the library could not be opened; never the case where it is linked.
pub fn load_error() -> Option<&'static CStr> {
    None
}

macro_rules! functions {
    ($($declaration:tt)*) => {
        extern "C" {
            $($declaration)*
        }
    };
}
