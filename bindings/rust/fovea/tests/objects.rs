//! Lifetimes, threads, and what the safe layer itself refuses.

use std::error::Error as _;
use std::thread;

use fovea::{
    Alibi, Array, Attention, Backend, BoundsAttribute, Capability, Config, ConfigBuilder, Context, DataType,
    DataTypeRole, Device, Error, Forward, KvScales, KvWrite, Limits, Merge, Metadata, PartialState, Plan, ReasonCode,
    Report, Status, Tensor, TensorMut, Workspace,
};
use half::{bf16, f16};

fn layer() -> ConfigBuilder {
    Config::builder().heads(2, 1).head_size(8).data_type(DataType::F32)
}

fn limits() -> Limits {
    Limits::new(2, 4, 32).max_blocks_per_seq(2)
}

/// One sequence of 4 keys, 2 of them new, in block 1 of 2.
struct Fixture {
    context: Context,
    attention: Attention,
    batch: Metadata,
    cache: Vec<f32>,
}

const CACHE_SHAPE: [usize; 4] = [2, 16, 1, 8];

impl Fixture {
    fn new(config: ConfigBuilder) -> Self {
        let context = Context::builder().device(Device::CPU).num_threads(2).build().unwrap();
        let attention = Attention::new(&context, &config.build().unwrap(), Backend::AUTO).unwrap();
        let mut batch = Metadata::new(&context, &limits()).unwrap();
        batch.set_sequences(&[0, 2], &[4]).unwrap();
        batch.set_block_table(1, &[1]).unwrap();
        batch.commit().unwrap();
        Self { context, attention, batch, cache: (0..256).map(|i| (i % 7) as f32).collect() }
    }

    fn forward<'a>(
        &'a self,
        output: &'a mut [f32],
        more: impl FnOnce(Forward<'a>) -> Forward<'a>,
    ) -> Result<(), Error> {
        static QUERY: [f32; 32] = [0.25; 32];
        let cache = Tensor::new(&self.cache, &CACHE_SHAPE)?;
        let forward = Forward::new(Tensor::new(&QUERY, &[2, 2, 8])?, TensorMut::new(output, &[2, 2, 8])?);
        let mut workspace = self.attention.workspace(&limits())?;
        self.attention.forward(&self.batch, more(forward.kv_cache(cache, cache)), &mut workspace)
    }
}

fn refused<T>(result: Result<T, Error>, texts: &[&str]) {
    let Err(error) = result else { panic!("not refused: {texts:?}") };
    assert_eq!(error.status, Status::INVALID_ARGUMENT, "{error}");
    for text in texts {
        assert!(error.message.contains(text), "{text:?} is not in {:?}", error.message);
    }
}

#[test]
fn objects_cross_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Context>();
    shared::<Config>();
    shared::<Attention>();
    shared::<Metadata>();
    shared::<Workspace>();
    shared::<Plan>();
    shared::<Report>();
    shared::<Error>();
    shared::<Tensor<'_>>();
    shared::<TensorMut<'_>>();
    shared::<Array<'_, f32>>();
}

#[test]
fn objects_may_be_dropped_in_any_order() {
    let Fixture { context, attention, batch, cache } = Fixture::new(layer());
    drop(context);
    let mut workspace = attention.workspace(&limits()).unwrap();
    let (query, mut output) = ([0.5f32; 32], [f32::NAN; 32]);
    let cache = Tensor::new(&cache, &CACHE_SHAPE).unwrap();
    let forward =
        Forward::new(Tensor::new(&query, &[2, 2, 8]).unwrap(), TensorMut::new(&mut output, &[2, 2, 8]).unwrap());
    attention.forward(&batch, forward.kv_cache(cache, cache), &mut workspace).unwrap();
    assert!(output.iter().all(|x| x.is_finite()));
    drop(attention);
    drop(batch);
}

#[test]
fn one_attention_and_one_batch_serve_many_threads() {
    let fixture = Fixture::new(layer());
    let mut expected = [f32::NAN; 32];
    fixture.forward(&mut expected, |forward| forward).unwrap();
    assert!(expected.iter().all(|x| x.is_finite()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let mut output = [f32::NAN; 32];
                    fixture.forward(&mut output, |forward| forward).unwrap();
                    assert_eq!(output, expected);
                }
            });
        }
    });
}

#[test]
fn an_error_belongs_to_its_call() {
    // The text is the library's per thread; each thread must get its own.
    thread::scope(|scope| {
        for heads in 2..6usize {
            scope.spawn(move || {
                for _ in 0..100 {
                    refused(
                        Config::builder().heads(heads * 10 + 1, heads).build(),
                        &["num_query_heads", &(heads * 10 + 1).to_string()],
                    );
                }
            });
        }
    });
    let error = Backend::from_name("NO_SUCH_ATTN").unwrap_err();
    assert!(error.message.contains("CPU_ATTN"), "{error}");
    assert_eq!(error.status.name(), "FOVEA_STATUS_INVALID_ARGUMENT");
    assert_eq!(format!("{:?}", error.status), "INVALID_ARGUMENT");
    assert_eq!(error.to_string(), format!("{}: {}", error.status, error.message));
    assert!(error.source().is_none());
}

#[test]
fn a_non_causal_batch_needs_a_config_that_declares_it() {
    let mut fixture = Fixture::new(layer());
    fixture.batch.set_causal(false).unwrap();
    assert!(!fixture.batch.causal().unwrap());
    let mut output = [7.0f32; 32];
    let error = fixture.forward(&mut output, |forward| forward).unwrap_err();
    assert_eq!(error.status, Status::NOT_SUPPORTED);
    assert!(error.message.starts_with("non-causal attention not supported"), "{error}");
    assert_eq!(output, [7.0; 32]);

    let mut declared = Fixture::new(layer().non_causal(true));
    let (mut causal, mut full) = ([0.0; 32], [0.0; 32]);
    declared.forward(&mut causal, |forward| forward).unwrap();
    declared.batch.set_causal(false).unwrap();
    declared.forward(&mut full, |forward| forward).unwrap();
    assert_ne!(causal[..16], full[..16]);
    assert_eq!(causal[16..], full[16..]);
}

#[test]
fn backends_tell_what_they_can_do() {
    let backend = Backend::from_name("cpu_attn").unwrap();
    assert_eq!(backend, Backend::CPU_ATTN);
    assert_eq!(backend.name(), "CPU_ATTN");
    assert_eq!(backend.unavailable_reason().unwrap(), None);
    assert!(backend.supports_non_causal().unwrap());
    assert!(backend.supports(Capability::SINKS).unwrap());
    assert!(!backend.supports(Capability::GRAPH_CAPTURE).unwrap());
    assert!(backend.supports_data_type(DataTypeRole::KV_CACHE, DataType::F8_E5M2).unwrap());
    refused(backend.supports_data_type(DataTypeRole::QUERY, DataType::NONE), &["dtype"]);
    let bounds = backend.bounds(BoundsAttribute::HEAD_SIZE).unwrap();
    assert!(bounds.contains(128) && !bounds.contains(100) && !bounds.contains(512));
    assert_eq!(Capability::all().last().unwrap().name(), "encoder_decoder");
    for backend in Backend::all().unwrap() {
        let reason = backend.unavailable_reason().unwrap();
        assert_ne!(reason.as_deref(), Some(""), "{backend:?} gives no reason");
    }
    assert_eq!(fovea::version().unwrap().0, 1);
}

#[test]
fn a_refusal_has_all_its_reasons() {
    let context = Context::cpu().unwrap();
    let config = layer().head_size(12).kv_cache_layout(fovea::KvCacheLayout::STRIDED, 24).build().unwrap();
    let report = config.check(Backend::CPU_ATTN).unwrap();
    let codes: Vec<_> = report.reasons().iter().map(|reason| reason.code).collect();
    assert!(codes.contains(&ReasonCode::HEAD_SIZE) && codes.contains(&ReasonCode::BLOCK_SIZE), "{report:?}");
    assert_eq!(report.clone().into_result().unwrap_err().status, Status::NOT_SUPPORTED);
    for error in [
        context.select_backend(&config, Backend::AUTO).unwrap_err(),
        Attention::new(&context, &config, Backend::CPU_ATTN).unwrap_err(),
    ] {
        assert_eq!(error.status, Status::NOT_SUPPORTED);
        for reason in report.reasons() {
            assert!(error.message.contains(&reason.sentence), "{:?} is not in {error}", reason.sentence);
        }
    }
    assert_eq!(context.select_backend(&layer().build().unwrap(), Backend::AUTO).unwrap(), Backend::CPU_ATTN);
    assert!(layer().build().unwrap().check(Backend::CPU_ATTN).unwrap().into_result().is_ok());
}

#[test]
fn slices_are_as_long_as_shapes_ask() {
    let data = [0.0f32; 24];
    assert!(Tensor::new(&data, &[2, 3, 4]).is_ok());
    refused(Tensor::new(&data, &[2, 3, 5]), &["30", "24"]);
    refused(Tensor::new(&data, &[1; 7]), &["6 axes"]);
    refused(Tensor::new(&data, &[usize::MAX, 3]), &["shape"]);
    refused(Tensor::new(&data, &[usize::MAX, 0]), &["too large"]);
    assert!(Tensor::strided(&data, &[2, 4], &[20, 1]).is_ok());
    refused(Tensor::strided(&data, &[2, 5], &[20, 1]), &["25", "24"]);
    refused(Tensor::strided(&data, &[100, 100], &[0, 0]), &["all 0"]);
    refused(Tensor::strided(&data, &[2, 4], &[1]), &["strides"]);
    assert!(Tensor::strided(&data, &[9, 4], &[0, 1]).is_ok());
    assert!(Tensor::new(&[0.0f32; 0], &[0, 3, 4]).is_ok());
    let bytes = [0u8; 16];
    assert_eq!(Tensor::fp8(&bytes, DataType::F8_E5M2, &[16]).unwrap().data_type(), DataType::F8_E5M2);
    refused(Tensor::fp8(&bytes, DataType::F16, &[8]), &["F16"]);
    assert_eq!(Tensor::new(&[f16::ONE; 2], &[2]).unwrap().data_type().size(), 2);
    assert_eq!(Tensor::new(&[bf16::ONE; 2], &[2]).unwrap().data_type().name(), "bf16");
    // SAFETY: NULL is refused before anything is read.
    refused(unsafe { Tensor::from_raw(std::ptr::null_mut(), DataType::F32, &[1], None) }, &["NULL"]);
}

#[test]
fn a_tensor_that_is_written_does_not_overlap_itself() {
    let mut data = [0.0f32; 24];
    refused(TensorMut::strided(&mut data, &[9, 4], &[0, 1]), &["overlap"]);
    refused(TensorMut::strided(&mut data, &[2, 4], &[3, 1]), &["overlap"]);
    assert!(TensorMut::strided(&mut data, &[2, 4], &[4, 1]).is_ok());
    assert!(TensorMut::strided(&mut data, &[4, 2, 3], &[3, 12, 1]).is_ok());
}

#[test]
fn views_are_cut_and_squeezed() {
    let mut data: Vec<f32> = (0..24).map(|i| i as f32).collect();
    let whole = TensorMut::new(&mut data, &[3, 2, 4]).unwrap();
    refused(whole.as_tensor().split_at(3, 0), &["axis"]);
    refused(whole.as_tensor().split_at(1, 3), &["middle"]);
    refused(whole.as_tensor().squeeze(1), &["2 long"]);
    let (first, second) = whole.split_at(1, 1).unwrap();
    let (first, second) = (first.squeeze(1).unwrap(), second.squeeze(1).unwrap());
    assert_eq!((first.shape(), first.strides()), (&[3, 4][..], &[8, 1][..]));
    assert_eq!((second.shape(), second.strides()), (&[3, 4][..], &[8, 1][..]));
    let (rest, empty) = second.split_at(0, 3).unwrap();
    assert_eq!((rest.shape(), empty.shape()), (&[3, 4][..], &[0, 4][..]));
}

#[test]
fn arrays_are_as_long_as_the_library_takes_them_to_be() {
    // C is told no length of these: what is too short must not reach it.
    let mut output = [0.0f32; 32];
    let fixture = Fixture::new(layer().alibi(Alibi::LINEAR).sinks(true));
    let (one, two) = ([1.0f32], [1.0f32, 2.0]);
    refused(fixture.forward(&mut output, |f| f.alibi_slopes(&one).sinks(&two)), &["alibi_slopes", "1", "2"]);
    refused(fixture.forward(&mut output, |f| f.alibi_slopes(&two).sinks(&one)), &["sinks", "1", "2"]);
    refused(fixture.forward(&mut output, |f| f.alibi_slopes(&two).sinks(&two).kv_scales(&one, &one)), &["k_scale"]);
    fixture.forward(&mut output, |f| f.alibi_slopes(&two).sinks(&two)).unwrap();

    let flavour = DataType::F8_E4M3FN;
    let mut fixture = Fixture::new(layer().heads(2, 2).kv_cache_data_type(flavour).kv_scales(KvScales::PER_HEAD));
    let mut caches = (vec![0u8; 2 * 16 * 2 * 8], vec![0u8; 2 * 16 * 2 * 8]);
    let rows = [0.5f32; 16];
    let shape = [2, 16, 2, 8];
    let mut write = |scales: &[f32]| {
        let rows = Tensor::new(&rows, &[1, 2, 8])?;
        let keys = TensorMut::fp8(&mut caches.0, flavour, &shape)?;
        let values = TensorMut::fp8(&mut caches.1, flavour, &shape)?;
        fixture.attention.write_kv_cache(KvWrite::new(rows, rows, keys, values, &[5]).scales(scales, scales))
    };
    refused(write(&one), &["k_scale", "1", "2"]);
    write(&two).unwrap();
    // Slot 5 holds 0.5 / 1 for the first head and 0.5 / 2 for the second.
    assert_eq!((caches.0[5 * 16], caches.0[5 * 16 + 8]), (0x30, 0x28));

    refused(fixture.batch.set_sequences(&[0, 2], &[4, 4]), &["query_start_loc", "2", "3"]);
    refused(fixture.batch.set_sequences(&[], &[]), &["query_start_loc"]);
    refused(fixture.batch.set_causal_per_sequence(Some(&[true, false])), &["causal", "2", "1"]);
    refused(fixture.batch.set_block_table(3, &[1, 2]), &["block_table"]);
    refused(fixture.batch.set_block_table(0, &[]), &["block_table"]);
    refused(fixture.batch.set_block_table_strided(2, 2, 5, &[1; 6]), &["block_table", "6", "7"]);
    refused(fixture.batch.set_prefix_ranges(&[0], &[]), &["range_start_loc"]);
}

#[test]
fn metadata_is_committed_before_it_is_used() {
    let mut fixture = Fixture::new(layer());
    let mut output = [0.0f32; 32];
    fixture.batch.set_sequences(&[0, 2], &[5]).unwrap();
    let error = fixture.forward(&mut output, |forward| forward).unwrap_err();
    assert_eq!(error.status, Status::INVALID_STATE);
    fixture.batch.commit().unwrap();
    fixture.forward(&mut output, |forward| forward).unwrap();
    fixture.batch.validate(&fixture.attention, 2).unwrap();
    refused(fixture.batch.validate(&fixture.attention, 1), &["block_table"]);
    assert_eq!(fixture.batch.async_error(fovea::Stream::default()).unwrap(), None);
    fixture.batch.clear_block_table().unwrap();
    fixture.batch.clear_prefix_ranges().unwrap();
    fixture.batch.set_causal_per_sequence(None).unwrap();
    fixture.batch.commit().unwrap();
    refused(fixture.forward(&mut output, |forward| forward), &["block_table"]);
}

#[test]
fn plans_and_workspaces_are_checked() {
    let fixture = Fixture::new(layer());
    let mut plan = fixture.attention.plan_memory(&limits()).unwrap();
    let mut output = [0.0f32; 32];
    refused(fixture.forward(&mut output, |forward| forward.plan(&plan)), &["plan"]);
    fixture.attention.plan(&fixture.batch, &mut plan, fovea::Causal::FromMetadata).unwrap();
    fixture.forward(&mut output, |forward| forward.plan(&plan)).unwrap();

    let query = [0.0f32; 32];
    let cache = Tensor::new(&fixture.cache, &CACHE_SHAPE).unwrap();
    let forward =
        Forward::new(Tensor::new(&query, &[2, 2, 8]).unwrap(), TensorMut::new(&mut output, &[2, 2, 8]).unwrap());
    let forward = forward.kv_cache(cache, cache);
    let error = fixture.attention.forward(&fixture.batch, forward, &mut Workspace::new(0)).unwrap_err();
    assert_eq!(error.status, Status::WORKSPACE_TOO_SMALL);
}

#[test]
fn a_context_says_what_it_runs_on() {
    let context = Context::builder().device(Device::CPU).num_threads(3).build().unwrap();
    let info = context.info();
    assert_eq!((info.device, info.device_ordinal, info.num_threads), (Device::CPU, 0, 3));
    assert!(!info.device_name.is_empty() && !info.architecture.is_empty());
    refused(Context::builder().device(Device::CPU).device_ordinal(1).build(), &["device_ordinal", "1"]);
    refused(Context::builder().device(Device::from_value(77)).build(), &["device", "77"]);
}

#[test]
fn raw_memory_gives_what_slices_give() {
    // On a CPU the device's memory is the host's.
    let mut fixture = Fixture::new(layer().alibi(Alibi::LINEAR));
    let slopes = [0.5f32, 0.25];
    let mut expected = [f32::NAN; 32];
    fixture.forward(&mut expected, |forward| forward.alibi_slopes(&slopes)).unwrap();

    let (query, mut output) = ([0.25f32; 32], [f32::NAN; 32]);
    let (query_start_loc, seq_lens, flags, table) = ([0, 2], [4], [1], [1]);
    let mut scratch = vec![0u8; fixture.attention.workspace_size(&limits()).unwrap() + 64];
    let aligned = scratch.as_mut_ptr().wrapping_add(scratch.as_ptr().align_offset(64));
    // SAFETY: everything lives to the end of this function, is as large as its shape says, and is used by nobody else.
    unsafe {
        fixture.batch.set_sequences_raw(1, 2, 2, 4, query_start_loc.as_ptr(), seq_lens.as_ptr()).unwrap();
        fixture.batch.set_block_table_raw(1, 1, 1, table.as_ptr()).unwrap();
        fixture.batch.commit().unwrap();
        let cache = fixture.cache.as_mut_ptr().cast();
        let cache = Tensor::from_raw(cache, DataType::F32, &CACHE_SHAPE, Some(&[128, 8, 8, 1])).unwrap();
        let forward = Forward::new(
            Tensor::from_raw(query.as_ptr().cast_mut().cast(), DataType::F32, &[2, 2, 8], None).unwrap(),
            TensorMut::from_raw(output.as_mut_ptr().cast(), DataType::F32, &[2, 2, 8], None).unwrap(),
        )
        .kv_cache(cache, cache)
        .alibi_slopes(Array::from_raw(slopes.as_ptr(), 2))
        .stream(fovea::Stream::from_raw(std::ptr::null_mut()));
        let mut workspace = Workspace::from_raw(aligned.cast(), scratch.len() - 64);
        fixture.attention.forward(&fixture.batch, forward, &mut workspace).unwrap();

        fixture.batch.set_causal_per_sequence_raw(flags.as_ptr()).unwrap();
        fixture.batch.commit().unwrap();
    }
    assert_eq!(output, expected);
    // A flag for each sequence was set, but the config does not declare that.
    let error = fixture.forward(&mut output, |forward| forward.alibi_slopes(&slopes)).unwrap_err();
    assert_eq!(error.status, Status::NOT_SUPPORTED, "{error}");
}

#[test]
fn parts_of_the_keys_are_merged_into_the_whole() {
    // The first 32 keys by one forward, the last 2 by another: together they are the forward over all 34.
    let context = Context::cpu().unwrap();
    let config = layer().non_causal(true).lse(true).build().unwrap();
    let attention = Attention::new(&context, &config, Backend::AUTO).unwrap();
    let limits = Limits::new(1, 2, 64).max_blocks_per_seq(3);
    let cache: Vec<f32> = (0..4 * 16 * 8).map(|i| ((i * 37) % 23) as f32 / 8.0 - 1.0).collect();
    let query: Vec<f32> = (0..32).map(|i| ((i * 11) % 7) as f32 / 4.0 - 1.0).collect();
    let run = |table: &[i32], seq_len: i32, partial: bool| {
        let mut batch = Metadata::new(&context, &limits).unwrap();
        batch.set_sequences(&[0, 2], &[seq_len]).unwrap();
        batch.set_block_table(table.len(), table).unwrap();
        batch.set_causal(false).unwrap();
        batch.commit().unwrap();
        let (mut output, mut lse) = (vec![f32::NAN; 32], vec![f32::NAN; 4]);
        let tensor = Tensor::new(&cache, &[4, 16, 1, 8]).unwrap();
        let forward =
            Forward::new(Tensor::new(&query, &[2, 2, 8]).unwrap(), TensorMut::new(&mut output, &[2, 2, 8]).unwrap())
                .kv_cache(tensor, tensor)
                .lse(TensorMut::new(&mut lse, &[2, 2]).unwrap());
        let forward = if partial { forward.partial_state() } else { forward };
        attention.forward(&batch, forward, &mut attention.workspace(&limits).unwrap()).unwrap();
        (output, lse)
    };
    let whole = run(&[3, 0, 2], 34, false);
    let parts = [run(&[3, 0], 32, true), run(&[2], 2, true)];
    let states = parts.each_ref().map(|(output, lse)| PartialState {
        output: Tensor::new(output, &[2, 2, 8]).unwrap(),
        lse: Tensor::new(lse, &[2, 2]).unwrap(),
    });
    let (mut output, mut lse) = ([f32::NAN; 32], [f32::NAN; 4]);
    let merge = Merge::new(&states, 2, TensorMut::new(&mut output, &[2, 2, 8]).unwrap());
    context.merge(merge.lse(TensorMut::new(&mut lse, &[2, 2]).unwrap())).unwrap();
    for (merged, direct) in output.iter().zip(&whole.0).chain(lse.iter().zip(&whole.1)) {
        assert!((merged - direct).abs() < 1e-5, "{merged} is not {direct}");
    }
    assert_ne!(parts[0].0, whole.0);

    let mut output = [0.0f32; 32];
    let merge = Merge::new(&states, 2, TensorMut::new(&mut output, &[2, 2, 8]).unwrap());
    refused(context.merge(merge.sinks(&[1.0])), &["sinks", "1", "2"]);
    refused(context.merge(Merge::new(&[], 2, TensorMut::new(&mut output, &[2, 2, 8]).unwrap())), &["num_states"]);
}
