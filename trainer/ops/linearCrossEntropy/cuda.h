// Launches the kernels of cuda.cuh.
#pragma once

#include "../../native/cuda/launch.h"
#include "../../native/generated/ops.h"

namespace luthier::cuda {

inline void linearCrossEntropy(const LinearCrossEntropy& op, Launcher& launcher) {
  constexpr int64_t chunkRows = 256;
  const int64_t rows = op.h.rows(), vocabulary = op.w.rows(), d = op.h.cols();
  launcher.scratch((rows < chunkRows ? rows : chunkRows) * vocabulary * static_cast<int64_t>(sizeof(float)));
  for (int64_t first = 0; first < rows; first += chunkRows) {
    const int64_t count = rows - first < chunkRows ? rows - first : chunkRows;
    const auto start = [&](Launch launch) {
      launch.pass = static_cast<int32_t>(first);
      launch.count = static_cast<int32_t>(count);
      launcher.launch(launch);
    };
    start(product({"crossEntropyLogitsF32", "crossEntropyLogitsBf16"}, op.h.dtype, count, vocabulary));
    start({"crossEntropyRow", count, 1, 1, 128});
    if (op.dh) start(product({"crossEntropyHiddenF32", "crossEntropyHiddenBf16"}, op.h.dtype, count, d));
    if (op.dW) start(product({"crossEntropyHeadF32", "crossEntropyHeadBf16"}, op.h.dtype, vocabulary, d));
  }
  launcher.launch({"crossEntropyLoss", 1, 1, 1, 32});
}

}  // namespace luthier::cuda
