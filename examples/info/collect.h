// What fovea-info shows: everything the library says of itself through its public header.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "fovea/fovea.h"

struct Device {
  std::string kind;     // "cpu", "amd", "nvidia"
  bool usable = false;
  std::string problem;  // why not
  std::string name, architecture;
  int32_t ordinal = 0, num_threads = 0;
  std::vector<std::string> cpu_flags;  // those of the processor's that attention could use
};

struct Capability {
  std::string name, meaning;
  bool supported = false;
};

struct DataTypes {
  std::string role;
  std::vector<std::pair<std::string, bool>> types;
};

struct Bounds {
  std::string name, meaning;
  int32_t min = 0, max = 0, multiple_of = 1;
  std::vector<int32_t> values;  // only these, if there are any
};

struct Backend {
  std::string name;
  bool available = false;
  std::string reason;  // why not
  std::vector<Capability> capabilities;
  std::vector<DataTypes> data_types;
  std::vector<Bounds> bounds;
};

struct Report {
  std::string version;
  int32_t version_number = 0;
  std::vector<Device> devices;
  std::vector<Backend> backends;
  std::vector<std::pair<std::string, std::string>> environment;  // variables that are set
};

// Throws std::runtime_error with the library's sentence if a query fails.
Report collect();

std::string render_text(const Report& report);
std::string render_markdown(const Report& report);
std::string render_json(const Report& report);
