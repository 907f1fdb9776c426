#include "tests/simt/machine.h"

#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <sstream>

#include "tests/simt/host.h"

#if defined(__SANITIZE_ADDRESS__)
#define FOVEA_HOST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FOVEA_HOST_ASAN 1
#endif
#endif
#ifdef FOVEA_HOST_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace fovea::hip::host {
namespace {

constexpr size_t kStackBytes = 4 << 20;
constexpr int kMany = 0xff;
constexpr unsigned char kPoison = 0xff;  // NaN in every type

enum Kind : uint8_t { kNever = 0, kPlain = 1, kAtomicWrite = 2, kUnderWay = 3 };

// Who touched a byte of shared memory, and when.
struct Touch {
  uint32_t epoch = 0;  // barriers passed, from 1
  uint16_t sync = 0;   // synchronisations of the wave, for lanes of the same wave
  uint8_t wave = 0;
  uint8_t lane = 0;
};
struct LdsByte {
  Touch write;
  Touch read;
  Kind kind = kNever;
};

struct Copy {
  int lane;
  int to;
  const char* from;  // nullptr: zeros
  int bytes;
  int group;
};

struct Wave {
  int index = 0;
  bool done = false;
  uint16_t sync = 0;
  int group = 0;  // of copies that are not committed yet
  std::vector<Copy> copies;
  uint64_t released = 0;  // its stores up to this one have been released
  bool counted = false;   // it has done an atomic operation that returns something
  bool acquired = false;
  ucontext_t context;
  std::unique_ptr<char[]> stack;
  void* fake_stack = nullptr;
};

// Who wrote a byte of global memory in this launch.
struct GlobalByte {
  uint32_t launch = 0;
  uint32_t workgroup = 0;
  uint32_t epoch = 0;
  uint16_t sync = 0;
  uint8_t wave = 0;
  uint8_t lane = 0;
  uint64_t stamp = 0;
};

struct Registered {
  std::string name;
  const char* begin;
  const char* end;
  Access access;
  uint32_t written_in = 0;  // launch
  std::vector<GlobalByte> bytes;
};

std::map<const char*, std::unique_ptr<Registered>>& regions() {
  static std::map<const char*, std::unique_ptr<Registered>> all;
  return all;
}

struct Machine {
  Launch launch;
  Report report;
  uint32_t number = 0;  // of the launch
  const std::function<void(const Workgroup&)>* kernel = nullptr;

  // The workgroup that runs.
  uint32_t workgroup = 0;
  int x = 0, y = 0, z = 0;
  uint32_t epoch = 1;
  std::vector<Wave> waves;
  Wave* wave = nullptr;
  char* lds = nullptr;
  std::vector<LdsByte> shadow;
  ucontext_t scheduler;
  const void* scheduler_stack = nullptr;
  size_t scheduler_stack_size = 0;
  void* scheduler_fake_stack = nullptr;

  // What workgroups let each other see. As of the last barrier of the one that runs: which stores of its waves are released,
  // and whether one of them has counted. Of all: which stores of each wave were released when the workgroup last counted.
  uint64_t stamp = 0;  // of the last store
  std::vector<uint64_t> released;
  bool counted = false;
  std::map<uint32_t, std::vector<uint64_t>> published;

  Registered* last = nullptr;
};
Machine machine;

std::string lane_text(int lane) { return lane == kMany ? std::string("several lanes") : "lane " + std::to_string(lane); }
std::string wave_text(int wave) { return wave == kMany ? std::string("several waves") : "wave " + std::to_string(wave); }

Registered* find_region(const char* at) {
  if (machine.last != nullptr && at >= machine.last->begin && at < machine.last->end) return machine.last;
  auto after = regions().upper_bound(at);
  if (after == regions().begin()) return nullptr;
  Registered* region = std::prev(after)->second.get();
  if (at >= region->end) return nullptr;
  machine.last = region;
  return region;
}

std::string place_text(const char* at) {
  std::ostringstream text;
  const auto& all = regions();
  auto after = all.upper_bound(at);
  const Registered* before = after == all.begin() ? nullptr : std::prev(after)->second.get();
  if (before != nullptr && at < before->end + 4096) {
    text << before->name << " + " << at - before->begin;
    if (at >= before->end) text << " (its size is " << before->end - before->begin << ')';
  } else if (after != all.end() && at + 4096 >= after->second->begin) {
    text << after->second->name << " - " << after->second->begin - at;
  } else {
    text << "address " << static_cast<const void*>(at) << ", which is in no registered memory";
  }
  return text.str();
}

bool lds_in_range(int lane, int64_t at, int bytes, int alignment, const char* what) {
  if (at >= 0 && at + bytes <= machine.launch.lds_bytes && at % alignment == 0) return true;
  std::ostringstream text;
  text << what << " of " << bytes << " bytes of LDS at " << at;
  if (at % alignment != 0) {
    text << ", which is no multiple of " << alignment;
  } else {
    text << ", which has " << machine.launch.lds_bytes << " bytes";
  }
  report_error(lane, text.str());
  return false;
}

bool check_lds_read(int lane, int64_t at, const LdsByte& b) {
  const Wave& wave = *machine.wave;
  if (b.kind == kPlain && (b.write.epoch != machine.epoch || (b.write.wave == wave.index && (b.write.lane == lane ||
                                                                                              b.write.sync != wave.sync)))) {
    return true;
  }
  std::ostringstream text;
  text << "read of LDS byte " << at;
  if (b.kind == kNever) {
    text << ", which was never written";
  } else if (b.kind == kUnderWay) {
    text << " while a copy of " << wave_text(b.write.wave) << ' ' << lane_text(b.write.lane) << " to it is under way";
  } else if (b.write.epoch == machine.epoch && b.write.wave != wave.index) {
    text << ", which " << wave_text(b.write.wave) << " wrote since the last barrier";
  } else if (b.write.epoch == machine.epoch && b.write.sync == wave.sync && b.write.lane != lane) {
    text << ", which " << lane_text(b.write.lane) << " of the same wave wrote since its last synchronisation";
  } else {
    return true;
  }
  report_error(lane, text.str());
  return false;
}

bool check_lds_write(int lane, int64_t at, const LdsByte& b, bool atomic) {
  const Wave& wave = *machine.wave;
  const bool old_write = b.kind == kNever || (b.kind != kUnderWay && b.write.epoch != machine.epoch);
  if (old_write && b.read.epoch != machine.epoch) return true;
  const auto conflict = [&](const Touch& t) {
    return t.epoch == machine.epoch && (t.wave != wave.index || (t.lane != lane && t.sync == wave.sync));
  };
  std::ostringstream text;
  text << "write of LDS byte " << at;
  if (b.kind == kUnderWay) {
    text << " while a copy of " << wave_text(b.write.wave) << ' ' << lane_text(b.write.lane) << " to it is under way";
  } else if (b.kind != kNever && conflict(b.write) && !(atomic && b.kind == kAtomicWrite)) {
    text << ", which " << wave_text(b.write.wave) << ' ' << lane_text(b.write.lane) << " wrote since the last "
         << (b.write.wave == wave.index ? "synchronisation" : "barrier");
  } else if (conflict(b.read)) {
    text << ", which " << wave_text(b.read.wave) << ' ' << lane_text(b.read.lane) << " read since the last "
         << (b.read.wave == wave.index ? "synchronisation" : "barrier");
  } else {
    return true;
  }
  report_error(lane, text.str());
  return false;
}

void note_lds_write(int lane, int64_t at, int bytes, Kind kind) {
  const Touch touch = {machine.epoch, machine.wave->sync, static_cast<uint8_t>(machine.wave->index),
                       static_cast<uint8_t>(lane)};
  for (int i = 0; i < bytes; ++i) {
    machine.shadow[at + i].write = touch;
    machine.shadow[at + i].kind = kind;
  }
}

void deliver(const Copy& copy) {
  if (copy.from == nullptr) {
    std::memset(machine.lds + copy.to, 0, copy.bytes);
  } else {
    std::memcpy(machine.lds + copy.to, copy.from, copy.bytes);
  }
}

// Whether the running wave may read what another workgroup wrote.
bool is_published(const GlobalByte& b) {
  const auto found = machine.published.find(b.workgroup);
  return machine.wave->acquired && found != machine.published.end() && b.stamp <= found->second[b.wave];
}

void switch_to_scheduler(Wave& wave, bool ends) {
#ifdef FOVEA_HOST_ASAN
  __sanitizer_start_switch_fiber(ends ? nullptr : &wave.fake_stack, machine.scheduler_stack, machine.scheduler_stack_size);
#else
  (void)ends;
#endif
  swapcontext(&wave.context, &machine.scheduler);
#ifdef FOVEA_HOST_ASAN
  __sanitizer_finish_switch_fiber(wave.fake_stack, &machine.scheduler_stack, &machine.scheduler_stack_size);
#endif
}

void switch_to_wave(Wave& wave) {
  machine.wave = &wave;
#ifdef FOVEA_HOST_ASAN
  __sanitizer_start_switch_fiber(&machine.scheduler_fake_stack, wave.stack.get(), kStackBytes);
#endif
  swapcontext(&machine.scheduler, &wave.context);
#ifdef FOVEA_HOST_ASAN
  __sanitizer_finish_switch_fiber(machine.scheduler_fake_stack, nullptr, nullptr);
#endif
  machine.wave = nullptr;
}

void run_wave() {
#ifdef FOVEA_HOST_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &machine.scheduler_stack, &machine.scheduler_stack_size);
#endif
  Wave& wave = *machine.wave;
  {
    Workgroup wg;
    wg.x = machine.x;
    wg.y = machine.y;
    wg.z = machine.z;
    wg.num_x = machine.launch.grid_x;
    wg.wave = wave.index;
    for (int i = 0; i < kWaveSize; ++i) wg.lane.v[i] = i;
    wg.lds = 0;
    (*machine.kernel)(wg);
  }
  if (!wave.copies.empty()) report_error(-1, "the wave ends while copies of its own are under way");
  wave.done = true;
  switch_to_scheduler(wave, true);
}

// A function of its own because getcontext may return twice, as far as the compiler knows.
void start_wave(Wave& wave) {
  if (!wave.stack) wave.stack.reset(new char[kStackBytes]);
#ifdef FOVEA_HOST_ASAN
  // The wave before on this stack never returned from its first function.
  __asan_unpoison_memory_region(wave.stack.get(), kStackBytes);
#endif
  getcontext(&wave.context);
  wave.context.uc_stack.ss_sp = wave.stack.get();
  wave.context.uc_stack.ss_size = kStackBytes;
  wave.context.uc_link = nullptr;
  makecontext(&wave.context, run_wave, 0);
}

void run_workgroup(std::mt19937_64& random) {
  const int num_waves = machine.launch.num_threads / kWaveSize;
  machine.epoch = 1;
  std::memset(machine.lds, kPoison, machine.launch.lds_bytes);
  std::fill(machine.shadow.begin(), machine.shadow.end(), LdsByte());
  for (int w = 0; w < num_waves; ++w) {
    Wave& wave = machine.waves[w];
    wave.index = w;
    wave.done = false;
    wave.sync = 0;
    wave.group = 0;
    wave.copies.clear();
    wave.released = 0;
    wave.counted = wave.acquired = false;
    start_wave(wave);
  }
  machine.released.assign(num_waves, 0);
  machine.counted = false;
  std::vector<int> order(num_waves);
  for (int w = 0; w < num_waves; ++w) order[w] = w;
  for (;;) {
    std::shuffle(order.begin(), order.end(), random);
    int ended = 0, waiting = 0;
    for (int w : order) {
      if (!machine.waves[w].done) switch_to_wave(machine.waves[w]);
      (machine.waves[w].done ? ended : waiting) += 1;
    }
    if (waiting == 0) break;
    if (ended != 0) {
      report_error(-1, std::to_string(waiting) + " waves wait at a barrier that " + std::to_string(ended) + " never reach");
      break;
    }
    ++machine.epoch;
    for (int w = 0; w < num_waves; ++w) {
      Wave& wave = machine.waves[w];
      ++wave.sync;
      machine.released[w] = wave.released;
      machine.counted = machine.counted || wave.counted;
    }
  }
}

}  // namespace

Region::Region(std::string name, size_t bytes, Access access)
    : data_(static_cast<char*>(::operator new(bytes, std::align_val_t(256)))), bytes_(bytes) {
  auto region = std::make_unique<Registered>();
  region->name = std::move(name);
  region->begin = data_;
  region->end = data_ + bytes;
  region->access = access;
  if (bytes != 0) std::memset(data_, 0, bytes);
  regions()[data_] = std::move(region);
}

Region::~Region() {
  machine.last = nullptr;
  regions().erase(data_);
  ::operator delete(data_, std::align_val_t(256));
}

Report run(const Launch& launch, const std::function<void(const Workgroup&)>& kernel) {
  machine.launch = launch;
  machine.report = Report();
  machine.kernel = &kernel;
  ++machine.number;
  machine.stamp = 0;
  machine.published.clear();
  machine.last = nullptr;
  const std::unique_ptr<char[]> lds(new char[launch.lds_bytes + 1]);
  machine.lds = lds.get();
  machine.shadow.assign(launch.lds_bytes, LdsByte());
  const size_t num_waves = launch.num_threads / kWaveSize;
  if (machine.waves.size() < num_waves) machine.waves.resize(num_waves);
  if (launch.num_threads % kWaveSize != 0) report_error(-1, "the workgroup is no whole number of waves");
  std::mt19937_64 random(launch.seed);
  std::vector<uint32_t> order(static_cast<size_t>(launch.grid_x) * launch.grid_y * launch.grid_z);
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<uint32_t>(i);
  std::shuffle(order.begin(), order.end(), random);
  for (uint32_t workgroup : order) {
    machine.workgroup = workgroup;
    machine.x = static_cast<int>(workgroup % launch.grid_x);
    machine.y = static_cast<int>(workgroup / launch.grid_x % launch.grid_y);
    machine.z = static_cast<int>(workgroup / launch.grid_x / launch.grid_y);
    run_workgroup(random);
  }
  machine.lds = nullptr;
  if (machine.report.num_errors != 0) {
    std::printf("%s: %lld errors, seed %llu, copies arrive at %s\n", launch.kernel.c_str(),
                static_cast<long long>(machine.report.num_errors), static_cast<unsigned long long>(launch.seed),
                launch.deliver_at_wait ? "the wait" : "their issue");
  }
  return std::move(machine.report);
}

void report_error(int lane, const std::string& what) {
  constexpr size_t kKept = 10;
  if (++machine.report.num_errors > static_cast<int64_t>(kKept)) return;
  std::ostringstream text;
  text << machine.launch.kernel << ", workgroup (" << machine.x << ", " << machine.y << ", " << machine.z << ')';
  if (machine.wave != nullptr) text << ", wave " << machine.wave->index;
  if (lane >= 0 && lane != kMany) text << ", lane " << lane;
  text << ": " << what;
  machine.report.errors.push_back(text.str());
}

const char* lds_for_read(int lane, int64_t at, int bytes, int alignment) {
  if (lane < 0) lane = kMany;
  if (!lds_in_range(lane, at, bytes, alignment, "read")) return nullptr;
  const Touch touch = {machine.epoch, machine.wave->sync, static_cast<uint8_t>(machine.wave->index),
                       static_cast<uint8_t>(lane)};
  for (int i = 0; i < bytes; ++i) {
    LdsByte& b = machine.shadow[at + i];
    if (!check_lds_read(lane, at + i, b)) return nullptr;
    Touch& r = b.read;
    if (r.epoch != machine.epoch) {
      r = touch;
    } else if (r.wave != touch.wave) {
      r.wave = kMany;
    } else if (r.sync != touch.sync) {
      r = touch;
    } else if (r.lane != touch.lane) {
      r.lane = kMany;
    }
  }
  return machine.lds + at;
}

char* lds_for_write(int lane, int64_t at, int bytes, int alignment, bool atomic) {
  if (!lds_in_range(lane, at, bytes, alignment, "write")) return nullptr;
  for (int i = 0; i < bytes; ++i) {
    const LdsByte& b = machine.shadow[at + i];
    if (atomic && b.kind == kNever) {
      report_error(lane, "atomic operation on LDS byte " + std::to_string(at + i) + ", which was never written");
      return nullptr;
    }
    if (!check_lds_write(lane, at + i, b, atomic)) return nullptr;
  }
  note_lds_write(lane, at, bytes, atomic ? kAtomicWrite : kPlain);
  return machine.lds + at;
}

bool check_global(int lane, const void* address, int bytes, int alignment, GlobalUse use) {
  const char* at = static_cast<const char*>(address);
  const bool writes = use == GlobalUse::kStore || use == GlobalUse::kAtomic;
  Registered* region = find_region(at);
  const char* what = use == GlobalUse::kStore ? "store" : use == GlobalUse::kAtomic ? "atomic operation" : "load";
  if (region == nullptr || at + bytes > region->end) {
    report_error(lane, std::string(what) + " of " + std::to_string(bytes) + " bytes at " + place_text(at));
    return false;
  }
  if (reinterpret_cast<uintptr_t>(at) % alignment != 0) {
    report_error(lane, std::string(what) + " at " + place_text(at) + ", which is not aligned to " + std::to_string(alignment));
    return false;
  }
  if (writes && region->access == Access::kRead) {
    report_error(lane, std::string(what) + " to memory that is only read: " + place_text(at));
    return false;
  }
  if (region->written_in != machine.number) {
    if (use != GlobalUse::kStore) return true;
    region->written_in = machine.number;
    region->bytes.resize(region->end - region->begin);
  }
  const Wave& wave = *machine.wave;
  GlobalByte* shadow = region->bytes.data() + (at - region->begin);
  for (int i = 0; i < bytes; ++i) {
    const GlobalByte& b = shadow[i];
    if (b.launch != machine.number) continue;
    if (b.workgroup != machine.workgroup) {
      if (use == GlobalUse::kLoad && is_published(b)) continue;
      report_error(lane, std::string(what) + " at " + place_text(at + i) + ", which workgroup " + std::to_string(b.workgroup) +
                             " wrote");
      return false;
    }
    if (b.epoch == machine.epoch && (b.wave != wave.index || (b.lane != lane && b.sync == wave.sync))) {
      report_error(lane, std::string(what) + " at " + place_text(at + i) + ", which wave " + std::to_string(b.wave) + ' ' +
                             lane_text(b.lane) + " wrote since the last barrier");
      return false;
    }
  }
  if (use == GlobalUse::kStore) {
    const GlobalByte mine = {machine.number, machine.workgroup, machine.epoch, wave.sync,
                             static_cast<uint8_t>(wave.index), static_cast<uint8_t>(lane), ++machine.stamp};
    for (int i = 0; i < bytes; ++i) shadow[i] = mine;
  }
  return true;
}

void release_stores() { machine.wave->released = machine.stamp; }

void note_count() {
  machine.wave->counted = true;
  std::vector<uint64_t>& stamps = machine.published[machine.workgroup];
  stamps = machine.released;
  stamps[static_cast<size_t>(machine.wave->index)] = machine.wave->released;
}

void acquire_stores() { machine.wave->acquired = machine.counted || machine.wave->counted; }

void start_copy(int lane, int64_t to, const char* from, int bytes) {
  if (!lds_in_range(lane, to, bytes, bytes, "copy")) return;
  for (int i = 0; i < bytes; ++i) {
    if (!check_lds_write(lane, to + i, machine.shadow[to + i], false)) return;
  }
  if (from != nullptr && !check_global(lane, from, bytes, bytes, GlobalUse::kLoad)) return;
  note_lds_write(lane, to, bytes, kUnderWay);
  const Copy copy = {lane, static_cast<int>(to), from, bytes, machine.wave->group};
  machine.wave->copies.push_back(copy);
  if (machine.launch.deliver_at_wait) {
    std::memset(machine.lds + to, kPoison, bytes);
  } else {
    deliver(copy);
  }
}

void commit_copies() { ++machine.wave->group; }

void wait_for_copies(int pending) {
  Wave& wave = *machine.wave;
  const int arrived_before = wave.group - pending;
  std::vector<Copy> left;
  for (const Copy& copy : wave.copies) {
    if (copy.group >= arrived_before) {
      left.push_back(copy);
      continue;
    }
    if (machine.launch.deliver_at_wait) deliver(copy);
    note_lds_write(copy.lane, copy.to, copy.bytes, kPlain);
  }
  wave.copies = std::move(left);
}

void reach_barrier() { switch_to_scheduler(*machine.wave, false); }

void synchronize_wave() { ++machine.wave->sync; }

void count_lds(const Int& at, int bytes, const Bool& mask) {
  const int together = bytes >= 16 ? 8 : bytes == 8 ? 16 : kWaveSize < 32 ? kWaveSize : 32;
  for (int first = 0; first < kWaveSize; first += together) {
    int words[32 * 4];
    int num_words = 0, per_bank[32] = {}, cycles = 0;
    for (int i = first; i < first + together; ++i) {
      if (!mask.v[i]) continue;
      for (int w = at.v[i] / 4; w <= (at.v[i] + bytes - 1) / 4; ++w) {
        if (std::find(words, words + num_words, w) != words + num_words) continue;
        words[num_words++] = w;
        cycles = std::max(cycles, ++per_bank[static_cast<unsigned>(w) % 32]);
      }
    }
    if (cycles == 0) continue;
    ++machine.report.counters.lds_accesses;
    machine.report.counters.lds_cycles += cycles;
  }
}

void count_global(const Pointer& at, int bytes, const Bool& mask) {
  uintptr_t segments[2 * kWaveSize];
  int count = 0;
  for (int i = 0; i < kWaveSize; ++i) {
    if (!mask.v[i]) continue;
    machine.report.counters.global_bytes += bytes;
    const auto first = reinterpret_cast<uintptr_t>(at.v[i]);
    for (uintptr_t s = first / 64; s <= (first + bytes - 1) / 64; ++s) segments[count++] = s;
  }
  std::sort(segments, segments + count);
  machine.report.counters.global_segments += std::unique(segments, segments + count) - segments;
}

}  // namespace fovea::hip::host
