// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void clip(const Clip&, Launcher& launcher) {
  Launch one{"clip", 1};
  one.threads = 32;
  launcher.launch(one);
}

}  // namespace luthier::cuda
