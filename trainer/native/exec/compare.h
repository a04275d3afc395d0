// Runs a case on one backend, and compares what two backends made of it.
#pragma once

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

struct CaseResult {
  std::vector<std::vector<uint8_t>> outputs;  // one a check
  std::vector<double> seconds;                // one a run
  int64_t scratchBeyondPlan = 0;              // bytes that kernels took beside what the case says
};

CaseResult runCase(const Case& c, const RunOptions& options);

struct Difference {
  double relative, rootMeanSquare;
  bool identical, within;
};

Difference compare(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected);

}  // namespace luthier
