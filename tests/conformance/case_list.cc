#include "tests/conformance/case_list.h"

namespace fovea_test {
namespace {

std::vector<Case> parse_all(std::initializer_list<const char*> lines) {
  std::vector<Case> cases;
  for (const char* line : lines) cases.push_back(parse_case(line));
  return cases;
}

void append(std::vector<Case>* to, std::vector<Case> from) { to->insert(to->end(), from.begin(), from.end()); }

}  // namespace

std::vector<Case> forward_cases() {
  return parse_all({
      // Nothing to do, and almost nothing.
      "seqs=none",
      "seqs=0+0,0+17,0+0 lse=1",
      "seqs=1+0 lse=1",
      "seqs=1+-1,3+-3,2+-2 lse=1",
      "seqs=1+-1,3+-3,2+-2 lse=1 sinks=1 mask=noncausal",
      // Rows before the first key: more query rows than keys.
      "seqs=9+-4,17+-16 lse=1 sinks=1 heads=5x1",
      "seqs=9+-4,17+-16 lse=1 mask=noncausal query=bf16 cache=bf16 out=bf16",
      "seqs=40+-33 lse=1 mask=noncausal window=3,2 heads=9x3 dim=32",
      "seqs=40+-33 lse=1 window=3,0 dense=1",
      // The models' shapes, decode and prefill.
      "heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,1+17,1+0,1+4095",
      "heads=32x32 dim=96 query=f16 cache=f16 out=f16 seqs=1+1000,5+17,129+3",
      "heads=64x1 dim=64 query=bf16 cache=bf16 out=bf16 seqs=1+1000,5+17,17+200",
      "heads=28x4 dim=128 query=bf16 cache=bf16 out=bf16 seqs=129+0,1+333,17+16 dense=1",
      "heads=9x3 dim=64 seqs=200+0,1+511,1+512,1+513",
      "heads=5x1 dim=80 seqs=1+1000,129+100 query=f16 cache=f16 out=f16",
      "heads=8x8 dim=256 block=64 query=bf16 cache=bf16 out=bf16 seqs=65+63,1+700",
      "heads=8x2 dim=160 block=48 seqs=33+31,1+700 layout=vectorized",
      "heads=4x4 dim=24 seqs=33+31,1+700,16+1",
      "heads=16x2 dim=192 dimv=128 block=32 query=bf16 cache=bf16 out=bf16 seqs=40+31,1+700,16+1",
      "heads=4x2 dim=8 seqs=40+31,1+700,16+1 layout=vectorized query=f16 cache=f16 out=f16",
      "heads=4x2 dim=64 dimv=256 seqs=40+31,1+700,16+1",
      "heads=4x2 dim=256 dimv=8 seqs=40+31,1+700,16+1 mask=noncausal",
      // Prefill and decode in one batch.
      "heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+4000,300+0,16+1000,1+17,129+500,1+0,2+63 lse=1",
      "heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=1+3000,150+0,16+700,1+17,66+100 sinks=1 window=255,0 alibi=linear softcap=30 lse=1",
      "heads=8x2 dim=64 query=bf16 cache=e4m3fn scales=head out=bf16 seqs=1+3000,150+0,16+700,1+17 plan=1 dense=1",
      // Long contexts: many KV chunks, split over threads.
      "heads=8x2 dim=64 seqs=1+33000 lse=1",
      "heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+33000 lse=1 threads=5",
      "heads=4x1 dim=128 query=f16 cache=f16 out=f16 seqs=16+33000,1+5 mask=noncausal threads=5",
      "heads=5x1 dim=64 query=bf16 cache=bf16 out=bf16 seqs=1000+33000 block=544",
      "heads=2x1 dim=32 seqs=1000+33000 dense=1 window=255,0 lse=1",
      // Draft blocks that see the whole context and each other.
      "heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=16+1000,16+17,16+0,16+513 mask=noncausal",
      "heads=8x2 dim=128 seqs=16+1000,16+17,16+0 mask=noncausal dense=1 lse=1",
      "heads=8x2 dim=128 query=f16 cache=f16 out=f16 seqs=17+1000,2+17 mask=noncausal window=127,127",
      // Large batches with empty sequences between.
      "heads=4x2 dim=32 seqs=1+100,0+16,3+17,0+0,1+0,2+31 repeat=50 lse=1",
      "heads=9x3 dim=64 query=bf16 cache=bf16 out=bf16 seqs=1+40,0+0,16+5 repeat=100 mask=mixed",
      "heads=4x4 dim=40 block=48 seqs=1+100,0+16,5+1 repeat=100 plan=1 borrow=1 query=f16 cache=f16 out=f16",
      // Scores that climb or fall through every tile, large ones, and equal ones.
      "data=rising heads=4x2 dim=64 seqs=3+3000,130+400 lse=1",
      "data=rising heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+5000,16+1100 mask=noncausal",
      "data=falling heads=4x2 dim=64 seqs=3+3000,130+400 lse=1",
      "data=rising heads=4x2 dim=64 query=f16 cache=e4m3fn scales=head out=f16 seqs=3+3000,130+400",
      "data=large heads=4x2 dim=64 seqs=3+1000,130+400 lse=1",
      "data=large heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+2000,40+100 lse=1",
      "data=large heads=8x2 dim=128 query=f16 cache=f16 out=f16 seqs=1+2000,40+100 softcap=50 lse=1",
      "data=flat heads=4x2 dim=64 seqs=3+5000,130+400 lse=1",
      // Each feature beside the others.
      "softcap=50 data=large heads=4x2 dim=64 seqs=3+300,70+30 query=bf16 cache=bf16 out=bf16",
      "softcap=5 heads=4x2 dim=96 seqs=3+300,70+30 window=15,0 lse=1",
      "alibi=linear heads=8x2 dim=64 seqs=3+3000,70+30 lse=1",
      "alibi=linear heads=8x2 dim=64 seqs=3+300,70+30 mask=noncausal query=bf16 cache=bf16 out=bf16",
      "alibi=sqrt heads=5x1 dim=80 seqs=3+300,70+30 mask=mixed lse=1",
      "sinks=1 heads=64x8 dim=64 query=bf16 cache=bf16 out=bf16 window=127,0 seqs=1+1000,1+5,130+0 lse=1",
      "sinks=1 heads=7x7 dim=64 seqs=1+33000,1+5 lse=1",
      "ranges=full heads=4x2 dim=64 seqs=1+1000,70+100,300+0,16+20,1+5 lse=1",
      "ranges=full window=15,0 heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=40+1000,300+20,16+20,1+5",
      "ranges=windowed window=15,0 heads=4x2 dim=64 seqs=40+1000,300+20,16+20,1+5 lse=1",
      "ranges=windowed window=31,31 mask=noncausal heads=4x2 dim=64 seqs=40+1000,300+20,16+20,1+5",
      "ranges=full mask=mixed window=64,3 dense=1 heads=6x2 dim=48 seqs=40+1000,300+20,16+20,1+5,2+0",
      "window=0,0 heads=4x2 dim=64 seqs=1+100,40+1000 mask=noncausal lse=1",
      "window=0,0 heads=4x2 dim=64 seqs=1+100,40+1000 lse=1",
      "window=255,0 heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+33000,40+1000,600+0",
      "window=-1,0 mask=noncausal heads=4x2 dim=64 seqs=1+100,40+1000",
      "window=-1,5 mask=noncausal heads=4x2 dim=64 seqs=1+100,40+1000",
      "window=5,-1 mask=noncausal heads=4x2 dim=64 seqs=1+100,40+1000,130+0 dense=1",
      "window=127,127 mask=mixed heads=4x2 dim=64 seqs=1+1000,129+1000,5+17,16+0 query=bf16 cache=bf16 out=bf16",
      "scale=0.31 heads=4x2 dim=64 seqs=1+100,40+1000",
      // The causal flag from the call, against the metadata's.
      "bycall=1 mask=noncausal heads=4x2 dim=64 seqs=17+100,2+0",
      "bycall=1 mask=mixed heads=4x2 dim=64 seqs=17+100,17+100 borrow=1 plan=1",
      // fp8 in every role.
      "cache=e4m3fn scales=head query=bf16 out=bf16 heads=8x4 dim=128 seqs=1+1000,40+100",
      "cache=e4m3fnuz scales=head query=f16 out=f16 heads=8x4 dim=128 seqs=1+1000,40+100 layout=vectorized",
      "cache=e5m2 scales=tensor query=f32 out=f32 heads=8x4 dim=128 seqs=1+1000,40+100 dense=1",
      "cache=e4m3fn query=f32 out=f32 heads=8x4 dim=64 seqs=1+1000,40+100 mask=noncausal",
      "query=e4m3fn cache=e4m3fn scales=tensor out=bf16 heads=8x4 dim=128 seqs=1+1000,40+100",
      "query=e4m3fnuz cache=e4m3fnuz scales=head out=e4m3fnuz heads=8x4 dim=128 seqs=1+1000,40+100 seed=3",
      "query=e5m2 cache=e5m2 scales=head out=e5m2 heads=8x4 dim=128 seqs=1+1000,40+100 dense=1 lse=1",
      "query=bf16 cache=bf16 out=e4m3fn heads=8x4 dim=128 seqs=1+1000,40+100 seed=3",
      "query=f32 cache=f32 out=e5m2 heads=8x4 dim=64 seqs=1+1000,40+100 seed=2 sinks=1",
      "query=f16 cache=e5m2 scales=head out=f32 heads=8x4 dim=64 seqs=1+1000,40+100",
      // Types mixed freely.
      "query=bf16 cache=f32 out=f16 heads=8x4 dim=64 seqs=1+1000,40+100",
      "query=f32 cache=bf16 out=bf16 heads=8x4 dim=64 seqs=1+1000,40+100 dense=1",
      "query=f16 cache=bf16 out=f32 heads=8x4 dim=64 seqs=1+1000,40+100 layout=vectorized",
      // Memory: layouts, strides, alignment, tables of odd width, one huge block.
      "cachemem=hnd qmem=packed outmem=padded heads=4x2 dim=40 seqs=1+100,40+70 dense=1 lse=1",
      "cachemem=padded qmem=padded outmem=padded elemalign=1 heads=4x2 dim=64 seqs=1+100,40+70 lse=1",
      "cachemem=interleaved elemalign=1 query=bf16 cache=bf16 out=bf16 heads=4x2 dim=72 seqs=1+100,40+70",
      "cachemem=interleaved layout=vectorized query=bf16 cache=bf16 out=bf16 heads=4x2 dim=72 seqs=1+100,40+70",
      "cachemem=padded layout=vectorized cache=e5m2 scales=head heads=4x2 dim=64 dimv=24 seqs=1+100,40+70",
      "cachemem=hnd layout=vectorized query=f16 cache=f16 out=f16 elemalign=1 heads=4x2 dim=120 seqs=1+100,40+70",
      "block=33008 heads=4x2 dim=64 seqs=1+20000,20+7",
      "block=544 heads=4x2 dim=64 seqs=1+20000,20+7,1+543,1+544 layout=vectorized",
      "shared=96 heads=4x2 dim=64 seqs=1+200,20+100,1+96,5+30",
      // Encoder and cross attention.
      "type=encoder heads=4x4 dim=64 seqs=129+0,1+0,0+0,17+0,300+0 lse=1",
      "type=encoder heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=129+0,1+0,17+0 window=31,31 qmem=packed",
      "type=encoder heads=4x4 dim=64 alibi=linear sinks=1 softcap=30 seqs=129+0,17+0 query=f16 cache=f16 out=f16",
      "type=encoder heads=4x4 dim=64 ranges=full window=7,7 seqs=129+0,17+0",
      "type=cross heads=4x4 dim=64 seqs=5+1000,1+0,17+-10,3+-3,0+20 lse=1",
      "type=cross heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=5+1000,129+-100,1+30 sinks=1",
      "type=cross heads=8x2 dim=64 query=f16 cache=e4m3fn scales=head out=f16 seqs=5+1000,129+-100,1+30 layout=vectorized",
      "partial=1 heads=4x2 dim=64 sinks=1 seqs=1+100,40+70,1+-1 query=bf16 cache=bf16 out=bf16",
      "partial=1 heads=4x2 dim=64 out=e4m3fn seqs=1+1000,40+70 mask=noncausal",
      "loose=1 padding=5 plan=1 heads=4x2 dim=64 seqs=1+100,40+70",
  });
}

std::vector<Case> needle_cases() {
  return parse_all({
      "check=needle heads=4x2 dim=64 seqs=1+1100,1+0,1+15,1+16",
      "check=needle heads=4x2 dim=64 seqs=40+530,129+0",
      "check=needle heads=4x2 dim=64 seqs=40+530,5+12 dense=1",
      "check=needle heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=40+530,129+0",
      "check=needle heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=40+530,5+12 dense=1",
      "check=needle heads=4x2 dim=64 query=f16 cache=f16 out=f16 seqs=16+530,1+511 layout=vectorized",
      "check=needle heads=4x2 dim=64 mask=noncausal seqs=40+530,1+77,129+0",
      "check=needle heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 mask=noncausal seqs=16+1030,16+5 dense=1",
      "check=needle heads=4x2 dim=64 window=15,0 seqs=40+530,1+1030,17+0",
      "check=needle heads=4x2 dim=64 window=15,0 query=bf16 cache=bf16 out=bf16 seqs=40+530,1+1030,17+0 dense=1",
      "check=needle heads=4x2 dim=64 window=0,0 seqs=40+530,1+1030,17+0",
      "check=needle heads=4x2 dim=64 window=255,0 block=48 seqs=129+1000,1+1030",
      "check=needle heads=4x2 dim=64 window=127,127 mask=noncausal seqs=40+530,300+0",
      "check=needle heads=4x2 dim=64 window=127,127 mask=noncausal query=bf16 cache=bf16 out=bf16 seqs=300+10 dense=1",
      "check=needle heads=4x2 dim=64 window=0,0 mask=noncausal seqs=40+530,20+0",
      "check=needle heads=4x2 dim=64 window=7,1 mask=mixed seqs=40+530,40+530,20+0",
      "check=needle heads=4x2 dim=64 window=-1,0 mask=noncausal seqs=40+530,20+0",
      "check=needle heads=4x2 dim=64 window=5,-1 mask=noncausal seqs=40+530,20+0",
      "check=needle heads=4x2 dim=64 mask=mixed seqs=40+30,40+30,1+600 query=f16 cache=f16 out=f16",
      "check=needle heads=4x2 dim=64 ranges=full seqs=40+530,129+0,1+60",
      "check=needle heads=4x2 dim=64 ranges=full window=15,0 seqs=40+530,129+0,1+60",
      "check=needle heads=4x2 dim=64 ranges=windowed window=15,0 seqs=40+530,129+0,16+60 query=bf16 cache=bf16 out=bf16",
      "check=needle heads=4x2 dim=64 ranges=full window=31,7 mask=noncausal dense=1 seqs=40+530,129+0,16+60",
      "check=needle heads=4x2 dim=64 seqs=9+-4,17+-16,40+-30",
      "check=needle heads=4x2 dim=64 mask=noncausal window=3,2 seqs=40+-30,17+-16",
      "check=needle type=cross heads=4x2 dim=64 seqs=5+530,17+-10,1+0",
      "check=needle type=encoder heads=4x2 dim=64 seqs=129+0,17+0",
      "check=needle type=encoder heads=4x2 dim=64 window=15,3 seqs=129+0,70+0 query=bf16 cache=bf16 out=bf16",
      "check=needle heads=4x2 dim=64 softcap=50 sinks=1 seqs=40+530,1+77",
      "check=needle heads=4x2 dim=64 alibi=sqrt seqs=40+530,1+77",
      "check=needle heads=4x2 dim=64 alibi=linear seqs=16+40,1+77",
      "check=needle heads=64x1 dim=64 query=bf16 cache=bf16 out=bf16 seqs=5+300,1+520",
      "check=needle heads=5x1 dim=24 seqs=16+300,1+520",
      "check=needle heads=9x3 dim=8 seqs=16+300,1+520 query=f16 cache=f16 out=f16 layout=vectorized",
      "check=needle heads=7x1 dim=256 block=32 seqs=40+300,1+520 query=bf16 cache=bf16 out=bf16",
      "check=needle heads=4x2 dim=192 dimv=128 seqs=40+300,1+520 window=100,0",
      "check=needle heads=4x2 dim=64 dimv=120 query=f16 cache=e4m3fn scales=head out=f16 seqs=40+300,1+520",
      "check=needle heads=4x2 dim=64 cache=e5m2 scales=tensor seqs=40+300,1+520 dense=1 layout=vectorized",
      "check=needle heads=4x2 dim=64 query=e4m3fnuz cache=e4m3fnuz scales=head out=e4m3fnuz seqs=16+300,1+520",
      "check=needle heads=4x2 dim=64 block=544 seqs=16+1080,1+543,1+544",
      "check=needle heads=2x1 dim=64 seqs=1+33000",
      "check=needle heads=4x1 dim=64 query=bf16 cache=bf16 out=bf16 seqs=16+33000 mask=noncausal threads=5",
      "check=needle heads=4x1 dim=64 seqs=2+33000 window=1023,0 threads=5",
  });
}

std::vector<Case> property_cases() {
  return parse_all({
      "check=bitwise heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+33000,1+5 lse=1 threads=5",
      "check=bitwise heads=8x2 dim=64 seqs=16+3000,1+5,129+0 mask=noncausal threads=5",
      "check=bitwise heads=9x3 dim=64 query=f16 cache=e4m3fn scales=head out=f16 seqs=16+3000,1+5,129+0 threads=2",

      "check=neighbours heads=8x2 dim=64 seqs=1+1000,0+5,40+1000,1+0,129+0,16+513,2+33000 lse=1",
      "check=neighbours heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,0+5,40+1000,1+0,129+0,16+513,2+9000",
      "check=neighbours heads=9x3 dim=64 query=f16 cache=f16 out=f16 seqs=1+1000,40+600,17+16 mask=mixed window=127,127",
      "check=neighbours heads=5x1 dim=80 seqs=1+1000,40+600,17+16,1+2100 mask=noncausal sinks=1 softcap=30 lse=1",
      "check=neighbours heads=4x2 dim=64 query=bf16 cache=e4m3fn scales=head out=bf16 seqs=1+1000,40+600,17+16 dense=1",
      "check=neighbours heads=4x2 dim=64 seqs=1+100,0+16,3+17,1+0,2+31,70+9 repeat=50 alibi=linear",
      "check=neighbours heads=8x2 dim=64 ranges=full window=63,0 seqs=40+1000,129+0,16+20,1+5",

      "check=query_rows heads=8x2 dim=64 seqs=40+600 lse=1",
      "check=query_rows heads=8x2 dim=64 seqs=40+0 lse=1",
      "check=query_rows heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=40+600 lse=1",
      "check=query_rows heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=40+1000 mask=noncausal",
      "check=query_rows heads=9x3 dim=64 seqs=40+1000 mask=noncausal lse=1",
      "check=query_rows heads=9x3 dim=64 query=f16 cache=f16 out=f16 seqs=140+100 lse=1",
      "check=query_rows heads=5x1 dim=24 seqs=130+100 window=63,0",
      "check=query_rows heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=60+100 alibi=linear sinks=1 softcap=50 lse=1",
      "check=query_rows heads=4x4 dim=256 query=bf16 cache=e4m3fn scales=head out=bf16 seqs=40+100 lse=1",
      "check=query_rows heads=4x2 dim=192 dimv=128 seqs=40+1030 layout=vectorized block=48",
      "check=query_rows heads=3x3 dim=32 seqs=33+9000",
      "check=query_rows heads=4x2 dim=64 data=rising seqs=40+1030 lse=1",

      "check=padding heads=4x2 dim=64 seqs=1+100,16+30,1+600 padding=9 invariant=1 lse=1",
      "check=padding heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=16+100,16+30 padding=30 mask=noncausal invariant=1",
      "check=padding heads=4x2 dim=64 seqs=16+100,16+30 padding=3 mask=mixed window=20,20 invariant=1",

      "check=plan heads=4x2 dim=64 seqs=1+100,40+30,1+33000 lse=1",
      "check=plan heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=16+100,1+30,0+0,70+7 lse=1",
      "check=plan heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=16+1000,1+30 mask=noncausal dense=1",
      "check=plan heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=16+1000,1+30 mask=noncausal bycall=1 window=255,0",
      "check=plan heads=8x2 dim=64 seqs=16+1000,1+30,0+0,129+3 mask=mixed ranges=full",

      // Writes, every type into every cache.
      "check=write heads=4x2 dim=64 seqs=37+5,9+0",
      "check=write heads=4x2 dim=64 query=f16 cache=f16 seqs=37+5,9+0 cachemem=hnd",
      "check=write heads=4x2 dim=64 query=bf16 cache=bf16 seqs=37+5,9+0 cachemem=padded qmem=padded elemalign=1",
      "check=write heads=4x2 dim=72 query=bf16 cache=bf16 seqs=37+5,9+0 layout=vectorized cachemem=interleaved qmem=packed",
      "check=write heads=4x2 dim=64 query=f32 cache=f32 seqs=37+5,9+0 layout=vectorized cachemem=padded",
      "check=write heads=4x2 dim=40 dimv=24 query=f16 cache=f16 seqs=37+5,9+0 layout=vectorized block=48",
      "check=write heads=10x5 dim=64 cache=e4m3fn scales=head seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=f16 cache=e4m3fn scales=tensor seqs=37+5,9+0 layout=vectorized",
      "check=write heads=10x5 dim=64 query=bf16 cache=e4m3fn seqs=37+5,9+0 cachemem=interleaved",
      "check=write heads=10x5 dim=64 cache=e4m3fnuz scales=head seqs=37+5,9+0 layout=vectorized cachemem=hnd",
      "check=write heads=10x5 dim=64 query=f16 cache=e4m3fnuz scales=tensor seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=bf16 cache=e4m3fnuz seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 cache=e5m2 scales=head seqs=37+5,9+0 block=544",
      "check=write heads=10x5 dim=64 query=f16 cache=e5m2 scales=tensor seqs=37+5,9+0 cachemem=padded elemalign=1",
      "check=write heads=10x5 dim=64 query=bf16 cache=e5m2 seqs=37+5,9+0 layout=vectorized",
      "check=write heads=10x5 dim=64 query=e4m3fn cache=e4m3fn scales=head seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=f32 cache=f16 seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=f32 cache=bf16 seqs=37+5,9+0 layout=vectorized",
      "check=write heads=10x5 dim=64 query=f16 cache=bf16 seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=bf16 cache=f16 seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=f16 cache=f32 seqs=37+5,9+0",
      "check=write heads=10x5 dim=64 query=bf16 cache=f32 seqs=37+5,9+0",
      "check=write heads=4x2 dim=8 query=bf16 cache=bf16 seqs=300+5 layout=vectorized threads=5",
      "check=write heads=3x3 dim=24 cache=e5m2 scales=head seqs=300+5 threads=5",
      "check=write_then_read heads=4x2 dim=64 seqs=1+100,40+30,16+0",
      "check=write_then_read heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=16+100,40+30 mask=noncausal layout=vectorized",
      "check=write_then_read heads=10x5 dim=64 query=f16 cache=e4m3fn scales=head out=f16 seqs=1+100,40+30 block=48",
      "check=write_then_read heads=10x5 dim=64 query=bf16 cache=e4m3fnuz scales=tensor out=bf16 seqs=1+100,40+30 window=20,0",
      "check=write_then_read heads=10x5 dim=64 query=f32 cache=e5m2 scales=head seqs=1+100,40+30 cachemem=padded",

      "check=merge heads=4x2 dim=64 seqs=1+1000,40+600,16+16,1+0 lse=1",
      "check=merge heads=4x2 dim=64 seqs=1+1000,40+600,16+16,1+0 lse=1 mask=noncausal sinks=1",
      "check=merge heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+5000,40+600,16+16 lse=1 sinks=1 dense=1",
      "check=merge heads=8x2 dim=64 query=f16 cache=e4m3fn scales=head out=e4m3fn seqs=1+700,40+600 seed=2 softcap=30",
      "check=merge heads=9x3 dim=64 query=f16 cache=f16 out=f16 seqs=5+700,0+9,40+600 layout=vectorized outmem=padded lse=1",
      "check=cascade shared=96 heads=4x2 dim=64 seqs=1+200,20+100,1+96,5+130,0+0 lse=1",
      "check=cascade shared=512 heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+700,1+600,1+512,16+900 lse=1 sinks=1",
      "check=cascade shared=32 heads=4x2 dim=64 query=f16 cache=f16 out=f16 seqs=40+100,40+50,17+33 mask=noncausal dense=1",
      "check=merge_states repeat=1 heads=4x2 dim=64 seqs=5+0",
      "check=merge_states repeat=2 heads=4x2 dim=64 seqs=37+0 sinks=1",
      "check=merge_states repeat=3 heads=9x3 dim=80 out=bf16 seqs=37+0 outmem=padded",
      "check=merge_states repeat=7 heads=5x1 dim=24 out=f16 seqs=37+0 sinks=1",
      "check=merge_states repeat=5 heads=4x2 dim=64 out=e4m3fn seqs=37+0 sinks=1",
      "check=merge_states repeat=4 heads=4x2 dim=40 out=e4m3fnuz seqs=37+0 outmem=padded",
      "check=merge_states repeat=4 heads=4x2 dim=64 out=e5m2 seqs=37+0",
      "check=merge_states repeat=64 heads=4x2 dim=8 seqs=11+0 sinks=1",
  });
}

std::vector<Case> claim_cases() {
  return parse_all({
      "check=claims_complete",
      "check=unclaimed",
      "check=claim claim=non_causal mask=noncausal seqs=5+40",
      "check=claim claim=non_causal mask=noncausal seqs=5+40 bycall=1 query=bf16 cache=bf16 out=bf16",
      "check=claim claim=per_sequence_causal mask=mixed seqs=5+40,5+40",
      "check=claim claim=sliding_window window=15,0 seqs=60+0 dense=1",
      "check=claim claim=sliding_window window=15,0 seqs=5+40",
      "check=claim claim=sliding_window/off_by_one window=15,0 seqs=5+40",
      "check=claim claim=sliding_window_right window=15,3 mask=noncausal seqs=60+0 dense=1",
      "check=claim claim=prefix_ranges ranges=full seqs=20+40",
      "check=claim claim=prefix_ranges/windowed ranges=windowed window=5,0 seqs=60+0 dense=1",
      "check=claim claim=logits_soft_cap softcap=2 seqs=5+40",
      "check=claim claim=logits_soft_cap softcap=15 data=large seqs=5+40 query=bf16 cache=bf16 out=bf16",
      "check=claim claim=alibi alibi=linear seqs=5+40",
      "check=claim claim=alibi/one_sided alibi=linear mask=noncausal seqs=5+40",
      "check=claim claim=alibi_sqrt alibi=sqrt seqs=5+40",
      "check=claim claim=sinks sinks=1 seqs=5+40",
      "check=claim claim=sinks sinks=1 seqs=5+40 query=bf16 cache=bf16 out=bf16",
      "check=claim claim=sinks/counted_twice sinks=1 seqs=5+40 query=bf16 cache=bf16 out=bf16",
      "check=claim claim=sinks/counted_twice sinks=1 seqs=1+5000 threads=5",
      "check=claim claim=lse lse=1 sinks=1 seqs=5+40",
      "check=claim claim=partial_state partial=1 sinks=1 seqs=5+40",
      "check=claim claim=fp8_kv_cache cache=e4m3fn scales=tensor seqs=5+40",
      "check=claim claim=fp8_query query=e4m3fn cache=bf16 out=bf16 seqs=5+40",
      "check=claim claim=fp8_output out=e4m3fn seqs=5+40",
      "check=claim claim=per_head_kv_scales cache=e5m2 scales=head seqs=5+40",
      "check=claim claim=vectorized_kv_cache layout=vectorized seqs=5+40",
      "check=claim claim=different_v_size dim=64 dimv=128 seqs=5+40",
      "check=claim claim=decoder seqs=5+40",
      "check=claim claim=encoder type=encoder seqs=20+0",
      "check=claim claim=encoder_decoder type=cross seqs=5+40,9+-3",
      "check=claim claim=query:f32 seqs=5+40",
      "check=claim claim=query:f16 query=f16 cache=f16 out=f16 seqs=5+40",
      "check=claim claim=query:bf16 query=bf16 cache=bf16 out=bf16 seqs=5+40",
      "check=claim claim=query:f8_e4m3fn query=e4m3fn cache=e4m3fn out=bf16 seqs=5+40",
      "check=claim claim=query:f8_e4m3fnuz query=e4m3fnuz cache=e4m3fnuz out=bf16 seqs=5+40",
      "check=claim claim=query:f8_e5m2 query=e5m2 cache=e5m2 out=bf16 seqs=5+40",
      "check=claim claim=cache:f32 seqs=5+40",
      "check=claim claim=cache:f16 cache=f16 seqs=5+40",
      "check=claim claim=cache:bf16 cache=bf16 seqs=5+40",
      "check=claim claim=cache:f8_e4m3fn cache=e4m3fn seqs=5+40",
      "check=claim claim=cache:f8_e4m3fnuz cache=e4m3fnuz seqs=5+40",
      "check=claim claim=cache:f8_e5m2 cache=e5m2 seqs=5+40",
      "check=claim claim=output:f32 seqs=5+40",
      "check=claim claim=output:f16 out=f16 seqs=5+40",
      "check=claim claim=output:bf16 out=bf16 seqs=5+40",
      "check=claim claim=output:f8_e4m3fn out=e4m3fn seqs=5+40",
      "check=claim claim=output:f8_e4m3fnuz out=e4m3fnuz seqs=5+40",
      "check=claim claim=output:f8_e5m2 out=e5m2 seqs=5+40",
      "check=bounds claim=head_size heads=4x2 seqs=20+40,1+70 query=bf16 cache=bf16 out=bf16",
      "check=bounds claim=head_size heads=4x2 seqs=20+40,1+70",
      "check=bounds claim=head_size_v heads=4x2 seqs=20+40,1+70 query=f16 cache=f16 out=f16",
      "check=bounds claim=block_size heads=4x2 seqs=20+1100,1+600 query=bf16 cache=bf16 out=bf16",
      "check=bounds claim=block_size heads=4x2 seqs=20+1100,1+600 layout=vectorized",
      "check=bounds claim=query_heads_per_kv_head dim=32 seqs=20+40,1+600 query=bf16 cache=bf16 out=bf16",
      "check=bounds claim=query_heads_per_kv_head dim=32 seqs=20+40,1+600",
  });
}

std::vector<Case> gpu_cases() {
  return parse_all({
      // Everything that can be captured, recorded and launched once.
      "capture=1 heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,40+100,16+513 lse=1",
      "capture=1 heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=1+33000,1+5 mask=noncausal plan=1",
      "capture=1 heads=4x2 dim=64 seqs=40+100,1+700 window=63,0 sinks=1 borrow=1",
      "capture=1 check=write heads=4x2 dim=64 query=bf16 cache=bf16 seqs=37+5,9+0",
      "capture=1 check=write heads=10x5 dim=64 query=f16 cache=e4m3fn scales=head seqs=37+5,9+0 layout=vectorized",
      "capture=1 check=merge heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,40+600 lse=1 sinks=1",
      "capture=1 check=plan heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=16+1000,1+30 mask=noncausal",
      "capture=1 check=plan heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=40+100,1+700 window=63,0 sinks=1",

      // One graph, launched for batches of other lengths, block tables and flags.
      "check=graph heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,1+17,1+4095,1+300 lse=1",
      "check=graph heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,1+17,1+4095,1+300 plan=1 borrow=1",
      "check=graph heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=16+1000,16+3000,16+513,16+90 mask=noncausal plan=1 borrow=1",
      "check=graph heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=129+1000,40+600,1+2000,5+90 mask=mixed plan=1 lse=1 borrow=1",
      "check=graph heads=8x2 dim=64 query=f16 cache=f16 out=f16 seqs=129+1000,40+600,1+2000,5+90 mask=mixed window=127,127",
      "check=graph heads=4x2 dim=64 seqs=40+600,1+2000,17+90 dense=1 alibi=linear sinks=1 plan=1",
      "check=graph heads=10x5 dim=64 query=bf16 cache=e4m3fn scales=head out=bf16 seqs=1+600,40+200,5+90 block=48",
      "check=graph heads=8x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=1+9000,1+90,1+600 invariant=1 plan=1 borrow=1",
      "check=graph heads=4x2 dim=64 seqs=40+1000,300+20,16+90 ranges=full window=63,0 plan=1",
      "check=graph heads=4x2 dim=64 seqs=40+1000,300+20,16+90 ranges=full window=63,0 borrow=1",
      "check=graph type=cross heads=4x4 dim=64 query=bf16 cache=bf16 out=bf16 seqs=5+1000,1+70,17+90 borrow=1",
      "check=graph heads=4x4 dim=64 query=bf16 cache=bf16 out=bf16 seqs=1+100,3+17,2+31 repeat=40 plan=1",

      // Lengths and block ids that the host never sees.
      "check=device_errors heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,16+100,1+300,40+70,3+500 lse=1",
      "check=device_errors heads=8x2 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+1000,16+100,1+300,40+70,3+500 plan=1",
      "check=device_errors heads=4x2 dim=64 query=f16 cache=f16 out=f16 seqs=1+9000,16+3000,1+300,129+70,3+500 mask=noncausal",
      "check=device_errors heads=4x2 dim=64 seqs=5+100,16+100,1+300,40+70,3+500 dense=1 window=63,0 lse=1",
      "check=device_errors heads=4x2 dim=64 query=bf16 cache=e4m3fn scales=head out=e4m3fn seqs=5+100,16+100,1+300,40+70,3+500",
      "check=device_errors type=encoder heads=4x2 dim=64 query=bf16 cache=bf16 out=bf16 seqs=5+0,160+0,1+0,40+0,3+0",

      // Key and value cache side by side in 6 GB: every offset beyond 4 GiB occurs.
      "spare=90000 cachemem=interleaved heads=32x8 dim=128 query=bf16 cache=bf16 out=bf16 seqs=1+4000,40+600",
  });
}

std::vector<Case> must_run_cases(bool gpu) {
  std::vector<Case> cases = forward_cases();
  append(&cases, needle_cases());
  append(&cases, property_cases());
  append(&cases, claim_cases());
  append(&cases, refusal_cases(gpu));
  if (gpu) append(&cases, gpu_cases());
  return cases;
}

}  // namespace fovea_test
