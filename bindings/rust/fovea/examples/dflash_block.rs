//! A speculative decoder's draft block: 16 draft tokens on top of a paged context, all of which see the whole context
//! and each other, in each of a few layers. Run it with
//!
//! ```text
//! cargo run --example dflash_block
//! ```
//!
//! It computes the block non-causally, as a drafter does, and again causally, as the model that verifies the block does,
//! from one metadata object and one cache; then it checks both against the definition.

use std::error::Error;

use fovea::{
    Attention, Backend, Causal, Config, Context, DataType, Forward, KvWrite, Limits, Metadata, Tensor, TensorMut,
};
use half::bf16;

const NUM_QUERY_HEADS: usize = 8;
const NUM_KV_HEADS: usize = 2;
const HEAD_SIZE: usize = 64;
const BLOCK_SIZE: usize = 16;
const NUM_CACHE_BLOCKS: usize = 32;
const CONTEXT: usize = 100;
const DRAFT: usize = 16;
const SEQ_LEN: usize = CONTEXT + DRAFT;
const NUM_LAYERS: usize = 3;

const QUERY_SHAPE: [usize; 3] = [DRAFT, NUM_QUERY_HEADS, HEAD_SIZE];
const KEYS_SHAPE: [usize; 3] = [SEQ_LEN, NUM_KV_HEADS, HEAD_SIZE];
/// Keys and values side by side, as many engines keep them.
const CACHE_SHAPE: [usize; 5] = [NUM_CACHE_BLOCKS, 2, BLOCK_SIZE, NUM_KV_HEADS, HEAD_SIZE];

/// One layer: what its projections would give for the new tokens, and its cache.
struct Layer {
    query: Vec<bf16>,
    keys: Vec<bf16>,
    values: Vec<bf16>,
    cache: Vec<bf16>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let context = Context::cpu()?;
    let config = Config::builder()
        .heads(NUM_QUERY_HEADS, NUM_KV_HEADS)
        .head_size(HEAD_SIZE)
        .data_type(DataType::BF16)
        .non_causal(true)
        .build()?;
    let attention = Attention::new(&context, &config, Backend::AUTO)?;
    println!("{} on {} ({})", attention.backend()?.name(), context.info().device_name, context.info().architecture);

    // The sequence's blocks lie scattered in the cache; key t is row t % 16 of block table[t / 16].
    let block_table: Vec<i32> = (0..SEQ_LEN.div_ceil(BLOCK_SIZE)).map(|i| (7 * i as i32 + 3) % 32).collect();
    let slots: Vec<i64> = (0..SEQ_LEN)
        .map(|t| i64::from(block_table[t / BLOCK_SIZE]) * BLOCK_SIZE as i64 + (t % BLOCK_SIZE) as i64)
        .collect();

    let limits = Limits::new(1, DRAFT, SEQ_LEN).max_blocks_per_seq(block_table.len());
    let mut batch = Metadata::new(&context, &limits)?;
    batch.set_sequences(&[0, DRAFT as i32], &[SEQ_LEN as i32])?;
    batch.set_block_table(block_table.len(), &block_table)?;
    batch.set_causal(false)?;
    batch.commit()?;

    // Once per step, for all layers.
    let mut draft_plan = attention.plan_memory(&limits)?;
    let mut verify_plan = attention.plan_memory(&limits)?;
    attention.plan(&batch, &mut draft_plan, Causal::FromMetadata)?;
    attention.plan(&batch, &mut verify_plan, Causal::Yes)?;
    let mut workspace = attention.workspace(&limits)?;
    println!("{DRAFT} draft tokens after {CONTEXT} in {} blocks, {NUM_LAYERS} layers", block_table.len());

    let mut numbers = Numbers(1);
    for layer in 0..NUM_LAYERS {
        let mut state = Layer {
            query: numbers.take(DRAFT * NUM_QUERY_HEADS * HEAD_SIZE),
            keys: numbers.take(SEQ_LEN * NUM_KV_HEADS * HEAD_SIZE),
            values: numbers.take(SEQ_LEN * NUM_KV_HEADS * HEAD_SIZE),
            cache: vec![bf16::NAN; CACHE_SHAPE.iter().product()],
        };
        write_cache(&attention, &mut state, &slots)?;

        let (keys, values) = Tensor::new(&state.cache, &CACHE_SHAPE)?.split_at(1, 1)?;
        let (keys, values) = (keys.squeeze(1)?, values.squeeze(1)?);
        for (causal, plan) in [(Causal::FromMetadata, &draft_plan), (Causal::Yes, &verify_plan)] {
            let mut output = vec![bf16::ZERO; state.query.len()];
            let forward =
                Forward::new(Tensor::new(&state.query, &QUERY_SHAPE)?, TensorMut::new(&mut output, &QUERY_SHAPE)?)
                    .kv_cache(keys, values)
                    .plan(plan)
                    .causal(causal);
            attention.forward(&batch, forward, &mut workspace)?;
            let error = largest_error(&state, &output, causal == Causal::Yes);
            let kind = if causal == Causal::Yes { "causal" } else { "non-causal" };
            println!("layer {layer}, {kind}: within {error:.4} of the definition");
            if error.is_nan() || error > 0.004 {
                return Err(format!("layer {layer}, {kind}: the result is wrong").into());
            }
        }
    }
    Ok(())
}

/// Context and draft tokens go into the paged cache; nothing but the attention needs to be there for it.
fn write_cache(attention: &Attention, layer: &mut Layer, slots: &[i64]) -> fovea::Result<()> {
    let (key_cache, value_cache) = TensorMut::new(&mut layer.cache, &CACHE_SHAPE)?.split_at(1, 1)?;
    attention.write_kv_cache(KvWrite::new(
        Tensor::new(&layer.keys, &KEYS_SHAPE)?,
        Tensor::new(&layer.values, &KEYS_SHAPE)?,
        key_cache.squeeze(1)?,
        value_cache.squeeze(1)?,
        slots,
    ))
}

/// softmax(q . k / sqrt(head_size)) . v over the keys that each row sees, in double precision.
fn largest_error(layer: &Layer, output: &[bf16], causal: bool) -> f64 {
    let mut largest = 0.0f64;
    for row in 0..DRAFT {
        for head in 0..NUM_QUERY_HEADS {
            let at = (row * NUM_QUERY_HEADS + head) * HEAD_SIZE;
            let query = &layer.query[at..at + HEAD_SIZE];
            let visible = if causal { CONTEXT + row + 1 } else { SEQ_LEN };
            let key_at = |t: usize| (t * NUM_KV_HEADS + head * NUM_KV_HEADS / NUM_QUERY_HEADS) * HEAD_SIZE;
            let weights: Vec<f64> = (0..visible)
                .map(|t| {
                    let key = &layer.keys[key_at(t)..key_at(t) + HEAD_SIZE];
                    let dot: f64 = query.iter().zip(key).map(|(q, k)| q.to_f64() * k.to_f64()).sum();
                    (dot / (HEAD_SIZE as f64).sqrt()).exp()
                })
                .collect();
            let total: f64 = weights.iter().sum();
            for d in 0..HEAD_SIZE {
                let sum: f64 = (0..visible).map(|t| weights[t] * layer.values[key_at(t) + d].to_f64()).sum();
                let error = (output[at + d].to_f64() - sum / total).abs();
                largest = if error.is_nan() { f64::NAN } else { largest.max(error) };
            }
        }
    }
    largest
}

/// Numbers in [-1, 1) that look random.
struct Numbers(u32);

impl Numbers {
    fn take(&mut self, count: usize) -> Vec<bf16> {
        (0..count)
            .map(|_| {
                self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                bf16::from_f32((self.0 >> 8) as f32 / (1 << 23) as f32 - 1.0)
            })
            .collect()
    }
}
