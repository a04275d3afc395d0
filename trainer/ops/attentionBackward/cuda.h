// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void attentionBackward(const AttentionBackward& op, Launcher& launcher) {
  const int64_t rows = op.q.rows();
  launcher.scratch(rows * op.heads * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"attentionDelta", ceilDivide(rows * op.heads, 256)});
  Launch queries{"attentionQueries", rows, op.heads}, keys{"attentionKeys", rows, op.kvHeads};
  queries.threads = keys.threads = 128;
  launcher.launch(queries);
  launcher.launch(keys);
}

}  // namespace luthier::cuda
