// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void prefixAttentionBackward(const PrefixAttentionBackward& op, Launcher& launcher) {
  const int64_t rows = op.q.rows();
  launcher.scratch(rows * op.heads * static_cast<int64_t>(sizeof(float)));
  launcher.launch({"prefixAttentionDeltas", ceilDivide(rows * op.heads, 256)});
  launcher.launch({"prefixAttentionQueries", rows, op.heads, 1, attentionThreads});
  launcher.launch({"prefixAttentionKeys", op.prefixK.rows() + rows, op.kvHeads, 1, attentionThreads});
}

}  // namespace luthier::cuda
