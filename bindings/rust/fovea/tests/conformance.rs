//! Runs `tests/bindings/cases.json`, which all languages run; the README beside it describes it.

use std::fs;
use std::path::Path;

use fovea::{
    Alibi, Attention, AttentionType, Backend, Causal, Config, Context, DataType, Device, Error, Forward, KvCacheLayout,
    KvScales, KvWrite, Limits, Merge, Metadata, PartialState, PrefixRanges, Tensor, TensorMut,
};
use half::{bf16, f16};
use serde_json::Value;

const QUERY: u64 = 1;
const KEY: u64 = 2;
const VALUE: u64 = 3;
const STATES: u64 = 4;

fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/bindings/cases.json");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document: Value = serde_json::from_str(&text).expect("cases.json is JSON");
    assert_eq!(document["format"], 1, "cases.json has another format");
    document
}

fn entries<'a>(document: &'a Value, section: &str) -> &'a Vec<Value> {
    let entries = document[section].as_array().expect(section);
    assert!(!entries.is_empty(), "{section} is empty");
    entries
}

// --- reading fields

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count")) as usize
}

fn flag(value: &Value) -> bool {
    match value.as_u64() {
        Some(0) => false,
        Some(1) => true,
        _ => panic!("{value} is neither 0 nor 1"),
    }
}

fn real(value: &Value) -> f32 {
    let number = value.as_f64().unwrap_or_else(|| panic!("{value} is no number"));
    if number <= -1e30 {
        f32::NEG_INFINITY
    } else {
        number as f32
    }
}

fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).iter().map(read).collect()
}

fn integer(value: &Value) -> i32 {
    i32::try_from(value.as_i64().expect("an integer")).expect("32 bits")
}

fn choice<T: Copy>(value: &Value, choices: &[(&str, T)]) -> T {
    let found = choices.iter().find(|(name, _)| value == name);
    found.unwrap_or_else(|| panic!("cases.json: unknown name {value}")).1
}

fn data_type(value: &Value) -> DataType {
    let known =
        [DataType::F32, DataType::F16, DataType::BF16, DataType::F8_E4M3FN, DataType::F8_E4M3FNUZ, DataType::F8_E5M2];
    choice(value, &known.map(|data_type| (data_type.name(), data_type)))
}

// --- data

fn make_values(seed: &Value, stream: u64, count: usize) -> Vec<f32> {
    let mut state = seed.as_u64().expect("a seed").wrapping_mul(16).wrapping_add(stream);
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            ((z >> 57) as f32 - 64.0) / 32.0
        })
        .collect()
}

/// Owned elements of any type.
enum Data {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
    Fp8(Vec<u8>, DataType),
}

impl Data {
    fn encode(values: &[f32], data_type: DataType) -> Self {
        match data_type {
            DataType::F32 => Self::F32(values.to_vec()),
            DataType::F16 => Self::F16(values.iter().copied().map(f16::from_f32).collect()),
            DataType::BF16 => Self::Bf16(values.iter().copied().map(bf16::from_f32).collect()),
            _ => panic!("{data_type:?} is no type of an input"),
        }
    }

    fn filled(byte: u8, data_type: DataType, shape: &[usize]) -> Self {
        let count = shape.iter().product();
        match data_type {
            DataType::F32 => Self::F32(vec![f32::from_ne_bytes([byte; 4]); count]),
            DataType::F16 => Self::F16(vec![f16::from_ne_bytes([byte; 2]); count]),
            DataType::BF16 => Self::Bf16(vec![bf16::from_ne_bytes([byte; 2]); count]),
            flavour => Self::Fp8(vec![byte; count], flavour),
        }
    }

    fn view(&self, shape: &[usize]) -> Tensor<'_> {
        match self {
            Self::F32(data) => Tensor::new(data, shape),
            Self::F16(data) => Tensor::new(data, shape),
            Self::Bf16(data) => Tensor::new(data, shape),
            Self::Fp8(data, flavour) => Tensor::fp8(data, *flavour, shape),
        }
        .expect("the data fits the shape")
    }

    fn view_mut(&mut self, shape: &[usize]) -> TensorMut<'_> {
        match self {
            Self::F32(data) => TensorMut::new(data, shape),
            Self::F16(data) => TensorMut::new(data, shape),
            Self::Bf16(data) => TensorMut::new(data, shape),
            Self::Fp8(data, flavour) => TensorMut::fp8(data, *flavour, shape),
        }
        .expect("the data fits the shape")
    }

    fn decode(&self) -> Vec<f32> {
        match self {
            Self::F32(data) => data.clone(),
            Self::F16(data) => data.iter().map(|x| x.to_f32()).collect(),
            Self::Bf16(data) => data.iter().map(|x| x.to_f32()).collect(),
            Self::Fp8(..) => panic!("no output is fp8"),
        }
    }
}

fn expect_near(case: &str, what: &str, expected: &Value, tolerance: &Value, got: &[f32]) {
    let expected = list(expected, real);
    let tolerance = tolerance.as_f64().expect("a tolerance");
    assert_eq!(expected.len(), got.len(), "{case}: length of {what}");
    for (i, (&want, &have)) in expected.iter().zip(got).enumerate() {
        let near = if want.is_infinite() { have == want } else { f64::from((have - want).abs()) <= tolerance };
        assert!(near, "{case}: {what}[{i}] is {have}, expected {want} within {tolerance}");
    }
}

// --- running a case

/// Which step failed, and how.
struct Failure {
    step: &'static str,
    error: Error,
    reasons: Vec<u32>,
}

fn at(step: &'static str) -> impl Fn(Error) -> Failure {
    move |error| Failure { step, error, reasons: Vec::new() }
}

fn build_config(fields: &Value) -> Result<Config, Error> {
    let window = |value: &Value| usize::try_from(integer(value)).ok();
    Config::builder()
        .heads(number(&fields["num_query_heads"]), number(&fields["num_kv_heads"]))
        .head_size(number(&fields["head_size"]))
        .head_size_v(number(&fields["head_size_v"]))
        .data_type(data_type(&fields["query_dtype"]))
        .kv_cache_data_type(data_type(&fields["kv_cache_dtype"]))
        .output_data_type(data_type(&fields["output_dtype"]))
        .scale(real(&fields["scale"]))
        .sliding_window(window(&fields["window_left"]), window(&fields["window_right"]))
        .logits_soft_cap(real(&fields["soft_cap"]))
        .alibi(choice(&fields["alibi"], &[("none", Alibi::NONE), ("linear", Alibi::LINEAR), ("sqrt", Alibi::SQRT)]))
        .sinks(flag(&fields["sinks"]))
        .lse(flag(&fields["lse"]))
        .prefix_ranges(choice(
            &fields["prefix_ranges"],
            &[("none", PrefixRanges::NONE), ("full", PrefixRanges::FULL), ("windowed", PrefixRanges::WINDOWED)],
        ))
        .per_sequence_causal(flag(&fields["per_sequence_causal"]))
        .non_causal(flag(&fields["non_causal"]))
        .batch_invariant(flag(&fields["batch_invariant"]))
        .attention_type(choice(
            &fields["attention_type"],
            &[
                ("decoder", AttentionType::DECODER),
                ("encoder", AttentionType::ENCODER),
                ("encoder_decoder", AttentionType::ENCODER_DECODER),
            ],
        ))
        .kv_cache_layout(
            choice(
                &fields["kv_cache_layout"],
                &[("strided", KvCacheLayout::STRIDED), ("vectorized", KvCacheLayout::VECTORIZED)],
            ),
            number(&fields["block_size"]),
        )
        .kv_scales(choice(
            &fields["kv_scales"],
            &[("none", KvScales::NONE), ("per_tensor", KvScales::PER_TENSOR), ("per_head", KvScales::PER_HEAD)],
        ))
        .build()
}

fn fill_metadata(metadata: &mut Metadata, fields: &Value) -> Result<(), Error> {
    metadata.set_sequences(&list(&fields["query_start_loc"], integer), &list(&fields["seq_lens"], integer))?;
    metadata.set_causal(flag(&fields["causal"]))?;
    let flags = list(&fields["causal_per_sequence"], flag);
    if !flags.is_empty() {
        metadata.set_causal_per_sequence(Some(&flags))?;
    }
    let table = list(&fields["block_table"], integer);
    if !table.is_empty() {
        metadata.set_block_table(number(&fields["num_columns"]), &table)?;
    }
    let ranges = list(&fields["ranges"], integer);
    if !ranges.is_empty() {
        let ranges: Vec<[i32; 2]> = ranges.chunks_exact(2).map(|edges| [edges[0], edges[1]]).collect();
        metadata.set_prefix_ranges(&list(&fields["range_start_loc"], integer), &ranges)?;
    }
    metadata.commit()
}

/// Output and log-sum-exp of a case.
fn run(case: &Value) -> Result<(Vec<f32>, Vec<f32>), Failure> {
    let fields = &case["config"];
    let (heads, kv_heads) = (number(&fields["num_query_heads"]), number(&fields["num_kv_heads"]));
    let (size, size_v) = (number(&fields["head_size"]), number(&fields["head_size_v"]));
    let (num_tokens, num_keys) = (number(&case["metadata"]["num_tokens"]), number(&case["num_keys"]));
    let input_type = data_type(&fields["query_dtype"]);
    let forward_fields = &case["forward"];

    let context = Context::builder().device(Device::CPU).num_threads(2).build().map_err(at("context"))?;
    let config = build_config(fields).map_err(at("config"))?;
    let report = config.check(Backend::CPU_ATTN).map_err(at("check"))?;
    let reasons = report.reasons().iter().map(|reason| reason.code.value()).collect();
    report.into_result().map_err(|error| Failure { step: "check", error, reasons })?;
    let attention = Attention::new(&context, &config, Backend::AUTO).map_err(at("attention"))?;

    let limits = &case["limits"];
    let limits =
        Limits::new(number(&limits["max_num_seqs"]), number(&limits["max_num_tokens"]), number(&limits["max_seq_len"]))
            .max_blocks_per_seq(number(&limits["max_blocks_per_seq"]))
            .max_prefix_ranges(number(&limits["max_prefix_ranges"]));
    let mut metadata = Metadata::new(&context, &limits).map_err(at("metadata"))?;
    fill_metadata(&mut metadata, &case["metadata"]).map_err(at("metadata"))?;

    let keys = make_values(&case["seed"], KEY, num_keys * kv_heads * size);
    let values = make_values(&case["seed"], VALUE, num_keys * kv_heads * size_v);
    let (k_scale, v_scale) = (list(&case["k_scale"], real), list(&case["v_scale"], real));
    let (slopes, sinks) = (list(&case["alibi_slopes"], real), list(&case["sinks"], real));
    let cache = &case["cache"];
    let fill = u8::try_from(number(&cache["fill_byte"])).expect("a byte");
    let (key_shape, value_shape) = (list(&cache["key_shape"], number), list(&cache["value_shape"], number));
    let has_cache = !key_shape.is_empty();
    let mut key_cache = Data::filled(fill, data_type(&fields["kv_cache_dtype"]), &key_shape);
    let mut value_cache = Data::filled(fill, data_type(&fields["kv_cache_dtype"]), &value_shape);

    let slots: Vec<i64> = list(&case["slot_mapping"], |slot| slot.as_i64().expect("a slot"));
    if !slots.is_empty() {
        let (key, value) = (Data::encode(&keys, input_type), Data::encode(&values, input_type));
        let mut write = KvWrite::new(
            key.view(&[num_keys, kv_heads, size]),
            value.view(&[num_keys, kv_heads, size_v]),
            key_cache.view_mut(&key_shape),
            value_cache.view_mut(&value_shape),
            &slots,
        );
        if !k_scale.is_empty() {
            write = write.scales(&k_scale, &v_scale);
        }
        attention.write_kv_cache(write).map_err(at("write"))?;
    }

    let causal = match number(&forward_fields["causal"]) {
        0 => Causal::FromMetadata,
        1 => Causal::Yes,
        2 => Causal::No,
        other => panic!("cases.json: forward.causal is {other}"),
    };
    let mut plan = attention.plan_memory(&limits).map_err(at("plan"))?;
    let use_plan = flag(&forward_fields["use_plan"]);
    if use_plan {
        attention.plan(&metadata, &mut plan, causal).map_err(at("plan"))?;
    }

    let query = Data::encode(&make_values(&case["seed"], QUERY, num_tokens * heads * size), input_type);
    let rows = list(&forward_fields["key_rows"], number);
    let gather = |source: &[f32], row_size: usize| {
        let gathered: Vec<f32> =
            rows.iter().flat_map(|row| &source[row * row_size..(row + 1) * row_size]).copied().collect();
        Data::encode(&gathered, input_type)
    };
    let (key, value) = (gather(&keys, kv_heads * size), gather(&values, kv_heads * size_v));
    let partial = flag(&forward_fields["partial_state"]);
    let output_type = if partial { DataType::F32 } else { data_type(&fields["output_dtype"]) };
    let output_shape = [num_tokens, heads, size_v];
    let lse_shape = [num_tokens, if flag(&fields["lse"]) { heads } else { 0 }];
    let mut output = Data::filled(0xff, output_type, &output_shape);
    let mut lse = Data::filled(0xff, DataType::F32, &lse_shape);

    let mut forward =
        Forward::new(query.view(&[num_tokens, heads, size]), output.view_mut(&output_shape)).causal(causal);
    if has_cache {
        forward = forward.kv_cache(key_cache.view(&key_shape), value_cache.view(&value_shape));
    }
    if !rows.is_empty() {
        forward =
            forward.key_value(key.view(&[num_tokens, kv_heads, size]), value.view(&[num_tokens, kv_heads, size_v]));
    }
    if flag(&fields["lse"]) {
        forward = forward.lse(lse.view_mut(&lse_shape));
    }
    if !k_scale.is_empty() {
        forward = forward.kv_scales(&k_scale, &v_scale);
    }
    if !slopes.is_empty() {
        forward = forward.alibi_slopes(&slopes);
    }
    if !sinks.is_empty() {
        forward = forward.sinks(&sinks);
    }
    if use_plan {
        forward = forward.plan(&plan);
    }
    if partial {
        forward = forward.partial_state();
    }
    let mut workspace = attention.workspace(&limits).map_err(at("forward"))?;
    attention.forward(&metadata, forward, &mut workspace).map_err(at("forward"))?;
    Ok((output.decode(), lse.decode()))
}

#[test]
fn cases_give_the_expected_values() {
    for case in entries(&document(), "cases") {
        let name = case["name"].as_str().expect("a name");
        let (output, lse) = run(case).unwrap_or_else(|failure| panic!("{name}: {}: {}", failure.step, failure.error));
        let expected = &case["expect"];
        expect_near(name, "output", &expected["output"], &expected["output_tolerance"], &output);
        expect_near(name, "lse", &expected["lse"], &expected["lse_tolerance"], &lse);
    }
}

#[test]
fn errors_are_reported_with_their_reason() {
    for case in entries(&document(), "errors") {
        let name = case["name"].as_str().expect("a name");
        let Err(failure) = run(case) else { panic!("{name}: nothing failed") };
        let (expected, error) = (&case["expect"], &failure.error);
        assert_eq!(expected["step"], failure.step, "{name}: {error}");
        assert_eq!(expected["status"], error.status.name(), "{name}: {error}");
        for text in list(&expected["message"], |text| text.as_str().expect("a text").to_owned()) {
            assert!(error.message.contains(&text), "{name}: {text:?} is not in {:?}", error.message);
        }
        assert_eq!(list(&expected["reasons"], |code| number(code) as u32), failure.reasons, "{name}: reasons");
    }
}

#[test]
fn partial_states_are_merged() {
    let context = Context::cpu().expect("there is always a CPU");
    for case in entries(&document(), "merges") {
        let name = case["name"].as_str().expect("a name");
        let (num_states, num_tokens) = (number(&case["num_states"]), number(&case["num_tokens"]));
        let (heads, size_v) = (number(&case["num_query_heads"]), number(&case["head_size_v"]));
        let (shape, lse_shape) = ([num_tokens, heads, size_v], [num_tokens, heads]);
        let lses = list(&case["lses"], real);
        let outputs: Vec<Vec<f32>> = (0..num_states as u64)
            .map(|i| make_values(&case["seed"], STATES + i, num_tokens * heads * size_v))
            .collect();
        let states: Vec<PartialState> = outputs
            .iter()
            .zip(lses.chunks_exact(num_tokens * heads))
            .map(|(output, lse)| PartialState {
                output: Tensor::new(output, &shape).expect("the data fits the shape"),
                lse: Tensor::new(lse, &lse_shape).expect("the data fits the shape"),
            })
            .collect();
        assert_eq!(states.len(), num_states, "{name}: lses");
        let mut output = Data::filled(0xff, data_type(&case["output_dtype"]), &shape);
        let mut lse = Data::filled(0xff, DataType::F32, &lse_shape);
        let sinks = list(&case["sinks"], real);
        let mut merge = Merge::new(&states, num_tokens, output.view_mut(&shape)).lse(lse.view_mut(&lse_shape));
        if !sinks.is_empty() {
            merge = merge.sinks(&sinks);
        }
        context.merge(merge).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = &case["expect"];
        expect_near(name, "output", &expected["output"], &expected["output_tolerance"], &output.decode());
        expect_near(name, "lse", &expected["lse"], &expected["lse_tolerance"], &lse.decode());
    }
}
