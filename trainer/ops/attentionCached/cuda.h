// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attentionCached(const AttentionCached& op, Launcher& launcher) {
  Launch rows{"attentionCached", op.q.rows(), op.heads};
  rows.threads = 128;
  launcher.launch(rows);
}

}  // namespace luthier::cuda
