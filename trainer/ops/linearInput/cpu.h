// linearInput on the CPU: panels of W's columns (product.h).
#pragma once

#include "../../native/cpu/product.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void linearInput(const LinearInput& op, Workers& workers) {
  product<false>({op.dy, op.w, op.tailX, op.tailW, op.tailScale, nullptr, op.add, op.dx}, workers);
}

}  // namespace luthier::LUTHIER_ISA
