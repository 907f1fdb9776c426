//! What the compiler cannot know: that the library that is really there agrees with the generated types. (Sizes, offsets
//! and alignments as libclang sees them are asserted at compile time, in the generated file.)

use std::ffi::{c_char, CStr};
use std::mem::{size_of, MaybeUninit};
use std::ptr::null_mut;

use fovea_sys::*;

fn text(pointer: *const c_char) -> &'static str {
    assert!(!pointer.is_null());
    // SAFETY: names are static and NUL-terminated.
    unsafe { CStr::from_ptr(pointer) }.to_str().expect("names are plain text")
}

fn create_context() -> foveaContext_t {
    let info = foveaContextCreateInfo_t {
        struct_size: size_of::<foveaContextCreateInfo_t>(),
        device: foveaDevice_t::FOVEA_DEVICE_CPU,
        num_threads: 3,
        ..Default::default()
    };
    let mut context = null_mut();
    // SAFETY: `info` is complete and `context` may be written to.
    let status = unsafe { foveaContextCreate(&info, &mut context) };
    assert_eq!(status, foveaStatus_t::FOVEA_STATUS_SUCCESS, "{:?}", load_error());
    context
}

#[test]
fn the_library_has_this_version() {
    let mut version = 0;
    // SAFETY: `version` may be written to.
    let status = unsafe { foveaGetVersion(&mut version) };
    assert_eq!(status, foveaStatus_t::FOVEA_STATUS_SUCCESS, "{:?}", load_error());
    assert_eq!(version, FOVEA_VERSION as i32);
    // SAFETY: no arguments.
    assert_eq!(text(unsafe { foveaGetVersionString() }).as_bytes(), &FOVEA_VERSION_STRING[..5]);
}

#[test]
fn values_that_this_crate_does_not_know_are_legal() {
    // SAFETY: any value may be asked for.
    unsafe {
        assert_eq!(text(foveaStatusName(foveaStatus_t(12_345))), "FOVEA_STATUS_UNKNOWN");
        assert_eq!(text(foveaStatusName(foveaStatus_t::FOVEA_STATUS_ARCH_MISMATCH)), "FOVEA_STATUS_ARCH_MISMATCH");
        assert_eq!(foveaDataTypeSize(foveaDataType_t::FOVEA_DATA_TYPE_BF16), 2);
        assert_eq!(text(foveaDataTypeName(foveaDataType_t::FOVEA_DATA_TYPE_F8_E4M3FNUZ)), "f8_e4m3fnuz");
        assert_eq!(text(foveaCapabilityName(foveaCapability_t(FOVEA_CAPABILITY_COUNT - 1))), "encoder_decoder");
        assert_eq!(text(foveaCapabilityName(foveaCapability_t(FOVEA_CAPABILITY_COUNT))), "unknown");
    }
}

#[test]
fn an_output_struct_is_filled_to_its_end_and_not_beyond() {
    const GUARD: u8 = 0xa5;
    let context = create_context();
    let mut memory = [MaybeUninit::<foveaContextInfo_t>::uninit(), MaybeUninit::uninit()];
    let bytes = memory.as_mut_ptr().cast::<u8>();
    let size = size_of::<foveaContextInfo_t>();
    // SAFETY: the two structs are 2 * size bytes; the first is what the library may write to, as struct_size says.
    unsafe {
        bytes.write_bytes(GUARD, 2 * size);
        let info = memory[0].as_mut_ptr();
        (*info).struct_size = size;
        assert_eq!(foveaContextGetInfo(context, info), foveaStatus_t::FOVEA_STATUS_SUCCESS);
        assert_eq!((*info).struct_size, size);
        assert_eq!((*info).device, foveaDevice_t::FOVEA_DEVICE_CPU);
        assert_eq!((*info).device_ordinal, 0);
        assert_eq!((*info).num_threads, 3);
        assert_eq!((*info).architecture[63], 0);
        for i in size..2 * size {
            assert_eq!(*bytes.add(i), GUARD, "byte {i}");
        }
        foveaContextDestroy(context);
    }
}

/// A struct with a tail that this version of the library does not know.
#[repr(C)]
struct Longer(foveaMetadataLimits_t, [u8; 64]);

#[test]
fn a_struct_of_another_size_is_told_apart() {
    let context = create_context();
    let mut metadata = null_mut();
    let limits = foveaMetadataLimits_t {
        struct_size: size_of::<foveaMetadataLimits_t>(),
        max_num_seqs: 1,
        max_num_tokens: 2,
        max_seq_len: 3,
        max_blocks_per_seq: 4,
        max_prefix_ranges: 0,
    };
    let newer = Longer(foveaMetadataLimits_t { struct_size: size_of::<Longer>(), ..limits }, [1u8; 64]);
    // SAFETY: the handles are good; `newer` is as long as its struct_size says.
    unsafe {
        assert_eq!(foveaMetadataCreate(context, &limits, &mut metadata), foveaStatus_t::FOVEA_STATUS_SUCCESS);
        foveaMetadataDestroy(metadata);
        let mut untouched = null_mut();
        let status = foveaMetadataCreate(context, std::ptr::from_ref(&newer).cast(), &mut untouched);
        assert_eq!(status, foveaStatus_t::FOVEA_STATUS_VERSION_MISMATCH);
        assert!(untouched.is_null());
        assert_ne!(text(foveaGetLastErrorMessage()), "");
        foveaContextDestroy(context);
    }
}
