#include "tests/conformance/compare.h"

#include <algorithm>
#include <cmath>

#include "tests/conformance/random_data.h"

namespace fovea_test {

using namespace fovea_reference;

namespace {

bool is_wanted(const std::vector<uint8_t>& wanted, int64_t token) {
  return wanted.empty() || wanted[static_cast<size_t>(token)];
}

std::string place(const Workload& workload, int seq, int64_t token, int head) {
  const int64_t row = token - workload.query_start_loc()[static_cast<size_t>(seq)];
  return text("sequence %d (query_len %lld, seq_len %d), row %lld, head %d", seq,
              static_cast<long long>(workload.problem().query_len(seq)), workload.seq_lens()[static_cast<size_t>(seq)],
              static_cast<long long>(row), head);
}

// An fp8 result must be what rounding makes of something within `allowed` of the reference, which is much narrower than
// the unit roundoff of the type.
bool rounds_from(const Problem& p, double stored, double reference, double allowed) {
  const double low = round_to(p.output_type, (reference - allowed) / p.output_scale) * p.output_scale;
  const double high = round_to(p.output_type, (reference + allowed) / p.output_scale) * p.output_scale;
  return stored >= low && stored <= high;
}

}  // namespace

double tolerance(const Problem& problem, const Result& reference, int64_t begin, int64_t end,
                 const std::vector<uint8_t>& wanted) {
  double low = 0, largest = 0;
  const int64_t row = static_cast<int64_t>(problem.num_query_heads) * problem.head_size_v;
  for (int64_t token = begin; token < end; ++token) {
    if (!is_wanted(wanted, token)) continue;
    for (int64_t i = token * row; i < (token + 1) * row; ++i) {
      low = std::max(low, std::fabs(reference.lowprec[static_cast<size_t>(i)] - reference.out[static_cast<size_t>(i)]));
      largest = std::max(largest, std::fabs(reference.out[static_cast<size_t>(i)]));
    }
  }
  return (problem.softcap > 0 ? 3 : 2) * low + 1e-5 + unit_roundoff(problem.output_type) * largest;
}

Errors compare(const Workload& workload, const Result& reference, const std::vector<uint8_t>& wanted,
               const std::vector<uint8_t>& left_out) {
  const Problem& p = workload.problem();
  Errors errors;
  // For fp8 outputs: what the same problem may be off before its rounding to fp8.
  Problem wide = p;
  wide.output_type = p.p_type;
  Result wide_reference;
  if (is_fp8(p.output_type)) wide_reference = attention(wide, 2, wanted);
  for (int seq = 0; seq < workload.num_seqs(); ++seq) {
    if (!left_out.empty() && left_out[static_cast<size_t>(seq)]) continue;
    const int64_t begin = workload.query_start_loc()[static_cast<size_t>(seq)];
    const int64_t end = workload.query_start_loc()[static_cast<size_t>(seq) + 1];
    const double allowed = tolerance(p, reference, begin, end, wanted);
    const double allowed_wide = is_fp8(p.output_type) ? tolerance(wide, wide_reference, begin, end, wanted) : 0;
    for (int64_t token = begin; token < end; ++token) {
      for (int h = 0; h < p.num_query_heads; ++h) {
        for (int64_t d = 0; d < p.head_size_v; ++d) {
          const double o = workload.output_at(token, h, d);
          if (!std::isfinite(o)) {
            throw Failure(text("output[%lld] is %g at %s", static_cast<long long>(d), o, place(workload, seq, token, h).c_str()));
          }
          if (!is_wanted(wanted, token)) continue;
          const size_t at = static_cast<size_t>((token * p.num_query_heads + h) * p.head_size_v + d);
          const double error = std::fabs(o - reference.out[at]);
          errors.output = std::max(errors.output, error);
          errors.tolerance_used = std::max(errors.tolerance_used, error / allowed);
          if (error > allowed) {
            throw Failure(text("output[%lld] is %.9g, the reference %.9g, off by %.3g where %.3g is allowed, at %s",
                               static_cast<long long>(d), o, reference.out[at], error, allowed,
                               place(workload, seq, token, h).c_str()));
          }
          if (is_fp8(p.output_type) && !rounds_from(p, o, wide_reference.out[at], allowed_wide)) {
            throw Failure(text("output[%lld] is %.9g, which is no rounding of %.9g +- %.3g, at %s", static_cast<long long>(d),
                               o, wide_reference.out[at], allowed_wide, place(workload, seq, token, h).c_str()));
          }
        }
        if (!workload.lse.present()) continue;
        const double lse = workload.lse_at(token, h);
        if (std::isnan(lse)) throw Failure("lse is NaN at " + place(workload, seq, token, h));
        if (!is_wanted(wanted, token)) continue;
        const double expected = reference.lse[static_cast<size_t>(token * p.num_query_heads + h)];
        if (std::isinf(expected) || std::isinf(lse)) {
          if (lse != expected) {
            throw Failure(text("lse is %g, the reference %g, at %s", lse, expected, place(workload, seq, token, h).c_str()));
          }
          continue;
        }
        const double error = std::fabs(lse - expected) / std::max(1.0, std::fabs(expected));
        errors.lse = std::max(errors.lse, error);
        if (error > 1e-4) {
          throw Failure(text("lse is %.9g, the reference %.9g, at %s", lse, expected, place(workload, seq, token, h).c_str()));
        }
      }
    }
  }
  return errors;
}

double work_of(const Case& c) {
  double rows_times_keys = 0;
  const double window = c.window_left < 0 ? 1e18 : c.window_left + 1.0 + std::max(0, c.window_right);
  for (const Sequence& s : c.expanded()) {
    double keys = s.seq_len();
    if (c.mask == Mask::kCausal && c.type == Kind::kDecoder) keys = std::max(0.0, s.context_len + s.query_len / 2.0);
    if (c.ranges == Ranges::kNone && c.type != Kind::kEncoderDecoder && !(c.mask != Mask::kCausal && c.window_right < 0)) {
      keys = std::min(keys, window);
    }
    rows_times_keys += keys * s.query_len;
  }
  return rows_times_keys * c.num_query_heads * (c.head_size + c.v_size());
}

std::vector<uint8_t> choose_rows(const Workload& workload, double budget) {
  const Case& c = workload.test_case();
  const double work = work_of(c);
  if (work <= budget) return {};
  std::vector<uint8_t> wanted(static_cast<size_t>(workload.num_tokens()), 0);
  Random random(mix(c.seed, 71));
  for (int seq = 0; seq < workload.num_seqs(); ++seq) {
    const int64_t begin = workload.query_start_loc()[static_cast<size_t>(seq)];
    const int64_t rows = workload.problem().query_len(seq);
    if (rows == 0) continue;
    wanted[static_cast<size_t>(begin)] = 1;
    wanted[static_cast<size_t>(begin + rows - 1)] = 1;
    const auto extra = static_cast<int64_t>(std::ceil(static_cast<double>(rows) * budget / work));
    for (int64_t i = 0; i < extra; ++i) wanted[static_cast<size_t>(begin + random.below(static_cast<int32_t>(rows)))] = 1;
  }
  return wanted;
}

}  // namespace fovea_test
