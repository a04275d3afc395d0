// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void lstm(const Lstm&, Launcher& launcher) {
  launcher.launch({"lstm", 1});
}

}  // namespace luthier::cuda
