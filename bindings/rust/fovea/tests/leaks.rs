//! 10,000 rounds of making, using and dropping every object leave the process no larger. A test of its own, so that no
//! other one allocates meanwhile.

use fovea::{
    Attention, Backend, Causal, Config, Context, DataType, Device, Forward, KvWrite, Limits, Merge, Metadata,
    PartialState, Tensor, TensorMut,
};

const ROUNDS: usize = 10_000;
const WARM_UP: usize = 1_000;
/// 26 bytes a round: less than any object. The heap's own unrest is below that, too.
const ALLOWED_GROWTH: usize = 256 << 10;

fn round(context: &Context, index: usize) -> fovea::Result<()> {
    // A context of its own starts threads with its first attention, so only every tenth round makes one.
    let own = match index % 10 {
        0 => Some(Context::builder().device(Device::CPU).num_threads(2).build()?),
        _ => None,
    };
    let context = own.as_ref().unwrap_or(context);
    let config = Config::builder().heads(2, 1).head_size(8).data_type(DataType::F32).lse(true).build()?;
    let refused = Config::builder().heads(2, 1).head_size(9).data_type(DataType::F32).build()?;
    assert!(!refused.check(Backend::CPU_ATTN)?.is_supported());
    assert!(Attention::new(context, &refused, Backend::AUTO).is_err());
    let attention = Attention::new(context, &config, Backend::AUTO)?;
    let limits = Limits::new(1, 2, 16).max_blocks_per_seq(1);
    let mut batch = Metadata::new(context, &limits)?;
    batch.set_sequences(&[0, 2], &[2])?;
    batch.set_block_table(1, &[0])?;
    batch.commit()?;
    let mut plan = attention.plan_memory(&limits)?;
    attention.plan(&batch, &mut plan, Causal::FromMetadata)?;

    let (rows, mut keys, mut values) = ([1.0f32; 16], [0.0f32; 128], [0.0f32; 128]);
    let tensor = Tensor::new(&rows, &[2, 1, 8])?;
    let caches = (TensorMut::new(&mut keys, &[1, 16, 1, 8])?, TensorMut::new(&mut values, &[1, 16, 1, 8])?);
    attention.write_kv_cache(KvWrite::new(tensor, tensor, caches.0, caches.1, &[0, 1]))?;
    let (query, mut output, mut lse) = ([1.0f32; 32], [0.0f32; 32], [0.0f32; 4]);
    let forward = Forward::new(Tensor::new(&query, &[2, 2, 8])?, TensorMut::new(&mut output, &[2, 2, 8])?)
        .lse(TensorMut::new(&mut lse, &[2, 2])?)
        .kv_cache(Tensor::new(&keys, &[1, 16, 1, 8])?, Tensor::new(&values, &[1, 16, 1, 8])?)
        .plan(&plan);
    attention.forward(&batch, forward, &mut attention.workspace(&limits)?)?;
    let state = PartialState { output: Tensor::new(&output, &[2, 2, 8])?, lse: Tensor::new(&lse, &[2, 2])? };
    let mut merged = [0.0f32; 32];
    context.merge(Merge::new(&[state], 2, TensorMut::new(&mut merged, &[2, 2, 8])?))?;
    assert_eq!(merged[0], 1.0);
    Ok(())
}

/// Bytes of memory that the process has in use.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = text.lines().find(|line| line.starts_with("Rss:")).expect("a line Rss");
    let kilobytes: usize = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
    kilobytes * 1024
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "reads /proc")]
fn memory_is_flat() {
    let context = Context::builder().device(Device::CPU).num_threads(2).build().unwrap();
    let mut after_warm_up = 0;
    for index in 0..WARM_UP + ROUNDS {
        if index == WARM_UP {
            after_warm_up = resident();
        }
        round(&context, index).unwrap();
    }
    let growth = resident().saturating_sub(after_warm_up);
    assert!(growth <= ALLOWED_GROWTH, "{growth} bytes more after {ROUNDS} rounds");
}
