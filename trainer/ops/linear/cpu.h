// linear on the CPU: panels of W's rows (product.h).
#pragma once

#include "../../native/cpu/product.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void linear(const Linear& op, Workers& workers) {
  product<true>({op.x, op.w, op.tailX, op.tailW, op.tailScale, op.bias, op.residual, op.y}, workers);
}

}  // namespace luthier::LUTHIER_ISA
