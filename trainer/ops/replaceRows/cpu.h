// replaceRows on the CPU: tasks of whole rows; then each new row takes its place.
#pragma once

#include "../../native/cpu/math.h"
#include "../../native/cpu/tasks.h"
#include "../../native/generated/ops.h"

namespace luthier::LUTHIER_ISA {

inline void copyRow(const Tensor& from, int64_t row, const Tensor& to, int64_t toRow) {
  forLanes(to.cols(), [&](int64_t c, auto n) { storeAny(to, toRow, c, loadAny(from, row, c, n), n); });
}

inline void replaceRows(const ReplaceRows& op, Workers& workers) {
  forRows(workers, op.y, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) copyRow(op.x, r, op.y, r);
  });
  forRows(workers, op.rows, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) copyRow(op.rows, r, op.y, indexAt(op.index, r));
  });
}

}  // namespace luthier::LUTHIER_ISA
