//! C enumerations as newtypes, because a newer library may know more values than this crate.

macro_rules! newtype {
    (
        $(#[$meta:meta])*
        pub struct $name:ident($raw:ident) {
            $($(#[$variant_meta:meta])* $variant:ident = $value:ident,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(transparent)]
        pub struct $name(pub(crate) fovea_sys::$raw);

        impl $name {
            $($(#[$variant_meta])* pub const $variant: Self = Self(fovea_sys::$raw::$value);)*

            /// The number in the C header.
            pub const fn value(self) -> u32 {
                self.0.0
            }

            /// From a number of the C header; any value is legal here, the library refuses those it does not know.
            pub const fn from_value(value: u32) -> Self {
                Self(fovea_sys::$raw(value))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match *self {
                    $(Self::$variant => formatter.write_str(stringify!($variant)),)*
                    _ => write!(formatter, "{}({})", stringify!($name), self.value()),
                }
            }
        }
    };
}
pub(crate) use newtype;

/// An owner of a C handle: the destructor accepts every handle once, in any order, and cannot fail.
macro_rules! owned_handle {
    ($name:ident, $raw:ident, $destroy:ident) => {
        #[derive(Debug)]
        pub(crate) struct $name(pub(crate) fovea_sys::$raw);

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: the handle came from the library, and nothing else destroys it.
                unsafe { fovea_sys::$destroy(self.0) }
            }
        }
    };
}
pub(crate) use owned_handle;
