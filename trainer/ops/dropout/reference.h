// y = x/(1−p) where a random word of (tensor, example, position, column) is at least p·2³², else 0.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/reference.h"
#include "../../native/runtime/philox.h"
namespace luthier::reference {

template <class Real>
void dropout(const Dropout& op) {
  const double threshold = static_cast<double>(op.p) * 4294967296.0;
  const Real scale = Real(1) / (Real(1) - static_cast<Real>(op.p));
  const auto seed = static_cast<uint32_t>(integerAt(op.rngKey, 0)), step = static_cast<uint32_t>(integerAt(op.rngKey, 1));
  for (int64_t t = 0; t < op.x.rows(); ++t) {
    const auto example = static_cast<uint32_t>(integerAt(op.rowKey, t, 0));
    const auto position = static_cast<uint32_t>(integerAt(op.rowKey, t, 1));
    for (int64_t c = 0; c < op.x.cols(); ++c) {
      const auto block = static_cast<uint32_t>(c / 4);
      const PhiloxBlock random = philox({{block, position, example, static_cast<uint32_t>(op.tensorId)}}, seed, step);
      const bool keep = static_cast<double>(random.words[c % 4]) >= threshold;
      put<Real>(op.y, t, c, keep ? get<Real>(op.x, t, c) * scale : Real(0));
    }
  }
}

}  // namespace luthier::reference
