// fastfood on a GPU: passes over the whole grid, one for each level of a transform; as on the CPU, the padding's transform only
// repeats that of x. Scratch: n floats, the period's floats, and a sum of squares for each block.
#pragma once

#include "../../native/cuda/device.h"
#include "../../native/runtime/fastfood.h"

namespace luthier::cuda {

struct FastfoodSizes {
  int64_t elements, dimension, size, period;
};

template <class Op>
__device__ __forceinline__ FastfoodSizes fastfoodSizes(const Op& op) {
  const int64_t elements = static_cast<int64_t>(op.out) * op.in, dimension = op.x.count();
  return {elements, dimension, powerOfTwo(elements > dimension ? elements : dimension), powerOfTwo(dimension)};
}

// body(i) for i in [0, count), by all threads of the grid.
template <class Body>
__device__ __forceinline__ void forIndices(int64_t count, Body body) {
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += threads) body(i);
}

// One level of H: sums and differences of elements that are 2^level apart.
__device__ __forceinline__ void walshLevel(float* v, int64_t size, int32_t level) {
  forIndices(size / 2, [&](int64_t pair) {
    const int64_t half = int64_t{1} << level, i = (pair >> level) * 2 * half + (pair & (half - 1));
    const float a = v[i], b = v[i + half];
    v[i] = a + b;
    v[i + half] = a - b;
  });
}

__device__ __forceinline__ uint32_t fastfoodWord(int64_t i, uint32_t stream, int32_t seed, int32_t layer) {
  const PhiloxBlock random = fastfoodBlock(i / 4, stream, seed, layer);
  const int64_t at = i % 4;  // without an index at run time, which would move the words to local memory
  return at == 0 ? random.words[0] : at == 1 ? random.words[1] : at == 2 ? random.words[2] : random.words[3];
}

__device__ __forceinline__ float fastfoodSign(int64_t i, int32_t seed, int32_t layer) {
  return (fastfoodWord(i, fastfoodSigns, seed, layer) >> 31) != 0 ? -1.0f : 1.0f;
}

__device__ __forceinline__ float fastfoodNormal(int64_t i, int32_t seed, int32_t layer) {
  return normalOf<float>(fastfoodWord(i, fastfoodNormals, seed, layer), [](float p) { return sqrtf(-logf(p)); });
}

// 1/√(elements·Σ G²) of the blocks' sums.
__device__ __forceinline__ float fastfoodFactor(const double* squares, int32_t blocks, int64_t elements) {
  double total = 0;
  for (int32_t block = 0; block < blocks; ++block) total += squares[block];
  return rsqrtf(static_cast<float>(static_cast<double>(elements) * total));
}

LUTHIER_KERNEL(fastfoodStart, 256) {
  const auto op = operandsOf<Fastfood>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  float* small = reinterpret_cast<float*>(arguments.scratch) + size;
  forIndices(period, [&](int64_t i) { small[i] = i < dimension ? fastfoodSign(i, op.seed, op.layer) * elementOf(op.x, 0, i) : 0.0f; });
}

// pass: 0 for x's vector, 1 for that of n; count: the level.
LUTHIER_KERNEL(fastfoodWalsh, 256) {
  const auto op = operandsOf<Fastfood>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  if (arguments.pass == 0) walshLevel(v + size, period, arguments.count);
  else walshLevel(v, size, arguments.count);
}

LUTHIER_KERNEL(fastfoodMix, 256) {
  const auto op = operandsOf<Fastfood>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  __shared__ double partial[256 / warpLanes];
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  const float* small = v + size;
  const Permutation permutation(size, op.seed, op.layer);
  double squares = 0;
  forIndices(size, [&](int64_t i) {
    const float g = fastfoodNormal(i, op.seed, op.layer);
    v[i] = g * small[permutation.at(i) & (period - 1)];
    squares += static_cast<double>(g) * static_cast<double>(g);
  });
  squares = blockSum(squares, partial);
  if (threadIdx.x == 0) reinterpret_cast<double*>(v + (size + period + 1) / 2 * 2)[blockIdx.x] = squares;
}

LUTHIER_KERNEL(fastfood, 256) {
  const auto op = operandsOf<Fastfood>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  const auto* v = reinterpret_cast<const float*>(arguments.scratch);
  const auto* squares = reinterpret_cast<const double*>(v + (size + period + 1) / 2 * 2);
  const float factor = (op.scale ? elementOf(*op.scale, 0, 0) : 1.0f) * fastfoodFactor(squares, arguments.count, elements);
  forElements(op.y, [&](int64_t r, int64_t c) { putElement(op.y, r, c, factor * v[r * op.in + c]); });
}

}  // namespace luthier::cuda
