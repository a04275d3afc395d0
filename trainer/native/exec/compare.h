// Runs a case on one backend, and compares the results of two backends.
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
  std::vector<std::vector<uint8_t>> outputs;  // one per check
  std::vector<double> seconds;                // one per run
  int64_t scratchBeyondPlan = 0;              // bytes that kernels took beyond the case's plan
};

CaseResult runCase(const Case& c, const RunOptions& options);

struct Difference {
  double relative, rootMeanSquare;
  bool identical, within;
};

Difference compare(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::vector<uint8_t>& expected);

}  // namespace luthier
