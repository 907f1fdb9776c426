//! Functions that are looked up at run time.

use std::error::Error;
use std::ffi::{c_char, CStr, CString, OsStr};
use std::fmt;
use std::sync::OnceLock;

use crate::functions::Table;
use crate::types::{foveaStatus_t, FOVEA_VERSION_MAJOR};

/// The library that is opened if nothing else is asked for. `FOVEA_LIBRARY` in the environment names another.
const DEFAULT_NAME: &str = "libfovea.so.1";

static LIBRARY: OnceLock<Result<Table, CString>> = OnceLock::new();

/// Why [`load`] failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(CString);

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.to_string_lossy())
    }
}

impl Error for LoadError {}

/// Opens the library `path` for the whole process; a name without a slash is searched for as `dlopen` does.
///
/// Optional: the first call of any function opens the file that the environment variable `FOVEA_LIBRARY` names, else
/// `libfovea.so.1`. It stays open until the process ends.
///
/// # Errors
/// If the library cannot be opened, lacks a function, has another ABI, or if one was opened (or tried) before.
///
/// # Safety
/// The file must be libfovea: its initialisers run, and its functions are called as the header declares them.
pub unsafe fn load(path: impl AsRef<OsStr>) -> Result<(), LoadError> {
    let mut tried = false;
    let library = LIBRARY.get_or_init(|| {
        tried = true;
        // SAFETY: the caller vouches for the file.
        unsafe { open(path.as_ref()) }
    });
    match library {
        Err(message) => Err(LoadError(message.clone())),
        Ok(_) if !tried => Err(LoadError(to_c_string("libfovea was loaded before".to_owned()))),
        Ok(_) => Ok(()),
    }
}

/// Why the library could not be opened, if that was tried and failed.
pub fn load_error() -> Option<&'static CStr> {
    LIBRARY.get()?.as_ref().err().map(CString::as_c_str)
}

pub(crate) fn table() -> Option<&'static Table> {
    let library = LIBRARY.get_or_init(|| {
        let name = std::env::var_os("FOVEA_LIBRARY").filter(|name| !name.is_empty());
        // SAFETY: the file is libfovea by its name, or the user of the process vouches for it.
        unsafe { open(name.as_deref().unwrap_or(OsStr::new(DEFAULT_NAME))) }
    });
    library.as_ref().ok()
}

unsafe fn open(path: &OsStr) -> Result<Table, CString> {
    let describe = |error: libloading::Error| to_c_string(format!("{}: {error}", path.to_string_lossy()));
    // SAFETY: as the caller of `load` promises.
    let table = unsafe {
        let library = libloading::Library::new(path).map_err(describe)?;
        let table = Table::find(&library).map_err(describe)?;
        // The functions must outlive every object made by them.
        std::mem::forget(library);
        table
    };
    let mut version = 0;
    // SAFETY: `version` may be written to.
    let status = unsafe { (table.foveaGetVersion)(&mut version) };
    if status != foveaStatus_t::FOVEA_STATUS_SUCCESS || version / 10000 != FOVEA_VERSION_MAJOR as i32 {
        return Err(to_c_string(format!(
            "{}: is version {version}, expected {FOVEA_VERSION_MAJOR}0000 or later with the same first digits",
            path.to_string_lossy()
        )));
    }
    Ok(table)
}

fn to_c_string(message: String) -> CString {
    CString::new(message.replace('\0', " ")).unwrap_or_default()
}

/// What a function returns if there is no library.
pub(crate) trait WithoutLibrary {
    fn without_library() -> Self;
}

impl WithoutLibrary for foveaStatus_t {
    fn without_library() -> Self {
        foveaStatus_t::FOVEA_STATUS_BACKEND_UNAVAILABLE
    }
}

impl WithoutLibrary for *const c_char {
    fn without_library() -> Self {
        c"".as_ptr()
    }
}

impl WithoutLibrary for usize {
    fn without_library() -> Self {
        0
    }
}

impl WithoutLibrary for () {
    fn without_library() -> Self {}
}

macro_rules! functions {
    ($($(#[$meta:meta])* pub fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?;)*) => {
        pub(crate) struct Table {
            $(pub(crate) $name: unsafe extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Table {
            /// # Safety
            /// The library must have these functions as the header declares them.
            pub(crate) unsafe fn find(library: &libloading::Library) -> Result<Table, libloading::Error> {
                // SAFETY: as above.
                unsafe {
                    Ok(Table {
                        $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)*
                    })
                }
            }
        }

        $(
            $(#[$meta])*
            /// # Safety
            /// As the header says.
            pub unsafe fn $name($($argument: $type),*) $(-> $result)? {
                match crate::dynamic::table() {
                    // SAFETY: the caller keeps to the header.
                    Some(table) => unsafe { (table.$name)($($argument),*) },
                    None => crate::dynamic::WithoutLibrary::without_library(),
                }
            }
        )*
    };
}
