// y = x + alpha/√(length·d) · u; u = w/2³¹ for the random word w of (tensor, example, position, column), with a sign.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/philox.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
void noise(const Noise& op) {
  const auto seed = static_cast<uint32_t>(integerAt(op.rngKey, 0)), step = static_cast<uint32_t>(integerAt(op.rngKey, 1));
  const int64_t width = op.x.cols();
  for (int64_t t = 0; t < op.x.rows(); ++t) {
    const auto example = static_cast<uint32_t>(integerAt(op.rowKey, t, 0));
    const auto position = static_cast<uint32_t>(integerAt(op.rowKey, t, 1));
    const int64_t length = integerAt(op.length, t);
    const Real size = length > 0 ? static_cast<Real>(op.alpha) / std::sqrt(static_cast<Real>(length * width)) : Real(0);
    for (int64_t c = 0; c < width; ++c) {
      const auto block = static_cast<uint32_t>(c / 4);
      const PhiloxBlock random = philox({{block, position, example, static_cast<uint32_t>(op.tensorId)}}, seed, step);
      const Real u = static_cast<Real>(static_cast<int32_t>(random.words[c % 4])) / Real(2147483648.0);
      put<Real>(op.y, t, c, get<Real>(op.x, t, c) + size * u);
    }
  }
}

}  // namespace luthier::reference
