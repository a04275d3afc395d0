// Quantises a matrix to NF4, bit-equal to bitsandbytes on a CPU (0.50): blocks of 64 of the flattened matrix,
// and, on request, double quantisation of the absmax in blocks of 256.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor.h"

namespace luthier {

struct Nf4Matrix {
  std::vector<uint8_t> packed;        // two codes a byte, the high nibble first; padded to a whole byte
  std::vector<float> absmax;          // one per block of 64; empty when double-quantised
  std::vector<uint8_t> absmaxCodes;   // double-quantised: one per block of 64
  std::vector<float> nestedAbsmax;    // double-quantised: one per 256 blocks, then the offset
};

// `count` values of type F32 or BF16.
Nf4Matrix quantizeNf4(const uint8_t* values, DType dtype, int64_t count, bool doubleQuantization);

}  // namespace luthier
