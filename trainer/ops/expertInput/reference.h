// dx[p] = dy[p]·w_e + add[p].
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void expertInput(const ExpertInput& op) {
  for (int32_t e = 0; e < op.experts; ++e) {
    for (int64_t p = integerAt(op.starts, e); p < integerAt(op.starts, e + 1); ++p) {
      for (int64_t i = 0; i < op.dx.cols(); ++i) {
        Real sum = 0;
        for (int64_t o = 0; o < op.dy.cols(); ++o) sum += get<Real>(op.dy, p, o) * get<Real>(op.w[e], o, i);
        if (op.add) sum += get<Real>(*op.add, p, i);
        put<Real>(op.dx, p, i, sum);
      }
    }
  }
}

}  // namespace luthier::reference
