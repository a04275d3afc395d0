// expertInput on the CPU: one expert after another, each as `linearInput` on its rows.
#pragma once

#include "../expertLinear/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void expertInput(const ExpertInput& op, Workers& workers) {
  forExperts(op.starts, op.experts, [&](int32_t e, int64_t first, int64_t last) {
    const Tensor dy = someRows(op.dy, first, last), dx = someRows(op.dx, first, last);
    const Tensor add = op.add ? someRows(*op.add, first, last) : dx;
    product<false>({dy, op.w[e], nullptr, nullptr, 1.0f, nullptr, op.add ? &add : nullptr, dx}, workers);
  });
}

}  // namespace luthier::LUTHIER_ISA
