#include "compare.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "../generated/opTable.h"
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

// Adds the seconds that the program's instructions took since `before`, and brings that up to date.
void addSeconds(Executor& executor, int32_t program, std::vector<double>& before, std::map<std::string, double>& ops) {
  const std::vector<Opcode> opcodes = executor.opcodesOf(program);
  std::vector<double> now = executor.secondsOf(program);
  before.resize(now.size());
  for (size_t i = 0; i < now.size(); ++i) ops[opTable[static_cast<int32_t>(opcodes[i]) - 1].name] += now[i] - before[i];
  before = std::move(now);
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
  std::vector<std::vector<uint8_t>> weights;
  for (size_t i = 0; i < c.weights.size(); ++i) {
    weights.emplace_back(static_cast<size_t>(c.weights[i].bytes));
    writeBytes(c, c.weights[i], weights.back().data());
    executor.bind(static_cast<int32_t>(i), {weights.back().data(), c.weights[i].bytes, nullptr});
  }
  const auto fill = [&](const std::vector<CaseFill>& fills) {
    for (const CaseFill& f : fills) writeBytes(c, f.content, regionData(executor, f.region) + f.offset);
  };
  fill(c.fills);
  std::vector<int32_t> programs;
  for (const CaseProgram& program : c.programs) programs.push_back(executor.load(program.bytes));
  std::vector<std::vector<double>> taken(programs.size());
  CaseResult result;
  for (int32_t run = 0; run < c.runs; ++run) {
    RunTime time{};
    for (size_t i = 0; i < programs.size(); ++i) {
      fill(c.programs[i].fills);
      const auto start = std::chrono::steady_clock::now();
      executor.run(programs[i]);
      time.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      addSeconds(executor, programs[i], taken[i], time.ops);
    }
    result.runs.push_back(std::move(time));
  }
  result.scratchBeyondPlan = executor.scratchBytes() - planned;
  for (const CaseCheck& check : c.checks) {
    const uint8_t* from = regionData(executor, check.region) + check.offset;
    result.outputs.emplace_back(from, from + check.count * bytesOf(check.dtype));
  }
  return result;
}

double rootMeanSquareOf(const CaseCheck& check, const std::vector<uint8_t>& output) {
  double squares = 0;
  for (int64_t i = 0; i < check.count; ++i) squares += element(check.dtype, output, i) * element(check.dtype, output, i);
  return std::sqrt(squares / static_cast<double>(check.count));
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
