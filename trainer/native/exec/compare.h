// Runs a case on one backend, and compares the results of two backends.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "../runtime/executor.h"
#include "case.h"

namespace luthier {

struct RunOptions {
  Backend backend;
  int threads;
  bool poison;
};

// One run of all programs.
struct RunTime {
  double seconds;                     // of the host, with its copies to and from a device
  std::map<std::string, double> ops;  // seconds of each op's instructions, on the device where there is one
};

struct CaseResult {
  std::vector<std::vector<uint8_t>> outputs;  // one per check
  std::vector<RunTime> runs;
  int64_t scratchBeyondPlan = 0;              // bytes that kernels took beyond the case's plan
};

CaseResult runCase(const Case& c, const RunOptions& options);

struct Difference {
  double relative, rootMeanSquare;
  bool identical, within;
};

// The root mean square of the output's values.
double rootMeanSquareOf(const CaseCheck& check, const std::vector<uint8_t>& output);

Difference compare(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected);

}  // namespace luthier
