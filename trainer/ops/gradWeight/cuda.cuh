// gradWeight on a GPU: the sum over the tokens in order, added to the gradient so far.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct GradWeightBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<GradWeight>(arguments);
    tile.add({op.dy, true, nullptr}, {op.x, true, nullptr}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t o, int64_t i, float sum) {
      if (o < op.dW.rows() && i < op.dW.cols()) op.dW.row<float>(o)[i] += op.scale * sum;
    });
  }
};

LUTHIER_PRODUCT_KERNELS(gradWeight, GradWeightBlock)

}  // namespace luthier::cuda
