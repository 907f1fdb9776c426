// The reasons for which a backend refuses a configuration: all of them, in the order in which engines know them.
#pragma once

#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "impl/object.h"

namespace fovea {

struct Reason {
  foveaReason_t code;
  std::string sentence;
};

class Reasons {
 public:
  [[gnu::format(printf, 3, 4)]] void add(foveaReason_t code, const char* format, ...);

  bool empty() const { return list_.empty(); }
  const std::vector<Reason>& list() const { return list_; }
  // Sorted by code, which is the order of the sentences that engines know; equal codes stay in the order of adding.
  void sort();
  // One line, for a message.
  std::string joined(const char* separator) const;

 private:
  std::vector<Reason> list_;
};

// Behind foveaReport_t.
class Report : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kReport;
  explicit Report(Reasons reasons) : Object(kKind), reasons_(std::move(reasons)) {}
  const std::vector<Reason>& list() const { return reasons_.list(); }

 private:
  Reasons reasons_;
};

}  // namespace fovea
