// A case: programs, their inputs, and the outputs to compare. The format is in docs/engine.md, "Cases".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../runtime/program.h"

namespace luthier {

// A pattern of the case, repeated until it has this many bytes.
struct CaseBytes {
  int32_t pattern;
  int64_t bytes;
};

struct CaseFill {
  Region region;  // state or io
  int64_t offset;
  CaseBytes content;
};

// A program, and what is written before each of its runs: regions of several programs overlap.
struct CaseProgram {
  std::vector<uint8_t> bytes;
  std::vector<CaseFill> fills;
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
  int64_t arenaBytes = 0, stateBytes = 0, ioBytes = 0;
  int64_t threadScratchBytes = 0, sharedScratchBytes = 0;  // the most that kernels may take
  int32_t runs = 1;  // all programs run this often, one after another, on the same regions
  std::vector<std::vector<uint8_t>> patterns;
  std::vector<CaseBytes> weights;
  std::vector<CaseFill> fills;  // before the first run; everything else starts as zeros
  std::vector<CaseProgram> programs;
  std::vector<CaseCheck> checks;
};

// The bytes [0, content.bytes) that the case describes, written to `to`.
void writeBytes(const Case& c, const CaseBytes& content, uint8_t* to);

// Throws an Error that names what is invalid in the file.
Case readCase(const std::string& path);

}  // namespace luthier
