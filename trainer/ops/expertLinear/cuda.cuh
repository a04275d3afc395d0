// expertLinear on a GPU: a block a tile of one expert's rows.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct ExpertLinearBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t, int64_t firstColumn) {
    const auto op = operandsOf<ExpertLinear>(arguments);
    const ExpertTile rows = expertTile(op.starts, op.experts, blockIdx.y);
    if (rows.expert < 0) return;
    const Tensor& w = op.w[rows.expert];
    if (op.tailX) {
      const Tensor& tailW = op.tailW[rows.expert];
      tile.add({*op.tailX, false, nullptr, rows.begin, rows.end}, {tailW, false, nullptr}, 0, firstColumn);
    }
    tile.add({op.x, false, nullptr, rows.begin, rows.end}, {w, false, arguments.dynamicMaps}, 0, firstColumn);
    tile.forResults(rows.begin, firstColumn, [&](int64_t p, int64_t o, float sum) {
      if (p >= rows.end || o >= op.y.cols()) return;
      putElement(op.y, p, o, op.bias ? sum + elementOf(*op.bias, rows.expert, o) : sum);
    });
  }
};

LUTHIER_PRODUCT_KERNELS(expertLinear, ExpertLinearBlock)

}  // namespace luthier::cuda
