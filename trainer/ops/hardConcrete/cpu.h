// hardConcrete on the CPU: tasks of whole rows; one Philox block makes the gates of four columns.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/gates.h"

namespace luthier::LUTHIER_ISA {

struct Gate {
  F z, slope;
};

// (1 − u)/u of a random word.
inline float oddsOf(uint32_t word) { return (static_cast<float>(~word) + 0.5f) / (static_cast<float>(word) + 0.5f); }

// Those of `lanes` columns from column c on (a multiple of 4); 1 without random numbers.
template <class Op>
inline F oddsAt(const Op& op, int64_t row, int64_t c, uint32_t stream) {
  if (!op.rngKey) return all(1.0f);
  const auto* key = op.rngKey->template row<uint32_t>(0);
  float odds[lanes];
  for (int64_t i = 0; i < lanes; i += 4) {
    const PhiloxBlock random = gateBlock(row, (c + i) / 4, op.site, stream, key[0], key[1]);
    for (int64_t k = 0; k < 4; ++k) odds[i + k] = oddsOf(random.words[k]);
  }
  return load(odds, Whole{});
}

// s = σ(logit(u) + α) = 1/(1 + (1 − u)/u·exp(−α)).
template <class Op>
inline Gate gateOf(const Op& op, F alpha, F odds) {
  const F one = all(1.0f), width = all(op.high - op.low);
  const F s = one / (one + odds * exponential(zero() - alpha));
  const F stretched = fma(width, s, all(op.low));
  const F slope = whereLess(zero(), stretched, whereLess(stretched, one, width * s * (one - s), zero()), zero());
  return {lowest(one, highest(zero(), stretched)), slope};
}

template <class Op, class Count>
inline Gate gateAt(const Op& op, int64_t row, int64_t c, Count n) {
  return gateOf(op, loadAny(op.alpha, row, c, n), oddsAt(op, row, c, elementGates));
}

// The gate of the matrix in every lane.
template <class Op>
inline Gate groupGate(const Op& op) {
  if (!op.group) return {all(1.0f), zero()};
  const float odds = op.rngKey ? oddsOf(gateBlock(0, 0, op.site, matrixGates, op.rngKey->template row<uint32_t>(0)[0], op.rngKey->template row<uint32_t>(0)[1]).words[0]) : 1.0f;
  return gateOf(op, all(elementOf(*op.group, 0, 0)), all(odds));
}

inline void hardConcrete(const HardConcrete& op, Workers& workers) {
  const F group = groupGate(op).z;
  forRows(workers, op.w, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      forLanes(op.w.cols(), [&](int64_t c, auto n) {
        storeAny(op.y, r, c, loadAny(op.w, r, c, n) * gateAt(op, r, c, n).z * group, n);
      });
    }
  });
}

}  // namespace luthier::LUTHIER_ISA
