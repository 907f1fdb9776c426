//! A device with its threads.

use std::ffi::{c_char, CStr};
use std::mem::size_of;
use std::ptr::null_mut;

use fovea_sys as sys;

use crate::error::{check, to_i32, Result};
use crate::newtype::{newtype, owned_handle};
use crate::{Backend, Config};

newtype! {
    /// Kinds of devices.
    pub struct Device(foveaDevice_t) {
        /// A GPU if one works, else the CPU.
        AUTO = FOVEA_DEVICE_AUTO,
        /// The CPU.
        CPU = FOVEA_DEVICE_CPU,
        /// Any GPU: AMD first, then NVIDIA.
        GPU = FOVEA_DEVICE_GPU,
        /// An AMD GPU.
        AMD = FOVEA_DEVICE_AMD,
        /// An NVIDIA GPU.
        NVIDIA = FOVEA_DEVICE_NVIDIA,
    }
}

owned_handle!(Handle, foveaContext_t, foveaContextDestroy);

/// A device with its threads and its allocator; shared by any number of threads and objects.
///
/// Objects that are made from a context keep what they need of it, so it may be dropped before them.
#[derive(Debug)]
pub struct Context {
    handle: Handle,
    info: ContextInfo,
}

// SAFETY: "Contexts are shared: any number of threads may use one" (fovea.h).
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

/// What a context runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextInfo {
    /// [`Device::CPU`], [`Device::AMD`] or [`Device::NVIDIA`].
    pub device: Device,
    /// Which GPU of that kind; 0 on a CPU.
    pub device_ordinal: usize,
    /// CPU threads that compute; 0 on a GPU.
    pub num_threads: usize,
    /// E.g. "AMD EPYC 9654" or "AMD Instinct MI300X".
    pub device_name: String,
    /// Instruction set in use, e.g. "avx2" or "gfx942".
    pub architecture: String,
}

/// How to create a context; made by [`Context::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct ContextBuilder {
    device: Device,
    device_ordinal: usize,
    num_threads: usize,
}

impl ContextBuilder {
    /// Kind of device; [`Device::AUTO`] if not called.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Which GPU of that kind, from 0.
    pub fn device_ordinal(mut self, ordinal: usize) -> Self {
        self.device_ordinal = ordinal;
        self
    }

    /// CPU threads that compute, the caller's included; 0 (the default) means all CPUs of the process's affinity mask.
    pub fn num_threads(mut self, num_threads: usize) -> Self {
        self.num_threads = num_threads;
        self
    }

    /// Creates the context.
    ///
    /// # Errors
    /// [`Status::NO_DEVICE`](crate::Status::NO_DEVICE) if an explicit GPU is not there, and the message lists what was
    /// tried; [`Status::ARCH_MISMATCH`](crate::Status::ARCH_MISMATCH); bad numbers.
    pub fn build(self) -> Result<Context> {
        let info = sys::foveaContextCreateInfo_t {
            struct_size: size_of::<sys::foveaContextCreateInfo_t>(),
            device: self.device.0,
            device_ordinal: to_i32(self.device_ordinal, "device_ordinal")?,
            num_threads: to_i32(self.num_threads, "num_threads")?,
            ..Default::default()
        };
        let mut handle = Handle(null_mut());
        // SAFETY: `info` is complete; the handle may be written to.
        check(unsafe { sys::foveaContextCreate(&info, &mut handle.0) })?;
        let mut raw =
            sys::foveaContextInfo_t { struct_size: size_of::<sys::foveaContextInfo_t>(), ..Default::default() };
        // SAFETY: the handle was just made; `raw` says how long it is.
        check(unsafe { sys::foveaContextGetInfo(handle.0, &mut raw) })?;
        let info = ContextInfo {
            device: Device(raw.device),
            device_ordinal: usize::try_from(raw.device_ordinal).unwrap_or(0),
            num_threads: usize::try_from(raw.num_threads).unwrap_or(0),
            device_name: text_of(&raw.device_name),
            architecture: text_of(&raw.architecture),
        };
        Ok(Context { handle, info })
    }
}

impl Context {
    /// Describes a context: by default the best device with all its threads.
    pub fn builder() -> ContextBuilder {
        ContextBuilder { device: Device::AUTO, device_ordinal: 0, num_threads: 0 }
    }

    /// A context on the best device: a GPU if one works, else the CPU.
    ///
    /// # Errors
    /// See [`ContextBuilder::build`].
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// A context on the CPU with all its threads.
    ///
    /// ```
    /// let context = fovea::Context::cpu()?;
    /// assert!(context.info().num_threads >= 1);
    /// # Ok::<(), fovea::Error>(())
    /// ```
    ///
    /// # Errors
    /// See [`ContextBuilder::build`].
    pub fn cpu() -> Result<Self> {
        Self::builder().device(Device::CPU).build()
    }

    /// What the context runs on.
    pub fn info(&self) -> &ContextInfo {
        &self.info
    }

    /// Whether slices can be computed on: memory of a GPU is not addressed by slices.
    pub(crate) fn on_host(&self) -> bool {
        self.info.device == Device::CPU
    }

    /// Chooses the backend for a config on this context's device.
    ///
    /// [`Backend::AUTO`] takes the first in order of preference that can serve it; the environment variable
    /// `FOVEA_BACKEND` replaces `AUTO` only. An explicit request that cannot be served fails: there is no silent fallback.
    ///
    /// # Errors
    /// [`Status::NOT_SUPPORTED`](crate::Status::NOT_SUPPORTED): the message shows the config and lists every backend with
    /// all its reasons; [`Status::BACKEND_UNAVAILABLE`](crate::Status::BACKEND_UNAVAILABLE).
    pub fn select_backend(&self, config: &Config, requested: Backend) -> Result<Backend> {
        let mut selected = Backend::AUTO;
        // SAFETY: both handles live; `selected` may be written to.
        check(unsafe { sys::foveaSelectBackend(self.raw(), config.raw(), requested.0, &mut selected.0) })?;
        Ok(selected)
    }

    pub(crate) fn raw(&self) -> sys::foveaContext_t {
        self.handle.0
    }
}

/// A field of text that ends at its first NUL.
fn text_of(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|&c| c as u8).chain([0]).collect();
    CStr::from_bytes_until_nul(&bytes).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}
