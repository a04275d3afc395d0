// luthier-exec: runs cases without Node, on one backend or on two that are compared.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "../runtime/cores.h"
#include "../runtime/error.h"
#include "report.h"

namespace luthier {
namespace {

constexpr const char* help = R"(usage: luthier-exec [options] CASE...

Runs each case (a program, the bytes it starts from, what to compare; docs/engine.md, "Cases").

  --backend NAME   cpu, cuda, reference or reference64 (default: cpu)
  --against NAME   run on this backend too, and compare every checked tensor with it
  --bitwise        require equal bits instead of the case's tolerances
  --threads N      worker threads of --backend (default: the cores granted); --against runs with one
  --poison         fill dead memory with NaN while running on --backend
  --isa NAME       AVX2, AVX512, AVX512_BF16, AMX_BF16 or AMX_BF16_EMULATED for the cpu backend (default: the fastest here)
  --against-isa NAME
                   the instruction set of --against cpu (default: that of --isa)
  --report FILE    write the device, and each case's times, differences and digests of outputs, as JSON
  --time           print how long each run of the program took
  --peak           print the multiply-adds that registers alone allow (cpu backend) and the rate of reading memory, then
                   run the cases
  --help           this text

Exit status: 0 all cases ran and agree, 1 a comparison failed, 2 a case or an option is wrong.
)";

struct Options {
  RunOptions run{Backend::cpu, 0, false};
  std::optional<Backend> against;
  bool bitwise = false, time = false, peak = false, help = false;
  std::string isa, againstIsa, report;  // empty: not given
  std::vector<std::string> cases;
};

int threadsFrom(const std::string& text) {
  char* end = nullptr;
  const long threads = std::strtol(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || threads < 1 || threads > 1024) throw Error("--threads takes a number from 1 to 1024, not " + text);
  return static_cast<int>(threads);
}

Options parseOptions(int count, char** values) {
  Options o;
  for (int i = 1; i < count; ++i) {
    const std::string name = values[i];
    const auto value = [&]() -> std::string {
      if (++i >= count) throw Error(name + " takes a value");
      return values[i];
    };
    if (name == "--backend") o.run.backend = backendFromName(value());
    else if (name == "--against") o.against = backendFromName(value());
    else if (name == "--threads") o.run.threads = threadsFrom(value());
    else if (name == "--isa") o.isa = value();
    else if (name == "--against-isa") o.againstIsa = value();
    else if (name == "--report") o.report = value();
    else if (name == "--poison") o.run.poison = true;
    else if (name == "--bitwise") o.bitwise = true;
    else if (name == "--time") o.time = true;
    else if (name == "--peak") o.peak = true;
    else if (name == "--help") o.help = true;
    else if (name.starts_with("-")) throw Error("unknown option " + name + "; see --help");
    else o.cases.push_back(name);
  }
  if (!o.isa.empty()) setenv("LUTHIER_ISA", o.isa.c_str(), 1);
  if (!o.help && !o.peak && o.cases.empty()) throw Error("no case given; see --help");
  return o;
}

void printTimes(const std::vector<RunTime>& runs) {
  std::vector<double> seconds;
  for (const RunTime& run : runs) seconds.push_back(run.seconds);
  std::sort(seconds.begin(), seconds.end());
  std::printf("  runs %zu  fastest %.6f s  median %.6f s\n", seconds.size(), seconds.front(), seconds[seconds.size() / 2]);
}

// The best of many short slices, in 10⁹ operations a second: other work on the machine can only make a slice slower.
void printPeak(int threads) {
  const int cores = threads > 0 ? threads : grantedCores();
  Pool pool(cores);
  for (const DType activation : {DType::f32, DType::bf16}) {
    double best = 0;
    for (int i = 0; i < 500; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const double operations = cpuKernels(chooseIsa()).registerPeak(activation, pool, 2 * cores);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      best = std::max(best, operations / seconds.count() / 1e9);
    }
    std::printf("peak %s %.0f GFLOP/s\n", activation == DType::f32 ? "F32" : "BF16", best);
  }
}

// Bytes a second, in 10⁹, that all threads together read from memory: the best pass over more than any cache holds.
void printMemoryRate(int threads) {
  constexpr int64_t piece = 1 << 20, pieces = 512;
  Pool pool(threads > 0 ? threads : grantedCores());
  const Mapping bytes = Mapping::anonymous(piece * pieces, "memory to read");
  std::memset(bytes.data(), 1, static_cast<size_t>(bytes.bytes()));
  std::vector<uint64_t> sums(pieces);
  struct Pass {
    const uint8_t* data;
    std::vector<uint64_t>& sums;
  } pass{bytes.data(), sums};
  double best = 0;
  for (int i = 0; i < 15; ++i) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(pieces, [](void* argument, int64_t task, int32_t) {
      const Pass& p = *static_cast<Pass*>(argument);
      const auto* words = reinterpret_cast<const uint64_t*>(p.data + task * piece);
      uint64_t sum = 0;
      for (int64_t word = 0; word < piece / 8; ++word) sum += words[word];
      p.sums[static_cast<size_t>(task)] = sum;
    }, &pass);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(bytes.bytes()) / seconds.count() / 1e9);
  }
  std::printf("memory %.1f GB/s\n", best);
}

CaseResult runAgainst(const Options& o, const Case& c) {
  if (!o.againstIsa.empty()) setenv("LUTHIER_ISA", o.againstIsa.c_str(), 1);
  CaseResult expected = runCase(c, {*o.against, 1, false});
  if (!o.againstIsa.empty()) o.isa.empty() ? unsetenv("LUTHIER_ISA") : setenv("LUTHIER_ISA", o.isa.c_str(), 1);
  return expected;
}

bool runOne(const Options& o, CaseReport& report) {
  const Case c = readCase(report.path);
  const CaseResult actual = runCase(c, o.run);
  report.runs = actual.runs;
  std::printf("%s\n", report.path.c_str());
  if (o.time && !actual.runs.empty()) printTimes(actual.runs);
  if (actual.scratchBeyondPlan > 0) {
    std::printf("  FAIL  scratch  %lld bytes more than the case plans\n", static_cast<long long>(actual.scratchBeyondPlan));
  }
  bool good = actual.scratchBeyondPlan == 0;
  const std::optional<CaseResult> expected = o.against ? std::optional(runAgainst(o, c)) : std::nullopt;
  for (size_t i = 0; i < c.checks.size(); ++i) {
    std::optional<Difference> d;
    if (expected) {
      d = compare(c.checks[i], actual.outputs[i], expected->outputs[i]);
      const bool passed = o.bitwise ? d->identical : d->within;
      good = good && passed;
      std::printf("  %s  %s  relative %.3g  rms %.3g\n", passed ? "ok  " : "FAIL", c.checks[i].name.c_str(), d->relative, d->rootMeanSquare);
    }
    if (!o.report.empty()) report.outputs.push_back(reportOf(c.checks[i], actual.outputs[i], d));
  }
  return good;
}

// Reports an invalid case; the caller continues with the next one.
int statusOf(const Options& o, CaseReport& report) {
  try {
    return runOne(o, report) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "luthier-exec: %s: %s\n", report.path.c_str(), error.what());
    report.error = error.what();
    return 2;
  }
}

int run(int count, char** values) {
  const Options o = parseOptions(count, values);
  if (o.help) {
    std::fputs(help, stdout);
    return 0;
  }
  if (o.peak) {
    printPeak(o.run.threads);
    printMemoryRate(o.run.threads);
  }
  int status = 0;
  std::vector<CaseReport> reports;
  for (const std::string& path : o.cases) {
    CaseReport& report = reports.emplace_back();
    report.path = path;
    status = std::max(status, statusOf(o, report));
    // After each case: an interrupted run keeps what it has.
    if (!o.report.empty()) writeReport(o.report, o.run.backend, reports);
  }
  return status;
}

}  // namespace
}  // namespace luthier

int main(int count, char** values) {
  try {
    return luthier::run(count, values);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "luthier-exec: %s\n", error.what());
    return 2;
  }
}
