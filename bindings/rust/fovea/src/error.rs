//! Statuses, and the error that carries one with its sentence.

use std::ffi::{c_char, CStr};
use std::fmt;

use fovea_sys as sys;

use crate::newtype::newtype;

newtype! {
    /// Result of a call of the C library; in an [`Error`] never [`Status::SUCCESS`].
    pub struct Status(foveaStatus_t) {
        /// The call succeeded.
        SUCCESS = FOVEA_STATUS_SUCCESS,
        /// An argument is wrong by itself or does not fit the others.
        INVALID_ARGUMENT = FOVEA_STATUS_INVALID_ARGUMENT,
        /// A valid request that this backend cannot serve; the message has the reason.
        NOT_SUPPORTED = FOVEA_STATUS_NOT_SUPPORTED,
        /// The call is not legal now, e.g. metadata was changed but not committed.
        INVALID_STATE = FOVEA_STATUS_INVALID_STATE,
        /// Workspace or plan memory is smaller than its query says.
        WORKSPACE_TOO_SMALL = FOVEA_STATUS_WORKSPACE_TOO_SMALL,
        /// Host memory could not be allocated.
        OUT_OF_MEMORY = FOVEA_STATUS_OUT_OF_MEMORY,
        /// Device memory could not be allocated.
        DEVICE_OUT_OF_MEMORY = FOVEA_STATUS_DEVICE_OUT_OF_MEMORY,
        /// No device of the requested kind is usable; the message says why.
        NO_DEVICE = FOVEA_STATUS_NO_DEVICE,
        /// The GPU's architecture is not among those embedded in the module.
        ARCH_MISMATCH = FOVEA_STATUS_ARCH_MISMATCH,
        /// The backend (or the library itself) cannot be used on this machine; the message says why.
        BACKEND_UNAVAILABLE = FOVEA_STATUS_BACKEND_UNAVAILABLE,
        /// The GPU runtime reported an error.
        DEVICE_ERROR = FOVEA_STATUS_DEVICE_ERROR,
        /// A struct uses fields that the loaded version of the library does not know.
        VERSION_MISMATCH = FOVEA_STATUS_VERSION_MISMATCH,
        /// A defect of the library.
        INTERNAL_ERROR = FOVEA_STATUS_INTERNAL_ERROR,
    }
}

impl Status {
    /// The name in the C header, e.g. `FOVEA_STATUS_NOT_SUPPORTED`.
    pub fn name(self) -> &'static str {
        // SAFETY: any value may be asked for.
        static_text(unsafe { sys::foveaStatusName(self.0) })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // SAFETY: any value may be asked for.
        formatter.write_str(static_text(unsafe { sys::foveaStatusString(self.0) }))
    }
}

/// Why a call failed. After a failure nothing was written to any output, and the call had no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Error {
    /// The kind of failure.
    pub status: Status,
    /// A sentence that names the argument, its value and what was expected.
    pub message: String,
}

/// The result of everything that can fail.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn invalid(message: String) -> Self {
        Self { status: Status::INVALID_ARGUMENT, message }
    }

    /// The failure that the library has just reported to this thread.
    pub(crate) fn last(status: sys::foveaStatus_t) -> Self {
        let message = match sys::load_error() {
            Some(message) => message,
            // SAFETY: the text is NUL-terminated and stays until this thread's next failure; it is copied at once.
            None => unsafe { CStr::from_ptr(sys::foveaGetLastErrorMessage()) },
        };
        Self { status: Status(status), message: message.to_string_lossy().into_owned() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            write!(formatter, "{}", self.status)
        } else {
            write!(formatter, "{}: {}", self.status, self.message)
        }
    }
}

impl std::error::Error for Error {}

pub(crate) fn check(status: sys::foveaStatus_t) -> Result<()> {
    if status == sys::foveaStatus_t::FOVEA_STATUS_SUCCESS {
        Ok(())
    } else {
        Err(Error::last(status))
    }
}

/// A text that the library promises to be static, e.g. a name.
pub(crate) fn static_text(text: *const c_char) -> &'static str {
    if text.is_null() {
        return "";
    }
    // SAFETY: the callers pass what the header describes as static, NUL-terminated text.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

/// A number as the C API takes it.
pub(crate) fn to_i32(number: usize, name: &str) -> Result<i32> {
    i32::try_from(number).map_err(|_| Error::invalid(format!("{name}: {number}, expected at most {}", i32::MAX)))
}
