// How an op's host code starts its kernels.
#pragma once

#include <cstdint>

#include "../runtime/tensor.h"

namespace luthier::cuda {

struct Launch {
  const char* kernel;
  int64_t blocks;         // along x
  int64_t blocksY = 1, blocksZ = 1;
  int32_t threads = 256;
  int32_t sharedBytes = 0;  // dynamic
  int32_t pass = 0;         // Arguments::pass
  int32_t count = 0;        // Arguments::count
};

class Launcher {
 public:
  // Queues a kernel with the operands of the present instruction.
  virtual void launch(const Launch& launch) = 0;
  // Makes at least `bytes` of scratch available to this instruction's launches. Call it before them.
  virtual void scratch(int64_t bytes) = 0;

 protected:
  ~Launcher() = default;
};

// The kernels of product.cuh and attention.cuh are written for these shapes.
inline constexpr int32_t tileRows = 64, tileColumns = 64;
inline constexpr int32_t fmaThreads = 256, mmaThreads = 128;
inline constexpr int32_t attentionThreads = 128;

constexpr int64_t ceilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

// For kernels that go over elements: enough blocks to fill any GPU, each thread with a few elements.
inline Launch elementwise(const char* kernel, const Tensor& t) {
  constexpr int64_t threads = 256, most = 4096;
  const int64_t blocks = ceilDivide(t.count(), threads);
  return {kernel, blocks < most ? blocks : most};
}

// For the kernels of LUTHIER_PRODUCT_KERNELS: a block a tile of 64 × 64 results. `names`: in F32 and in BF16.
struct ProductNames {
  const char *f32, *bf16;
};

inline Launch product(const ProductNames& names, DType activation, int64_t rows, int64_t columns) {
  const bool bf16 = activation == DType::bf16;
  return {bf16 ? names.bf16 : names.f32, ceilDivide(columns, tileColumns), ceilDivide(rows, tileRows), 1, bf16 ? mmaThreads : fmaThreads};
}

// The same for rows that are sorted by expert, which begin a tile of their own each (`expertTile`): the last tile of an expert
// may have few rows.
inline Launch expertProduct(const ProductNames& names, const Tensor& result, int64_t experts) {
  Launch launch = product(names, result.dtype, result.rows(), result.cols());
  launch.blocksY += experts;
  return launch;
}

}  // namespace luthier::cuda
