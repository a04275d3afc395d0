// The one parameter of every CUDA kernel: the operands of its instruction, at device addresses, and its attributes.
#pragma once

#include "../runtime/call.h"

namespace luthier::cuda {

inline constexpr int32_t maxOperands = 16;
inline constexpr int32_t maxAttributes = 8;

struct Arguments {
  Tensor operands[maxOperands];  // of several tensors: only `data`, the address of a table of them
  int32_t attributes[maxAttributes];
  uint32_t present;  // a bit for each operand
  int32_t pass;      // which of an op's launches of a kernel, by the op's meaning
  int32_t count;     // how many things a launch takes, by the op's meaning
  uint8_t* scratch;  // of the op, at least as large as its launches asked for
  const float* dynamicMaps;  // 256 values of the signed map of 8 bits, then 256 of the unsigned one
};

static_assert(sizeof(Arguments) <= 4096, "a kernel's parameters have 4 KiB on every architecture");

}  // namespace luthier::cuda
