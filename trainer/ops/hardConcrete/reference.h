// y = w·z·z_g: gates z of each element and z_g of the whole matrix.
#pragma once

#include "../../native/generated/ops.h"
#include "../../native/runtime/gates.h"
#include "../../native/runtime/reference.h"

namespace luthier::reference {

template <class Real>
struct Gate {
  Real z, slope;
};

// (1 − u)/u of a random word, u its place in 2³²; 1 without random numbers.
template <class Real, class Op>
Real oddsAt(const Op& op, int64_t row, int64_t column, uint32_t stream) {
  if (!op.rngKey) return 1;
  const auto seed = static_cast<uint32_t>(integerAt(*op.rngKey, 0)), step = static_cast<uint32_t>(integerAt(*op.rngKey, 1));
  const uint32_t word = gateBlock(row, column / 4, op.site, stream, seed, step).words[column % 4];
  const Real u = (static_cast<Real>(word) + Real(0.5)) / Real(4294967296.0);
  const Real rest = (static_cast<Real>(~word) + Real(0.5)) / Real(4294967296.0);
  return rest / u;
}

template <class Real, class Op>
Gate<Real> gateOf(const Op& op, Real alpha, Real odds) {
  const Real low = static_cast<Real>(op.low), width = static_cast<Real>(op.high) - low;
  const Real s = 1 / (1 + odds * std::exp(-alpha));
  const Real stretched = low + width * s;
  if (stretched <= 0) return {0, 0};
  if (stretched >= 1) return {1, 0};
  return {stretched, width * s * (1 - s)};
}

template <class Real, class Op>
Gate<Real> gateAt(const Op& op, int64_t row, int64_t column) {
  return gateOf<Real>(op, get<Real>(op.alpha, row, column), oddsAt<Real>(op, row, column, elementGates));
}

template <class Real, class Op>
Gate<Real> groupGate(const Op& op) {
  if (!op.group) return {1, 0};
  return gateOf<Real>(op, get<Real>(*op.group, 0), oddsAt<Real>(op, 0, 0, matrixGates));
}

template <class Real>
void hardConcrete(const HardConcrete& op) {
  const Real group = groupGate<Real>(op).z;
  for (int64_t r = 0; r < op.w.rows(); ++r) {
    for (int64_t c = 0; c < op.w.cols(); ++c) put<Real>(op.y, r, c, get<Real>(op.w, r, c) * gateAt<Real>(op, r, c).z * group);
  }
}

}  // namespace luthier::reference
