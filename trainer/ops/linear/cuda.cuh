// linear on a GPU: the tail first, scaled, then the product itself; bias and residual with the results.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct LinearBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<Linear>(arguments);
    if (op.tailX) {
      tile.add({*op.tailX, false, nullptr}, {*op.tailW, false, nullptr}, firstRow, firstColumn);
      tile.scale(op.tailScale);
    }
    tile.add({op.x, false, nullptr}, {op.w, false, arguments.dynamicMaps}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t t, int64_t o, float sum) {
      if (t >= op.y.rows() || o >= op.y.cols()) return;
      if (op.bias) sum += elementOf(*op.bias, 0, o);
      if (op.residual) sum += elementOf(*op.residual, t, o);
      putElement(op.y, t, o, sum);
    });
  }
};

LUTHIER_PRODUCT_KERNELS(linear, LinearBlock)

}  // namespace luthier::cuda
