// orthogonalityBackward on a GPU: the Gram matrix in scratch (pass 0), then a thread an element.
#pragma once

#include "../../native/cuda/device.h"
#include "../orthogonality/cuda.cuh"

namespace luthier::cuda {

LUTHIER_KERNEL(orthogonalityBackward, 256) {
  const auto op = operandsOf<OrthogonalityBackward>(arguments);
  __shared__ float partial[256 / warpLanes];
  auto* gram = reinterpret_cast<float*>(arguments.scratch);
  if (arguments.pass == 0) return gramMinusOne(op, gram);
  const float norm = gramNorm(op, gram, partial);  // by every block, in the same order
  if (norm == 0.0f) return;
  const bool columns = op.columns != 0;
  const int64_t r = columns ? op.x.cols() : op.x.rows();
  forElements(op.x, [&](int64_t i, int64_t j) {
    float sum = 0;
    for (int64_t k = 0; k < r; ++k) sum = columns ? fmaf(elementOf(op.x, i, k), gram[k * r + j], sum) : fmaf(gram[i * r + k], elementOf(op.x, k, j), sum);
    op.dX.row<float>(i)[j] += op.weight * 2.0f * sum / norm;
  });
}

}  // namespace luthier::cuda
