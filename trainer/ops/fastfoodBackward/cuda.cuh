// fastfoodBackward on a GPU: as fastfood, in reverse.
#pragma once

#include "../fastfood/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(fastfoodBackwardStart, 256) {
  const auto op = operandsOf<FastfoodBackward>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  forIndices(size, [&](int64_t i) { v[i] = i < elements ? elementOf(op.dY, i / op.in, i % op.in) : 0.0f; });
}

LUTHIER_KERNEL(fastfoodBackwardWalsh, 256) {
  const auto op = operandsOf<FastfoodBackward>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  if (arguments.pass == 0) walshLevel(v + size, period, arguments.count);
  else walshLevel(v, size, arguments.count);
}

LUTHIER_KERNEL(fastfoodBackwardMix, 256) {
  const auto op = operandsOf<FastfoodBackward>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  __shared__ double partial[256 / warpLanes];
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  double squares = 0;
  forIndices(size, [&](int64_t i) {
    const float g = fastfoodNormal(i, op.seed, op.layer);
    v[i] *= g;
    squares += static_cast<double>(g) * static_cast<double>(g);
  });
  squares = blockSum(squares, partial);
  if (threadIdx.x == 0) reinterpret_cast<double*>(v + (size + period + 1) / 2 * 2)[blockIdx.x] = squares;
}

LUTHIER_KERNEL(fastfoodBackwardGather, 256) {
  const auto op = operandsOf<FastfoodBackward>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  auto* v = reinterpret_cast<float*>(arguments.scratch);
  const Permutation permutation(size, op.seed, op.layer);
  forIndices(period, [&](int64_t j) {
    float sum = 0;
    for (int64_t at = j; at < size; at += period) sum += v[permutation.placeOf(at)];
    v[size + j] = sum;
  });
}

// One block: the gradient of the scale is a sum over all of x.
LUTHIER_KERNEL(fastfoodBackward, 256) {
  const auto op = operandsOf<FastfoodBackward>(arguments);
  const auto [elements, dimension, size, period] = fastfoodSizes(op);
  __shared__ double partial[256 / warpLanes];
  const auto* v = reinterpret_cast<const float*>(arguments.scratch);
  const auto* squares = reinterpret_cast<const double*>(v + (size + period + 1) / 2 * 2);
  const float factor = fastfoodFactor(squares, arguments.count, elements), scale = op.scale ? elementOf(*op.scale, 0, 0) : 1.0f;
  double product = 0;
  for (int64_t i = threadIdx.x; i < dimension; i += blockDim.x) {
    const float u = factor * fastfoodSign(i, op.seed, op.layer) * v[size + i];
    putElement(op.dX, 0, i, scale * u);
    product += static_cast<double>(elementOf(op.x, 0, i)) * static_cast<double>(u);
  }
  product = blockSum(product, partial);
  if (threadIdx.x == 0 && op.dScale) putElement(*op.dScale, 0, 0, static_cast<float>(product));
}

}  // namespace luthier::cuda
