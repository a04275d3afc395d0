// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"
#include "../../native/runtime/fastfood.h"

namespace luthier::cuda {

// Blocks for `count` elements.
constexpr int64_t fastfoodBlocks(int64_t count) { return ceilDivide(count, 256) < 4096 ? ceilDivide(count, 256) : 4096; }

struct FastfoodLaunches {
  int64_t size, period;

  template <class Op>
  explicit FastfoodLaunches(const Op& op)
      : size(powerOfTwo(static_cast<int64_t>(op.out) * op.in > op.x.count() ? static_cast<int64_t>(op.out) * op.in : op.x.count())),
        period(powerOfTwo(op.x.count())) {}

  // Bytes of the two vectors and the blocks' sums, which begin at a multiple of 8.
  int64_t scratch() const {
    const int64_t blocks = fastfoodBlocks(size), floats = (size + period + 1) / 2 * 2;
    return floats * static_cast<int64_t>(sizeof(float)) + blocks * static_cast<int64_t>(sizeof(double));
  }

  void walsh(Launcher& launcher, const char* kernel, int32_t pass) const {
    const int64_t count = pass == 0 ? period : size;
    for (int32_t level = 0; (int64_t{1} << level) < count; ++level) {
      Launch launch{kernel, fastfoodBlocks(count)};
      launch.pass = pass;
      launch.count = level;
      launcher.launch(launch);
    }
  }
};

inline void fastfood(const Fastfood& op, Launcher& launcher) {
  const FastfoodLaunches launches(op);
  launcher.scratch(launches.scratch());
  launcher.launch({"fastfoodStart", fastfoodBlocks(launches.period)});
  launches.walsh(launcher, "fastfoodWalsh", 0);
  launcher.launch({"fastfoodMix", fastfoodBlocks(launches.size)});
  launches.walsh(launcher, "fastfoodWalsh", 1);
  Launch last = elementwise("fastfood", op.y);
  last.count = static_cast<int32_t>(fastfoodBlocks(launches.size));
  launcher.launch(last);
}

}  // namespace luthier::cuda
