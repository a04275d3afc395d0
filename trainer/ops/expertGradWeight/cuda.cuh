// expertGradWeight on a GPU: a block a tile of an expert's matrix; the sum over its rows in order.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct ExpertGradWeightBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<ExpertGradWeight>(arguments);
    const int64_t e = blockIdx.z, begin = op.starts.row<int32_t>(0)[e], end = op.starts.row<int32_t>(0)[e + 1];
    const Tensor& dW = op.dW[e];
    tile.add({op.dy, true, nullptr, begin, end}, {op.x, true, nullptr, begin, end}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t o, int64_t i, float sum) {
      if (o < dW.rows() && i < dW.cols()) dW.row<float>(o)[i] += op.scale * sum;
    });
  }
};

LUTHIER_PRODUCT_KERNELS(expertGradWeight, ExpertGradWeightBlock)

}  // namespace luthier::cuda
