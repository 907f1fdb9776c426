//! Views of memory: typed slices, and raw pointers behind `unsafe`.

use std::ffi::c_void;
use std::marker::PhantomData;

use fovea_sys as sys;

use crate::error::{static_text, Error, Result};
use crate::newtype::newtype;

newtype! {
    /// Element types. The three fp8 flavours are distinct types; none is ever chosen by the device.
    pub struct DataType(foveaDataType_t) {
        /// None: "the same as the query's" where that is allowed.
        NONE = FOVEA_DATA_TYPE_NONE,
        /// `f32`.
        F32 = FOVEA_DATA_TYPE_F32,
        /// [`half::f16`].
        F16 = FOVEA_DATA_TYPE_F16,
        /// [`half::bf16`].
        BF16 = FOVEA_DATA_TYPE_BF16,
        /// OCP e4m3: bias 7, maximum 448, no infinity. Held in `u8`.
        F8_E4M3FN = FOVEA_DATA_TYPE_F8_E4M3FN,
        /// Bias 8, maximum 240, no infinity, no negative zero. Held in `u8`.
        F8_E4M3FNUZ = FOVEA_DATA_TYPE_F8_E4M3FNUZ,
        /// OCP e5m2: bias 15, maximum 57344, has infinities. Held in `u8`.
        F8_E5M2 = FOVEA_DATA_TYPE_F8_E5M2,
    }
}

impl DataType {
    /// E.g. "bf16".
    pub fn name(self) -> &'static str {
        // SAFETY: any value may be asked for.
        static_text(unsafe { sys::foveaDataTypeName(self.0) })
    }

    /// Size of an element in bytes; 0 for [`DataType::NONE`].
    pub fn size(self) -> usize {
        // SAFETY: any value may be asked for.
        unsafe { sys::foveaDataTypeSize(self.0) }
    }

    /// Whether it is one of the fp8 types.
    pub fn is_fp8(self) -> bool {
        matches!(self, Self::F8_E4M3FN | Self::F8_E4M3FNUZ | Self::F8_E5M2)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::f16 {}
    impl Sealed for half::bf16 {}
}

/// Elements whose Rust type says what they are: `f32`, [`half::f16`], [`half::bf16`]. (fp8 is `u8` plus a flavour.)
pub trait Element: sealed::Sealed + Copy {
    /// The same type as the library knows it.
    const DATA_TYPE: DataType;
}

impl Element for f32 {
    const DATA_TYPE: DataType = DataType::F32;
}

impl Element for half::f16 {
    const DATA_TYPE: DataType = DataType::F16;
}

impl Element for half::bf16 {
    const DATA_TYPE: DataType = DataType::BF16;
}

/// Shape and strides in elements, row-major unless said otherwise; at most [`Layout::MAX_DIMS`] axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    ndim: usize,
    shape: [usize; Layout::MAX_DIMS],
    strides: [usize; Layout::MAX_DIMS],
}

impl Layout {
    const MAX_DIMS: usize = sys::FOVEA_MAX_DIMS as usize;

    fn contiguous(shape: &[usize]) -> Result<Self> {
        let mut strides = [0; Self::MAX_DIMS];
        let mut stride = 1usize;
        if shape.len() <= Self::MAX_DIMS {
            for (axis, &length) in shape.iter().enumerate().rev() {
                strides[axis] = stride;
                stride = stride
                    .checked_mul(length.max(1))
                    .ok_or_else(|| Error::invalid(format!("shape: {shape:?} has too many elements")))?;
            }
        }
        Self::strided(shape, &strides[..shape.len().min(Self::MAX_DIMS)])
    }

    fn strided(shape: &[usize], strides: &[usize]) -> Result<Self> {
        if shape.len() > Self::MAX_DIMS {
            return Err(Error::invalid(format!("shape: {shape:?} has more than {} axes", Self::MAX_DIMS)));
        }
        if strides.len() != shape.len() {
            return Err(Error::invalid(format!("strides: {strides:?}, expected one for each axis of {shape:?}")));
        }
        let mut layout = Self { ndim: shape.len(), shape: [0; Self::MAX_DIMS], strides: [0; Self::MAX_DIMS] };
        layout.shape[..shape.len()].copy_from_slice(shape);
        layout.strides[..shape.len()].copy_from_slice(strides);
        // C takes strides that are all 0 for "contiguous".
        if layout.ndim > 0 && strides.iter().all(|&stride| stride == 0) {
            return Err(Error::invalid(format!("strides: {strides:?} are all 0")));
        }
        let countable = |number: &usize| i64::try_from(*number).is_ok();
        if !layout.span().is_some_and(|span| countable(&span)) || !shape.iter().chain(strides).all(countable) {
            return Err(Error::invalid(format!("shape: {shape:?} with strides {strides:?} is too large")));
        }
        Ok(layout)
    }

    fn is_empty(&self) -> bool {
        self.shape[..self.ndim].contains(&0)
    }

    /// Elements from the first to the last one, both included; `None` if that cannot be counted.
    fn span(&self) -> Option<usize> {
        if self.is_empty() {
            return Some(0);
        }
        self.shape[..self.ndim]
            .iter()
            .zip(&self.strides)
            .try_fold(1usize, |span, (&length, &stride)| span.checked_add((length - 1).checked_mul(stride)?))
    }

    /// Whether no two elements are the same memory, as far as strides that nest can tell.
    fn is_disjoint(&self) -> bool {
        let mut axes: Vec<_> = (0..self.ndim).filter(|&axis| self.shape[axis] > 1).collect();
        axes.sort_by_key(|&axis| self.strides[axis]);
        let mut reach = 0;
        self.is_empty()
            || axes.into_iter().all(|axis| {
                let nests = self.strides[axis] > reach;
                reach += (self.shape[axis] - 1) * self.strides[axis];
                nests
            })
    }

    fn check_length(&self, length: usize) -> Result<()> {
        let span = self.span().unwrap_or(usize::MAX);
        if span > length {
            let shape = &self.shape[..self.ndim];
            return Err(Error::invalid(format!("shape: {shape:?} needs {span} elements, but the slice has {length}")));
        }
        Ok(())
    }

    fn check_axis(&self, axis: usize) -> Result<()> {
        if axis >= self.ndim {
            let shape = &self.shape[..self.ndim];
            return Err(Error::invalid(format!("axis: {axis}, but the shape is {shape:?}")));
        }
        Ok(())
    }

    /// Two layouts and the offset of the second.
    fn split_at(self, axis: usize, middle: usize) -> Result<(Self, Self, usize)> {
        self.check_axis(axis)?;
        if middle > self.shape[axis] {
            return Err(Error::invalid(format!("middle: {middle}, but axis {axis} is {} long", self.shape[axis])));
        }
        let (mut first, mut second) = (self, self);
        first.shape[axis] = middle;
        second.shape[axis] -= middle;
        // An empty half starts nowhere in particular; its offset may lie past the end.
        let offset = if second.is_empty() { 0 } else { middle * self.strides[axis] };
        Ok((first, second, offset))
    }

    fn squeeze(mut self, axis: usize) -> Result<Self> {
        self.check_axis(axis)?;
        if self.shape[axis] != 1 {
            return Err(Error::invalid(format!("axis: {axis} is {} long, expected 1", self.shape[axis])));
        }
        self.shape.copy_within(axis + 1.., axis);
        self.strides.copy_within(axis + 1.., axis);
        self.ndim -= 1;
        self.shape[self.ndim] = 0;
        self.strides[self.ndim] = 0;
        Ok(self)
    }

    fn to_raw(self, data: *mut c_void, data_type: DataType) -> sys::foveaTensor_t {
        let mut raw = sys::foveaTensor_t { data, dtype: data_type.0, ndim: self.ndim as i32, ..Default::default() };
        for axis in 0..self.ndim {
            raw.shape[axis] = self.shape[axis] as i64;
            raw.strides[axis] = self.strides[axis] as i64;
        }
        raw
    }
}

/// Where a view's memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// A slice.
    Host,
    /// Whatever the caller of an unsafe function vouched for.
    Raw,
}

macro_rules! tensor_view {
    ($(#[$meta:meta])* $name:ident, $($mutability:ident)?, $as_pointer:ident) => {
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name<'a> {
            data: *mut c_void,
            data_type: DataType,
            layout: Layout,
            memory: Memory,
            borrow: PhantomData<&'a $($mutability)? [u8]>,
        }

        // SAFETY: a view is a borrow of plain numbers.
        unsafe impl Send for $name<'_> {}
        // SAFETY: as above.
        unsafe impl Sync for $name<'_> {}

        impl<'a> $name<'a> {
            /// A contiguous tensor, row-major, at the start of a slice.
            ///
            /// # Errors
            /// If the slice is too short, or the shape has more than six axes.
            pub fn new<T: Element>(data: &'a $($mutability)? [T], shape: &[usize]) -> Result<Self> {
                Self::from_slice(data, T::DATA_TYPE, Layout::contiguous(shape)?)
            }

            /// A tensor with strides in elements, at the start of a slice. The innermost stride must be 1.
            ///
            /// # Errors
            /// If the slice is too short, or the strides do not fit the shape; for a tensor that is written also if
            /// elements overlap.
            pub fn strided<T: Element>(
                data: &'a $($mutability)? [T],
                shape: &[usize],
                strides: &[usize],
            ) -> Result<Self> {
                Self::from_slice(data, T::DATA_TYPE, Layout::strided(shape, strides)?)
            }

            /// A contiguous tensor of fp8 elements.
            ///
            /// # Errors
            /// If `flavour` is no fp8 type, or as for `new`.
            pub fn fp8(data: &'a $($mutability)? [u8], flavour: DataType, shape: &[usize]) -> Result<Self> {
                Self::check_fp8(flavour)?;
                Self::from_slice(data, flavour, Layout::contiguous(shape)?)
            }

            /// A tensor of fp8 elements with strides.
            ///
            /// # Errors
            /// If `flavour` is no fp8 type, or as for `strided`.
            pub fn fp8_strided(
                data: &'a $($mutability)? [u8],
                flavour: DataType,
                shape: &[usize],
                strides: &[usize],
            ) -> Result<Self> {
                Self::check_fp8(flavour)?;
                Self::from_slice(data, flavour, Layout::strided(shape, strides)?)
            }

            /// A tensor at a raw pointer, e.g. of device memory; `strides` of `None` means contiguous.
            ///
            /// # Errors
            /// If shape and strides are wrong by themselves.
            ///
            /// # Safety
            /// The memory must be that of the context's device, as large as shape and strides say, aligned as the header
            /// asks, and must stay valid, and be used by nobody else where it is written, until the work that uses the
            /// view has finished (on a GPU: on its stream).
            pub unsafe fn from_raw(
                data: *mut c_void,
                data_type: DataType,
                shape: &[usize],
                strides: Option<&[usize]>,
            ) -> Result<Self> {
                if data.is_null() {
                    return Err(Error::invalid("data: NULL".to_owned()));
                }
                let layout = match strides {
                    Some(strides) => Layout::strided(shape, strides)?,
                    None => Layout::contiguous(shape)?,
                };
                Self::checked(data, data_type, layout, Memory::Raw)
            }

            /// Length of each axis, outermost first.
            pub fn shape(&self) -> &[usize] {
                &self.layout.shape[..self.layout.ndim]
            }

            /// Elements between neighbours along each axis.
            pub fn strides(&self) -> &[usize] {
                &self.layout.strides[..self.layout.ndim]
            }

            /// Type of the elements.
            pub fn data_type(&self) -> DataType {
                self.data_type
            }

            /// Cuts an axis in two, e.g. a packed cache `[num_blocks, 2, ...]` into its keys and its values.
            ///
            /// # Errors
            /// If there is no such axis, or it is shorter than `middle`.
            pub fn split_at(self, axis: usize, middle: usize) -> Result<(Self, Self)> {
                let (first, second, offset) = self.layout.split_at(axis, middle)?;
                // Not beyond the end, so that it is an offset within what the view borrows.
                let data = self.data.cast::<u8>().wrapping_add(offset * self.data_type.size()).cast();
                Ok((
                    Self { layout: first, ..self.parts() },
                    Self { layout: second, data, ..self.parts() },
                ))
            }

            /// Removes an axis of length 1.
            ///
            /// # Errors
            /// If there is no such axis, or its length is not 1.
            pub fn squeeze(self, axis: usize) -> Result<Self> {
                Ok(Self { layout: self.layout.squeeze(axis)?, ..self.parts() })
            }

            fn from_slice<T>(data: &'a $($mutability)? [T], data_type: DataType, layout: Layout) -> Result<Self> {
                layout.check_length(data.len())?;
                Self::checked(data.$as_pointer().cast_mut_void(), data_type, layout, Memory::Host)
            }

            fn check_fp8(flavour: DataType) -> Result<()> {
                if flavour.is_fp8() {
                    return Ok(());
                }
                Err(Error::invalid(format!("flavour: {flavour:?} is no fp8 type")))
            }

            /// The same view again; the caller gives up one of the two, or makes them disjoint.
            fn parts(&self) -> Self {
                Self {
                    data: self.data,
                    data_type: self.data_type,
                    layout: self.layout,
                    memory: self.memory,
                    borrow: PhantomData,
                }
            }

            pub(crate) fn memory(&self) -> Memory {
                self.memory
            }

            pub(crate) fn raw(&self) -> sys::foveaTensor_t {
                self.layout.to_raw(self.data, self.data_type)
            }
        }
    };
}

/// `cast` that also takes the `const` off: views that are only read carry the same C struct.
trait CastMutVoid {
    fn cast_mut_void(self) -> *mut c_void;
}

impl<T> CastMutVoid for *const T {
    fn cast_mut_void(self) -> *mut c_void {
        self.cast_mut().cast()
    }
}

impl<T> CastMutVoid for *mut T {
    fn cast_mut_void(self) -> *mut c_void {
        self.cast()
    }
}

tensor_view! {
    /// A tensor that is read; it owns nothing and is borrowed for one call only.
    ///
    /// ```
    /// use fovea::Tensor;
    /// let numbers = vec![0.0f32; 6];
    /// assert_eq!(Tensor::new(&numbers, &[1, 2, 3])?.strides(), [6, 3, 1]);
    /// assert!(Tensor::new(&numbers, &[2, 2, 3]).is_err());
    /// # Ok::<(), fovea::Error>(())
    /// ```
    ///
    /// It cannot outlive its slice:
    ///
    /// ```compile_fail,E0505
    /// use fovea::Tensor;
    /// let numbers = vec![0.0f32; 6];
    /// let tensor = Tensor::new(&numbers, &[2, 3])?;
    /// drop(numbers);
    /// println!("{:?}", tensor.shape());
    /// # Ok::<(), fovea::Error>(())
    /// ```
    Tensor, , as_ptr
}

tensor_view! {
    /// A tensor that is written; it owns nothing and is borrowed for one call only.
    ///
    /// While it lives, nobody else sees its memory:
    ///
    /// ```compile_fail,E0502
    /// use fovea::TensorMut;
    /// let mut numbers = [0.0f32; 6];
    /// let tensor = TensorMut::new(&mut numbers, &[2, 3])?;
    /// println!("{numbers:?}");
    /// drop(tensor);
    /// # Ok::<(), fovea::Error>(())
    /// ```
    TensorMut, mut, as_mut_ptr
}

impl Clone for Tensor<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Tensor<'_> {}

impl Tensor<'_> {
    fn checked(data: *mut c_void, data_type: DataType, layout: Layout, memory: Memory) -> Result<Self> {
        Ok(Self { data, data_type, layout, memory, borrow: PhantomData })
    }
}

impl TensorMut<'_> {
    fn checked(data: *mut c_void, data_type: DataType, layout: Layout, memory: Memory) -> Result<Self> {
        if !layout.is_disjoint() {
            let (shape, strides) = (&layout.shape[..layout.ndim], &layout.strides[..layout.ndim]);
            return Err(Error::invalid(format!(
                "strides: {strides:?} let elements of {shape:?} overlap, but the tensor is written"
            )));
        }
        Ok(Self { data, data_type, layout, memory, borrow: PhantomData })
    }

    /// The same tensor, to be read.
    pub fn as_tensor(&self) -> Tensor<'_> {
        Tensor {
            data: self.data,
            data_type: self.data_type,
            layout: self.layout,
            memory: self.memory,
            borrow: PhantomData,
        }
    }

    /// The same tensor, for a shorter time.
    pub fn reborrow(&mut self) -> TensorMut<'_> {
        self.parts()
    }
}

/// A plain array that is read: a slice, or raw memory of the context's device.
#[derive(Debug)]
pub struct Array<'a, T> {
    data: *const T,
    length: usize,
    memory: Memory,
    borrow: PhantomData<&'a [T]>,
}

impl<T> Clone for Array<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Array<'_, T> {}

// SAFETY: an array is a shared borrow.
unsafe impl<T: Sync> Send for Array<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Array<'_, T> {}

impl<'a, T> From<&'a [T]> for Array<'a, T> {
    fn from(slice: &'a [T]) -> Self {
        Self { data: slice.as_ptr(), length: slice.len(), memory: Memory::Host, borrow: PhantomData }
    }
}

impl<'a, T, const N: usize> From<&'a [T; N]> for Array<'a, T> {
    fn from(array: &'a [T; N]) -> Self {
        array.as_slice().into()
    }
}

impl<'a, T> From<&'a Vec<T>> for Array<'a, T> {
    fn from(vector: &'a Vec<T>) -> Self {
        vector.as_slice().into()
    }
}

impl<T> Array<'_, T> {
    /// An array at a raw pointer, e.g. of device memory.
    ///
    /// # Safety
    /// The memory must be that of the context's device, hold `length` elements, and must stay valid until the work that
    /// uses it has finished.
    pub unsafe fn from_raw(data: *const T, length: usize) -> Self {
        Self { data, length, memory: Memory::Raw, borrow: PhantomData }
    }

    pub(crate) fn memory(&self) -> Memory {
        self.memory
    }

    pub(crate) fn length(&self) -> usize {
        self.length
    }

    pub(crate) fn data(&self) -> *const T {
        self.data
    }
}
