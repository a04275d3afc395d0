#include "compare.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "../runtime/reference.h"

namespace luthier {
namespace {

double element(DType dtype, const std::vector<uint8_t>& bytes, int64_t index) {
  Tensor t{dtype, Storage::dense, 1, {index + 1, 1, 1, 1}, 0, const_cast<uint8_t*>(bytes.data()), nullptr, nullptr};
  return reference::get<double>(t, 0, index);
}

uint8_t* regionData(const Executor& executor, Region region) {
  return (region == Region::state ? executor.state() : executor.io()).data();
}

}  // namespace

CaseResult runCase(const Case& c, const RunOptions& options) {
  Executor executor({.backend = options.backend,
                     .threads = options.threads,
                     .stateBytes = c.stateBytes,
                     .arenaBytes = c.arenaBytes,
                     .ioBytes = c.ioBytes,
                     .paged = {},
                     .weights = static_cast<int32_t>(c.weights.size()),
                     .threadScratchBytes = c.threadScratchBytes,
                     .sharedScratchBytes = c.sharedScratchBytes,
                     .poison = options.poison});
  const int64_t planned = executor.scratchBytes();
  for (size_t i = 0; i < c.weights.size(); ++i) {
    executor.bind(static_cast<int32_t>(i), {c.weights[i].data(), static_cast<int64_t>(c.weights[i].size()), nullptr});
  }
  for (const CaseFill& fill : c.fills) {
    if (!fill.bytes.empty()) std::memcpy(regionData(executor, fill.region) + fill.offset, fill.bytes.data(), fill.bytes.size());
  }
  const int32_t program = executor.load(c.program);
  CaseResult result;
  for (int32_t run = 0; run < c.runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    executor.run(program);
    result.seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  result.scratchBeyondPlan = executor.scratchBytes() - planned;
  for (const CaseCheck& check : c.checks) {
    const uint8_t* from = regionData(executor, check.region) + check.offset;
    result.outputs.emplace_back(from, from + check.count * bytesOf(check.dtype));
  }
  return result;
}

Difference compare(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected) {
  double squares = 0, reference = 0;
  for (int64_t i = 0; i < check.count; ++i) {
    const double a = element(check.dtype, actual, i), e = element(check.dtype, expected, i);
    if (std::isnan(a) && std::isnan(e)) continue;
    if (a != e) squares += (a - e) * (a - e);  // equal infinities do not differ
    reference += e * e;
  }
  Difference d{};
  d.rootMeanSquare = std::sqrt(squares / static_cast<double>(check.count));
  d.relative = squares == 0 ? 0 : std::sqrt(squares / reference);
  d.identical = actual == expected;
  d.within = d.identical || d.relative <= static_cast<double>(check.relative) ||
             d.rootMeanSquare <= static_cast<double>(check.absolute);
  return d;
}

}  // namespace luthier
