// expertGradWeight on the CPU: one expert after another, each as `gradWeight` on its rows.
#pragma once

#include "../expertLinear/cpu.h"
#include "../gradWeight/cpu.h"

namespace luthier::LUTHIER_ISA {

inline void expertGradWeight(const ExpertGradWeight& op, Workers& workers) {
  forExperts(op.starts, op.experts, [&](int32_t e, int64_t first, int64_t last) {
    const Tensor dy = someRows(op.dy, first, last), x = someRows(op.x, first, last);
    gradWeight(GradProduct{dy, x, op.dW[e], op.scale}, workers);
  });
}

}  // namespace luthier::LUTHIER_ISA
