//! Without a library every call is an error that says why; nothing panics. A test of its own, because the library is
//! looked for once in the life of a process.
#![cfg(feature = "dynamic-loading")]

use fovea::{Backend, Config, Context, DataType, Status};

#[test]
fn calls_without_a_library_are_errors_with_the_reason() {
    let nowhere = "/nonexistent/libfovea.so.1";
    // SAFETY: there is no such file.
    let error = unsafe { fovea::load(nowhere) }.unwrap_err();
    assert!(error.to_string().contains(nowhere), "{error}");
    for error in [
        Context::cpu().unwrap_err(),
        Config::builder().heads(1, 1).head_size(8).data_type(DataType::F32).build().unwrap_err(),
        Backend::all().unwrap_err(),
        fovea::version().unwrap_err(),
    ] {
        assert_eq!(error.status, Status::BACKEND_UNAVAILABLE);
        assert!(error.message.contains(nowhere), "{error}");
    }
    assert_eq!(Backend::CPU_ATTN.name(), "");
    assert_eq!(DataType::F32.size(), 0);
    // SAFETY: nothing is opened any more.
    assert!(unsafe { fovea::load("libfovea.so.1") }.is_err());
}
