// norm = √total; factor = min(1, maxNorm / (norm + 1e-6)), or 1 when maxNorm is 0 (as torch's clip_grad_norm_).
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void clip(const Clip& op) {
  const Real norm = static_cast<Real>(std::sqrt(get<double>(op.total, 0)));
  put<Real>(op.norm, 0, norm);
  const Real factor = static_cast<Real>(op.maxNorm) / (norm + static_cast<Real>(1e-6));
  put<Real>(op.factor, 0, op.maxNorm == 0.0f || factor > Real(1) ? Real(1) : factor);
}

}  // namespace luthier::reference
