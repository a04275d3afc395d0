// linearInput on a GPU: the tail first, scaled, then the product with the weight as it lies.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

struct LinearInputBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<LinearInput>(arguments);
    if (op.tailX) {
      tile.add({*op.tailX, false, nullptr}, {*op.tailW, true, nullptr}, firstRow, firstColumn);
      tile.scale(op.tailScale);
    }
    tile.add({op.dy, false, nullptr}, {op.w, true, arguments.dynamicMaps}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t t, int64_t i, float sum) {
      if (t >= op.dx.rows() || i >= op.dx.cols()) return;
      putElement(op.dx, t, i, op.add ? sum + elementOf(*op.add, t, i) : sum);
    });
  }
};

LUTHIER_PRODUCT_KERNELS(linearInput, LinearInputBlock)

}  // namespace luthier::cuda
