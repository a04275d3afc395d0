// fill on a GPU: a thread an element.
#pragma once

#include "../../native/cuda/device.h"

namespace luthier::cuda {

LUTHIER_KERNEL(fill, 256) {
  const auto op = operandsOf<Fill>(arguments);
  forElements(op.y, [&](int64_t r, int64_t c) {
    switch (op.y.dtype) {
      case DType::f32: op.y.row<float>(r)[c] = op.value; break;
      case DType::bf16: op.y.row<uint16_t>(r)[c] = bf16Of(op.value); break;
      case DType::f64: op.y.row<double>(r)[c] = static_cast<double>(op.value); break;
      case DType::i32: op.y.row<int32_t>(r)[c] = static_cast<int32_t>(op.value); break;
      case DType::u32: op.y.row<uint32_t>(r)[c] = static_cast<uint32_t>(op.value); break;
      case DType::u8: op.y.row<uint8_t>(r)[c] = static_cast<uint8_t>(op.value); break;
    }
  });
}

}  // namespace luthier::cuda
