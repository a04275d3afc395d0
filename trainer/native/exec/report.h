// The report of luthier-exec: one JSON file with the device, and with the times and differences of each case.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compare.h"

namespace luthier {

struct OutputReport {
  std::string name;
  std::string digest;                    // of the bytes (FNV-1a)
  double rootMeanSquare;                 // of the values
  std::optional<Difference> difference;  // from the other backend
};

struct CaseReport {
  std::string path;
  std::string error;  // empty: it ran
  std::vector<RunTime> runs;
  std::vector<OutputReport> outputs;
};

OutputReport reportOf(const CaseCheck& check, const std::vector<uint8_t>& actual, const std::optional<Difference>& difference);

// Throws an Error if the file cannot be written. With the backend cuda the file also describes the GPU.
void writeReport(const std::string& path, Backend backend, const std::vector<CaseReport>& cases);

}  // namespace luthier
