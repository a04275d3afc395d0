// linearCrossEntropy on a GPU: rows in chunks, so that only a chunk's logits exist. For each chunk the logits, then each row's
// loss and the gradient of its logits in place, then dh and dW. At the end one thread adds the losses in order.
#pragma once

#include "../../native/cuda/product.cuh"

namespace luthier::cuda {

// The chunk's rows of an operand or of the scratch [rows, V].
__device__ __forceinline__ Tensor rowsOf(const Tensor& t, int64_t first, int64_t count) {
  Tensor part = t;
  part.dims[0] = count;
  part.data += first * (t.rank == 1 ? 1 : t.stride) * bytesOf(t.dtype);
  return part;
}

// A launch's rows: `count` from row `pass` on.
struct Chunk {
  Tensor h, logits;

  __device__ __forceinline__ Chunk(const Arguments& arguments, const LinearCrossEntropy& op) {
    const int64_t V = op.w.rows();
    h = rowsOf(op.h, arguments.pass, arguments.count);
    logits = Tensor{DType::f32, Storage::dense, 2, {arguments.count, V, 1, 1}, V, arguments.scratch, nullptr, nullptr};
  }
};

struct LogitsBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<LinearCrossEntropy>(arguments);
    const Chunk chunk(arguments, op);
    tile.add({chunk.h, false, nullptr}, {op.w, false, nullptr}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t r, int64_t v, float sum) {
      if (r < chunk.logits.rows() && v < chunk.logits.cols()) chunk.logits.row<float>(r)[v] = op.softcap > 0.0f ? op.softcap * tanhf(sum / op.softcap) : sum;
    });
  }
};

LUTHIER_PRODUCT_KERNELS(crossEntropyLogits, LogitsBlock)

// Logits → gradients of the logits, a block a row.
LUTHIER_KERNEL(crossEntropyRow, 128) {
  const auto op = operandsOf<LinearCrossEntropy>(arguments);
  __shared__ float partial[128 / warpLanes];
  const Chunk chunk(arguments, op);
  const int64_t r = arguments.pass + static_cast<int64_t>(blockIdx.x), V = op.w.rows(), target = op.target.row<int32_t>(0)[r];
  const float weight = op.lossWeight.row<float>(0)[r];
  float* logits = chunk.logits.row<float>(blockIdx.x);
  if (weight == 0.0f) {
    for (int64_t v = threadIdx.x; v < V; v += blockDim.x) logits[v] = 0.0f;
    if (threadIdx.x == 0) op.nll.row<float>(0)[r] = 0.0f;
    return;
  }
  float highest = -INFINITY, total = 0, all = 0;
  for (int64_t v = threadIdx.x; v < V; v += blockDim.x) highest = fmaxf(highest, logits[v]);
  highest = blockMaximum(highest, partial);
  for (int64_t v = threadIdx.x; v < V; v += blockDim.x) {
    total += expf(logits[v] - highest);
    all += logits[v];
  }
  const float each = op.smoothing / static_cast<float>(V), lse = highest + logf(blockSum(total, partial));
  if (op.smoothing > 0.0f) all = blockSum(all, partial);
  if (threadIdx.x == 0) op.nll.row<float>(0)[r] = lse - (1.0f - op.smoothing) * logits[target] - (op.smoothing > 0.0f ? each * all : 0.0f);
  __syncthreads();  // the target's logit has been read
  for (int64_t v = threadIdx.x; v < V; v += blockDim.x) {
    const float tangent = op.softcap > 0.0f ? logits[v] / op.softcap : 0.0f;
    const float wanted = each + (v == target ? 1.0f - op.smoothing : 0.0f);
    logits[v] = weight * (expf(logits[v] - lse) - wanted) * (1.0f - tangent * tangent);
  }
}

struct HiddenGradientBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<LinearCrossEntropy>(arguments);
    const Chunk chunk(arguments, op);
    tile.add({chunk.logits, false, nullptr}, {op.w, true, nullptr}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t r, int64_t c, float sum) {
      if (r < chunk.logits.rows() && c < op.dh->cols()) putElement(*op.dh, arguments.pass + r, c, sum);
    });
  }
};

LUTHIER_PRODUCT_KERNELS(crossEntropyHidden, HiddenGradientBlock)

struct HeadGradientBlock {
  template <class Tile>
  __device__ __forceinline__ static void run(const Arguments& arguments, Tile& tile, int64_t firstRow, int64_t firstColumn) {
    const auto op = operandsOf<LinearCrossEntropy>(arguments);
    const Chunk chunk(arguments, op);
    tile.add({chunk.logits, true, nullptr}, {chunk.h, true, nullptr}, firstRow, firstColumn);
    tile.forResults(firstRow, firstColumn, [&](int64_t v, int64_t c, float sum) {
      if (v < op.dW->rows() && c < op.dW->cols()) op.dW->row<float>(v)[c] += sum;
    });
  }
};

LUTHIER_PRODUCT_KERNELS(crossEntropyHead, HeadGradientBlock)

LUTHIER_KERNEL(crossEntropyLoss, 32) {
  const auto op = operandsOf<LinearCrossEntropy>(arguments);
  if (threadIdx.x != 0) return;
  double loss = *op.loss.row<double>(0);
  for (int64_t r = 0; r < op.h.rows(); ++r) {
    const float weight = op.lossWeight.row<float>(0)[r];
    if (weight != 0.0f) loss += static_cast<double>(weight * op.nll.row<float>(0)[r]);
  }
  *op.loss.row<double>(0) = loss;
}

}  // namespace luthier::cuda
