//! A backend that is causal only, on a GPU module without a GPU that claims what the shipped ones do. A test of its own,
//! because modules are looked for once in the life of a process.

use std::env;

use fovea::{
    Attention, Backend, Causal, Config, Context, DataType, Device, Error, Limits, Metadata, Plan, ReasonCode, Status,
};

fn refused<T>(result: Result<T, Error>) {
    let Err(error) = result else { panic!("a non-causal request was served") };
    assert_eq!(error.status, Status::NOT_SUPPORTED, "{error}");
    assert!(error.message.contains("non-causal attention not supported"), "{error}");
}

#[test]
fn non_causal_requests_are_refused_with_the_reason() {
    let module = env::var_os("FOVEA_TEST_CLAIMS_MODULE")
        .expect("FOVEA_TEST_CLAIMS_MODULE names the folder of a module, as tests/bindings/rust.sh sets it");
    env::set_var("FOVEA_BACKEND_PATH", module);
    let unified = Backend::ROCM_UNIFIED_ATTN;
    assert!(!unified.supports_non_causal().unwrap());
    let context = Context::builder().device(Device::GPU).build().unwrap();

    // A config that declares non-causal use.
    let layer = Config::builder().heads(4, 2).head_size(64).data_type(DataType::BF16);
    let config = layer.clone().non_causal(true).build().unwrap();
    let report = config.check(unified).unwrap();
    let reasons: Vec<_> = report.reasons().iter().map(|reason| (reason.code, reason.sentence.as_str())).collect();
    assert_eq!(reasons, [(ReasonCode::NON_CAUSAL, "non-causal attention not supported")]);
    refused(report.into_result());
    refused(context.select_backend(&config, unified));
    refused(Attention::new(&context, &config, unified));
    assert_eq!(context.select_backend(&config, Backend::AUTO).unwrap(), Backend::ROCM_ATTN);

    // One that does not, and a batch that is non-causal all the same.
    let attention = Attention::new(&context, &layer.build().unwrap(), unified).unwrap();
    assert_eq!(attention.backend().unwrap(), unified);
    let limits = Limits::new(1, 2, 4);
    let mut batch = Metadata::new(&context, &limits).unwrap();
    batch.set_sequences(&[0, 2], &[4]).unwrap();
    batch.commit().unwrap();
    let mut memory = [0u128; 8];
    let aligned = memory.as_mut_ptr().cast::<u8>();
    // SAFETY: the device has the host's memory, and these are 64 bytes of it that nobody else uses.
    let mut plan = unsafe { Plan::from_raw(aligned.add(aligned.align_offset(64)).cast(), 64) };
    refused(attention.plan(&batch, &mut plan, Causal::No));
    batch.set_causal(false).unwrap();
    refused(attention.plan(&batch, &mut plan, Causal::FromMetadata));
}
