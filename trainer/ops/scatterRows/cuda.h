// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void scatterRows(const ScatterRows& op, Launcher& launcher) {
  launcher.launch(elementwise("scatterRows", op.dx));
  Launch rows = elementwise("scatterRows", op.dy);
  rows.pass = 1;
  launcher.launch(rows);
}

}  // namespace luthier::cuda
