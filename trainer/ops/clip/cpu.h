// clip on the CPU: three scalars.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void clip(const Clip& op, Workers&) {
  double total;
  __builtin_memcpy(&total, op.total.data, sizeof total);
  const auto norm = static_cast<float>(__builtin_sqrt(total));
  const float factor = op.maxNorm / (norm + 1e-6f);
  putFloat(op.norm, 0, norm);
  putFloat(op.factor, 0, op.maxNorm == 0.0f || factor > 1.0f ? 1.0f : factor);
}

}  // namespace luthier::LUTHIER_ISA
