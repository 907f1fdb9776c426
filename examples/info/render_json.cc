// The report as one JSON object.
#include <cstdio>
#include <sstream>

#include "collect.h"

namespace {

// Any bytes become a valid JSON string: what is not ASCII is passed on if it is UTF-8, and replaced if not.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : byte >= 0xE0 && byte < 0xF0 ? 3
                    : byte >= 0xF0 && byte < 0xF5                 ? 4
                                                                  : 0;
    bool valid = length > 0 && i + length <= text.size();
    for (size_t k = 1; valid && k < length; ++k) valid = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    if (valid && length >= 3) {  // overlong forms, surrogates, beyond U+10FFFF
      const auto second = static_cast<unsigned char>(text[i + 1]);
      valid = !(byte == 0xE0 && second < 0xA0) && !(byte == 0xED && second >= 0xA0) &&
              !(byte == 0xF0 && second < 0x90) && !(byte == 0xF4 && second >= 0x90);
    }
    if (!valid) {
      out += "\\ufffd";
      ++i;
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i++];
    } else if (byte < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
      out += escape;
      ++i;
    } else {
      out.append(text, i, length);
      i += length;
    }
  }
  return out + "\"";
}

const char* boolean(bool value) { return value ? "true" : "false"; }

// Items separated by commas.
template <class Items, class Write>
void list(std::ostringstream& out, const Items& items, const Write& write) {
  bool first = true;
  for (const auto& item : items) {
    if (!first) out << ", ";
    first = false;
    write(item);
  }
}

void write_device(std::ostringstream& out, const Device& device) {
  out << "{\"kind\": " << quoted(device.kind) << ", \"ordinal\": " << device.ordinal
      << ", \"usable\": " << boolean(device.usable);
  if (!device.usable) {
    out << ", \"problem\": " << quoted(device.problem) << "}";
    return;
  }
  out << ", \"name\": " << quoted(device.name) << ", \"architecture\": " << quoted(device.architecture)
      << ", \"num_threads\": " << device.num_threads << ", \"cpu_flags\": [";
  list(out, device.cpu_flags, [&](const std::string& flag) { out << quoted(flag); });
  out << "]}";
}

void write_backend(std::ostringstream& out, const Backend& backend) {
  out << "{\"name\": " << quoted(backend.name) << ", \"available\": " << boolean(backend.available)
      << ", \"reason\": " << quoted(backend.reason) << ",\n     \"capabilities\": {";
  list(out, backend.capabilities,
       [&](const Capability& c) { out << quoted(c.name) << ": " << boolean(c.supported); });
  out << "},\n     \"data_types\": {";
  list(out, backend.data_types, [&](const DataTypes& types) {
    out << quoted(types.role) << ": {";
    list(out, types.types, [&](const auto& type) { out << quoted(type.first) << ": " << boolean(type.second); });
    out << "}";
  });
  out << "},\n     \"bounds\": {";
  list(out, backend.bounds, [&](const Bounds& bounds) {
    out << quoted(bounds.name) << ": {\"min\": " << bounds.min << ", \"max\": " << bounds.max
        << ", \"multiple_of\": " << bounds.multiple_of << ", \"values\": [";
    list(out, bounds.values, [&](int32_t value) { out << value; });
    out << "]}";
  });
  out << "}}";
}

}  // namespace

std::string render_json(const Report& report) {
  std::ostringstream out;
  out << "{\n  \"library\": {\"version\": " << quoted(report.version)
      << ", \"version_number\": " << report.version_number << "},\n  \"devices\": [";
  list(out, report.devices, [&](const Device& device) {
    out << "\n    ";
    write_device(out, device);
  });
  out << "],\n  \"backends\": [";
  list(out, report.backends, [&](const Backend& backend) {
    out << "\n    ";
    write_backend(out, backend);
  });
  out << "],\n  \"environment\": {";
  list(out, report.environment,
       [&](const auto& variable) { out << quoted(variable.first) << ": " << quoted(variable.second); });
  out << "}\n}\n";
  return out.str();
}
