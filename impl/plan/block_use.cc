#include "impl/plan/block_use.h"

#include <algorithm>

#include "impl/error.h"

namespace fovea {
namespace {

// Columns of the block table that hold keys [begin, end).
KeyRange columns_of(KeyRange keys, int32_t block_size) {
  if (keys.size() <= 0) return {0, 0};
  return {keys.begin / block_size, (keys.end - 1) / block_size + 1};
}

KeyRange cached_keys(KeyRange visible, const SequenceView& sequence, KeySource source) {
  if (source == KeySource::kCache) return visible;
  return {visible.begin, std::max(visible.begin, std::min(visible.end, sequence.context_len))};
}

}  // namespace

void add_block_use(const PlanKey& key, const CommittedBatch& batch, const SequenceView& sequence, KeyRange visible,
                   BlockUse* all, BlockUse* context) {
  const KeyRange of_all = columns_of(visible, key.block_size);
  const KeyRange of_context = columns_of(cached_keys(visible, sequence, KeySource::kContextFromCache), key.block_size);
  const int32_t columns = batch.block_table == nullptr ? 0 : batch.table_columns;
  if (of_all.size() > 0 && of_all.end > columns) all->table_too_small = 1;
  if (of_context.size() > 0 && of_context.end > columns) context->table_too_small = 1;
  if (columns == 0) return;

  const int32_t* row = batch.block_table + sequence.index * batch.table_stride;
  const auto scan = [row, columns](int32_t begin, int32_t end, BlockUse* use) {
    // Locals: through a pointer they would be written back for every entry.
    int32_t min_id = use->min_id;
    int32_t max_id = use->max_id;
    end = std::min(end, columns);
    for (int32_t column = begin; column < end; ++column) {
      min_id = std::min(min_id, row[column]);
      max_id = std::max(max_id, row[column]);
    }
    use->min_id = min_id;
    use->max_id = max_id;
  };
  // The context's columns are the first of all columns.
  const bool has_context = of_context.size() > 0;
  if (has_context) {
    BlockUse of_this;
    scan(of_context.begin, of_context.end, &of_this);
    for (BlockUse* use : {all, context}) {
      use->min_id = std::min(use->min_id, of_this.min_id);
      use->max_id = std::max(use->max_id, of_this.max_id);
    }
  }
  scan(has_context ? of_context.end : of_all.begin, of_all.end, all);
}

foveaStatus_t check_block_ids(const PlanKey& key, const CommittedBatch& batch, CausalMode mode, KeySource source,
                              int64_t num_blocks) {
  for (int32_t s = 0; s < batch.num_seqs; ++s) {
    const SequenceView sequence = view_sequence(key, batch, mode, s);
    const KeyRange visible = visible_keys(key, batch, sequence, 0, sequence.query_len);
    const KeyRange keys = cached_keys(visible, sequence, source);
    const KeyRange columns = columns_of(keys, key.block_size);
    if (columns.size() == 0) continue;
    FOVEA_REQUIRE_ARGUMENT(batch.block_table != nullptr,
                           "block_table: not set, but row %d has %d keys to read from the cache", s, keys.size());
    FOVEA_REQUIRE_ARGUMENT(columns.end <= batch.table_columns,
                           "block_table: has %d columns, but row %d with seq_len %d needs %d of block_size %d",
                           batch.table_columns, s, sequence.seq_len, columns.end, key.block_size);
    const int32_t* row = batch.block_table + s * batch.table_stride;
    for (int32_t column = columns.begin; column < columns.end; ++column) {
      FOVEA_REQUIRE_ARGUMENT(row[column] >= 0 && row[column] < num_blocks,
                             "block_table: row %d holds block %d in column %d, but the cache has %lld blocks", s,
                             row[column], column, static_cast<long long>(num_blocks));
    }
  }
  return FOVEA_STATUS_SUCCESS;
}

}  // namespace fovea
