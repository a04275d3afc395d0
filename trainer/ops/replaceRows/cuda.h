// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void replaceRows(const ReplaceRows& op, Launcher& launcher) {
  launcher.launch(elementwise("replaceRows", op.y));
  Launch rows = elementwise("replaceRows", op.rows);
  rows.pass = 1;
  launcher.launch(rows);
}

}  // namespace luthier::cuda
