// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void columnProductsBackward(const ColumnProductsBackward& op, Launcher& launcher) {
  launcher.launch(elementwise("columnProductsBackward", op.da));
  Launch second = elementwise("columnProductsBackward", op.db);
  second.pass = 1;
  launcher.launch(second);
}

}  // namespace luthier::cuda
