// fill on the CPU: tasks of whole rows; the bits of one element, repeated.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

template <class T>
inline void fillWith(const Tensor& y, T value, Workers& workers) {
  forRows(workers, y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      T* row = y.row<T>(r);
      for (int64_t c = 0; c < y.cols(); ++c) row[c] = value;
    }
  });
}

inline void fill(const Fill& op, Workers& workers) {
  switch (op.y.dtype) {
    case DType::f32: return fillWith(op.y, op.value, workers);
    case DType::bf16: return fillWith(op.y, bf16FromFloat(op.value), workers);
    case DType::f64: return fillWith(op.y, static_cast<double>(op.value), workers);
    case DType::i32: return fillWith(op.y, static_cast<int32_t>(op.value), workers);
    case DType::u32: return fillWith(op.y, static_cast<uint32_t>(op.value), workers);
    case DType::u8: return fillWith(op.y, static_cast<uint8_t>(op.value), workers);
  }
}

}  // namespace luthier::LUTHIER_ISA
