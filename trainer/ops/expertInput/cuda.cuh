// expertInput on a GPU: a block a tile of one expert's rows.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct ExpertInputBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t, int64_t firstColumn) {
    const auto op = operandsOf<ExpertInput>(arguments);
    const ExpertTile rows = expertTile(op.starts, op.experts, blockIdx.y);
    if (rows.expert < 0) return;
    const Tensor& w = op.w[rows.expert];
    tile.add({op.dy, false, nullptr, rows.begin, rows.end}, {w, true, arguments.dynamicMaps}, 0, firstColumn);
    tile.forResults(rows.begin, firstColumn, [&](int64_t p, int64_t i, float sum) {
      if (p >= rows.end || i >= op.dx.cols()) return;
      putElement(op.dx, p, i, op.add ? sum + elementOf(*op.add, p, i) : sum);
    });
  }
};

LUTHIER_PRODUCT_KERNELS(expertInput, ExpertInputBlock)

}  // namespace luthier::cuda
