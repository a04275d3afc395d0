// A case: the inputs of a program, and the outputs to compare. The format is in docs/engine.md, "Cases".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../runtime/program.h"

namespace luthier {

struct CaseFill {
  Region region;  // state or io
  int64_t offset;
  std::vector<uint8_t> bytes;
};

struct CaseCheck {
  std::string name;
  Region region;
  DType dtype;
  int64_t offset, count;
  float relative;  // allowed ‖actual − expected‖ / ‖expected‖ (Euclidean)
  float absolute;  // allowed root mean square of actual − expected, beside the relative bound
};

struct Case {
  std::vector<uint8_t> program;
  int64_t arenaBytes = 0, stateBytes = 0, ioBytes = 0;
  int64_t threadScratchBytes = 0, sharedScratchBytes = 0;  // the most that kernels may take
  int32_t runs = 1;  // the program runs this often, one after another, on the same regions
  std::vector<std::vector<uint8_t>> weights;
  std::vector<CaseFill> fills;
  std::vector<CaseCheck> checks;
};

// Throws an Error that names what is invalid in the file.
Case readCase(const std::string& path);

}  // namespace luthier
