// The report for a terminal, and the support table for the documentation.
#include <sstream>

#include "collect.h"

namespace {

std::string allowed_values(const Bounds& bounds) {
  std::ostringstream out;
  if (!bounds.values.empty()) {
    for (size_t i = 0; i < bounds.values.size(); ++i) out << (i == 0 ? "" : ", ") << bounds.values[i];
    return out.str();
  }
  if (bounds.multiple_of > 1) {
    out << "multiples of " << bounds.multiple_of << " from " << bounds.min << " to ";
  } else {
    out << bounds.min << " to ";
  }
  out << bounds.max;
  return out.str();
}

std::string padded(const std::string& text, size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text + " ";
}

}  // namespace

std::string render_text(const Report& report) {
  std::ostringstream out;
  out << "libfovea " << report.version << "\n\nDevices\n";
  for (const Device& device : report.devices) {
    out << "  " << padded(device.kind + " " + std::to_string(device.ordinal), 10);
    if (!device.usable) {
      out << "not usable: " << device.problem << "\n";
      continue;
    }
    out << device.name << "\n            instruction set in use: " << device.architecture;
    if (device.num_threads > 0) out << ", threads: " << device.num_threads;
    out << "\n";
    if (!device.cpu_flags.empty()) {
      out << "            processor:";
      for (const std::string& flag : device.cpu_flags) out << " " << flag;
      out << "\n";
    }
  }
  for (const Backend& backend : report.backends) {
    out << "\nBackend " << backend.name << ": ";
    if (!backend.available) {
      out << "not available\n  " << backend.reason << "\n";
      continue;
    }
    out << "available\n";
    for (const Capability& capability : backend.capabilities) {
      out << "  " << padded(capability.name, 24) << padded(capability.supported ? "yes" : "no", 5)
          << capability.meaning << "\n";
    }
    for (const DataTypes& data_types : backend.data_types) {
      out << "  " << padded(data_types.role + " types", 24);
      for (const auto& [name, supported] : data_types.types) {
        if (supported) out << name << " ";
      }
      out << "\n";
    }
    for (const Bounds& bounds : backend.bounds) {
      out << "  " << padded(bounds.name, 24) << allowed_values(bounds) << "\n";
    }
  }
  if (!report.environment.empty()) out << "\nEnvironment\n";
  for (const auto& [name, value] : report.environment) out << "  " << name << "=" << value << "\n";
  return out.str();
}

std::string render_markdown(const Report& report) {
  std::ostringstream out;
  out << "# What each backend supports {#support}\n\n";
  out << "Written by `fovea-info --markdown` from the table that the library itself reads; do not edit.\n\n";
  std::vector<const Backend*> backends;
  for (const Backend& backend : report.backends) {
    if (backend.available) backends.push_back(&backend);
  }
  const auto head = [&](const char* title) {
    out << "| " << title << " |";
    for (const Backend* backend : backends) out << " `" << backend->name << "` |";
    out << "\n|---|";
    for (size_t i = 0; i < backends.size(); ++i) out << "---|";
    out << "\n";
  };
  if (backends.empty()) return out.str() + "No backend is available.\n";
  head("feature");
  for (size_t i = 0; i < backends[0]->capabilities.size(); ++i) {
    const Capability& capability = backends[0]->capabilities[i];
    out << "| `" << capability.name << "`: " << capability.meaning << " |";
    for (const Backend* backend : backends) out << (backend->capabilities[i].supported ? " yes |" : " no |");
    out << "\n";
  }
  out << "\n";
  head("data types");
  for (size_t i = 0; i < backends[0]->data_types.size(); ++i) {
    out << "| " << backends[0]->data_types[i].role << " |";
    for (const Backend* backend : backends) {
      std::string list;
      for (const auto& [name, supported] : backend->data_types[i].types) {
        if (supported) list += (list.empty() ? " " : ", ") + name;
      }
      out << (list.empty() ? " none" : list) << " |";
    }
    out << "\n";
  }
  out << "\n";
  head("bounds");
  for (size_t i = 0; i < backends[0]->bounds.size(); ++i) {
    out << "| " << backends[0]->bounds[i].meaning << " |";
    for (const Backend* backend : backends) out << " " << allowed_values(backend->bounds[i]) << " |";
    out << "\n";
  }
  return out.str();
}
