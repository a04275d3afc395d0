// Launches the kernels of cuda.cuh.
#pragma once

#include "../fastfood/cuda.h"

namespace luthier::cuda {

inline void fastfoodBackward(const FastfoodBackward& op, Launcher& launcher) {
  const FastfoodLaunches launches(op);
  launcher.scratch(launches.scratch());
  launcher.launch({"fastfoodBackwardStart", fastfoodBlocks(launches.size)});
  launches.walsh(launcher, "fastfoodBackwardWalsh", 1);
  launcher.launch({"fastfoodBackwardMix", fastfoodBlocks(launches.size)});
  launcher.launch({"fastfoodBackwardGather", fastfoodBlocks(launches.period)});
  launches.walsh(launcher, "fastfoodBackwardWalsh", 0);
  Launch last{"fastfoodBackward", 1};
  last.count = static_cast<int32_t>(fastfoodBlocks(launches.size));
  launcher.launch(last);
}

}  // namespace luthier::cuda
