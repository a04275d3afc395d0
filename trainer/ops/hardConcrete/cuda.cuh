// hardConcrete on a GPU: a thread an element, its random word from its own counter.
#pragma once

#include "../../native/cuda/device.h"
#include "../../native/runtime/gates.h"

namespace luthier::cuda {

struct Gate {
  float z, slope;
};

// (1 − u)/u of an element's random word; 1 without random numbers.
template <class Op>
__device__ __forceinline__ float oddsAt(const Op& op, int64_t row, int64_t column, uint32_t stream) {
  if (!op.rngKey) return 1.0f;
  const auto* key = op.rngKey->template row<uint32_t>(0);
  const PhiloxBlock random = gateBlock(row, column / 4, op.site, stream, key[0], key[1]);
  const int64_t at = column % 4;  // without an index at run time, which would move the words to local memory
  const uint32_t word = at == 0 ? random.words[0] : at == 1 ? random.words[1] : at == 2 ? random.words[2] : random.words[3];
  return (static_cast<float>(~word) + 0.5f) / (static_cast<float>(word) + 0.5f);
}

template <class Op>
__device__ __forceinline__ Gate gateOf(const Op& op, float alpha, float odds) {
  const float width = op.high - op.low, s = 1.0f / (1.0f + odds * expf(-alpha)), stretched = fmaf(width, s, op.low);
  if (stretched <= 0.0f) return {0.0f, 0.0f};
  if (stretched >= 1.0f) return {1.0f, 0.0f};
  return {stretched, width * s * (1.0f - s)};
}

template <class Op>
__device__ __forceinline__ Gate gateAt(const Op& op, int64_t row, int64_t column) {
  return gateOf(op, elementOf(op.alpha, row, column), oddsAt(op, row, column, elementGates));
}

template <class Op>
__device__ __forceinline__ Gate groupGate(const Op& op) {
  if (!op.group) return {1.0f, 0.0f};
  return gateOf(op, elementOf(*op.group, 0, 0), oddsAt(op, 0, 0, matrixGates));
}

LUTHIER_KERNEL(hardConcrete, 256) {
  const auto op = operandsOf<HardConcrete>(arguments);
  const float group = groupGate(op).z;
  forElements(op.w, [&](int64_t r, int64_t c) { putElement(op.y, r, c, elementOf(op.w, r, c) * gateAt(op, r, c).z * group); });
}

}  // namespace luthier::cuda
