#include "report.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "../cuda/gpu.h"
#include "../runtime/error.h"

namespace luthier {
namespace {

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char letter : text) {
    char escaped[8];
    if (letter == '"' || letter == '\\') (json += '\\') += letter;
    else if (static_cast<unsigned char>(letter) >= 0x20) json += letter;
    else json += (std::snprintf(escaped, sizeof escaped, "\\u%04x", letter), escaped);
  }
  return json + '"';
}

// JSON has no infinities and no NaN.
std::string number(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

template <class Items, class Each>
std::string joined(const Items& items, Each each) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + each(item);
  return text;
}

std::string runJson(const RunTime& run) {
  const auto op = [](const auto& entry) { return quoted(entry.first) + ": " + number(entry.second); };
  return "{\"seconds\": " + number(run.seconds) + ", \"ops\": {" + joined(run.ops, op) + "}}";
}

std::string outputJson(const OutputReport& output) {
  std::string json = "{\"name\": " + quoted(output.name) + ", \"digest\": " + quoted(output.digest) + ", \"rootMeanSquare\": " + number(output.rootMeanSquare);
  if (const auto& d = output.difference) {
    json += ", \"relative\": " + number(d->relative) + ", \"difference\": " + number(d->rootMeanSquare) + ", \"within\": " + (d->within ? "true" : "false");
  }
  return json + "}";
}

std::string caseJson(const CaseReport& one) {
  const size_t slash = one.path.rfind('/');
  const std::string name = quoted(slash == std::string::npos ? one.path : one.path.substr(slash + 1));
  if (!one.error.empty()) return "{\"name\": " + name + ", \"error\": " + quoted(one.error) + "}";
  return "{\"name\": " + name + ", \"runs\": [" + joined(one.runs, runJson) + "], \"outputs\": [" + joined(one.outputs, outputJson) + "]}";
}

std::string gpuJson() try {
  const cuda::Gpu& gpu = cuda::Gpu::opened();
  const cuda::GpuFacts& facts = gpu.facts();
  const cuda::GpuMemory memory = gpu.memory();
  return "{\"name\": " + quoted(facts.name) + ", \"computeCapability\": " + quoted(facts.computeCapability) + ", \"driverVersion\": " + quoted(facts.driverVersion) +
         ", \"totalBytes\": " + std::to_string(memory.total) + ", \"peakBytes\": " + std::to_string(memory.peak) + ", \"openSeconds\": " + number(gpu.openSeconds()) + "}";
} catch (const Error& error) {
  return "{\"error\": " + quoted(error.what()) + "}";
}

std::string digestOf(const std::vector<uint8_t>& bytes) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3ull;
  std::ostringstream text;
  text << std::hex << hash;
  return text.str();
}

}  // namespace

OutputReport reportOf(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::optional<Difference>& difference) {
  return {check.name, digestOf(actual), rootMeanSquareOf(check, actual), difference};
}

void writeReport(const std::string& path, Backend backend, const std::vector<CaseReport>& cases) {
  std::ofstream file(path);
  file << "{";
  if (backend == Backend::cuda) file << "\"gpu\": " << gpuJson() << ",\n ";
  file << "\"cases\": [\n  ";
  for (size_t i = 0; i < cases.size(); ++i) file << (i > 0 ? ",\n  " : "") << caseJson(cases[i]);
  file << "\n]}\n";
  if (!file.flush()) throw Error("cannot write the report " + path);
}

}  // namespace luthier
