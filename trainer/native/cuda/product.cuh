// Products of matrices, a tile of 64 × 64 results a block: D[m, n] = Σₖ A[m, k]·B[n, k].
//
// A factor is a dense matrix or an NF4 weight, as it lies or transposed; what lies outside of it counts as zero, so that every
// shape fits. Two engines have the same interface: fused multiply-adds in F32, and mma.sync with factors rounded to BF16 and
// sums in F32. The sum runs over k in order, whatever the number of rows.
#pragma once

#include "launch.h"
#include "nf4.cuh"

namespace luthier::cuda {

// Element (i, k) is t[i][k], or t[k][i] if transposed; of t only the rows from `begin` to `end`, −1: to the last.
struct Factor {
  const Tensor& t;
  bool transposed;
  const float* dynamicMap;  // for NF4 with double quantisation
  int64_t begin = 0, end = -1;

  // Whether its rows are BF16 that lie as a tile has them, 16 bytes at a time.
  __device__ __forceinline__ bool isCopied() const {
    const bool isAligned = reinterpret_cast<uint64_t>(t.data) % 16 == 0 && t.stride % 8 == 0;
    return !transposed && t.storage == Storage::dense && t.dtype == DType::bf16 && isAligned;
  }

  __device__ __forceinline__ int64_t taken() const { return (end < 0 ? t.rows() : end) - begin; }
  __device__ __forceinline__ int64_t rows() const { return transposed ? t.cols() : taken(); }
  __device__ __forceinline__ int64_t depth() const { return transposed ? taken() : t.cols(); }
  __device__ __forceinline__ float operator()(int64_t i, int64_t k) const {
    if (i >= rows() || k >= depth()) return 0.0f;
    const int64_t row = begin + (transposed ? k : i), col = transposed ? i : k;
    return t.storage == Storage::nf4 ? nf4ValueOf(t, row * t.cols() + col, dynamicMap) : elementOf(t, row, col);
  }
};

// Fills put(i, k, value) for a tile of 64 rows from (first, k0); neighbouring threads read neighbouring bytes.
template <int32_t depth, class Put>
__device__ __forceinline__ void fillTile(const Factor& f, int64_t first, int64_t k0, int32_t threads, Put put) {
  for (int32_t e = static_cast<int32_t>(threadIdx.x); e < 64 * depth; e += threads) {
    const int32_t i = f.transposed ? e % 64 : e / depth, k = f.transposed ? e / 64 : e % depth;
    put(i, k, f(first + i, k0 + k));
  }
}

// 256 threads, each with 4 × 4 results that lie 16 rows and 16 columns apart.
class FmaTile {
 public:
  static constexpr int32_t threads = fmaThreads, depth = 16;
  struct Shared {
    float a[depth][tileRows + 1], b[depth][tileColumns + 1];
  };

  __device__ __forceinline__ explicit FmaTile(Shared& shared) : shared_(shared) {}

  // Adds Σₖ A·B.
  __device__ __forceinline__ void add(const Factor& a, const Factor& b, int64_t firstRow, int64_t firstColumn) {
    for (int64_t k0 = 0; k0 < a.depth(); k0 += depth) {
      __syncthreads();
      fillTile<depth>(a, firstRow, k0, threads, [&](int32_t i, int32_t k, float value) { shared_.a[k][i] = value; });
      fillTile<depth>(b, firstColumn, k0, threads, [&](int32_t i, int32_t k, float value) { shared_.b[k][i] = value; });
      __syncthreads();
#pragma unroll
      for (int32_t k = 0; k < depth; ++k) {
        float x[4], y[4];
#pragma unroll
        for (int32_t i = 0; i < 4; ++i) x[i] = shared_.a[k][row(i)], y[i] = shared_.b[k][column(i)];
#pragma unroll
        for (int32_t i = 0; i < 4; ++i) {
#pragma unroll
          for (int32_t j = 0; j < 4; ++j) sums_[i][j] = fmaf(x[i], y[j], sums_[i][j]);
        }
      }
    }
  }

  __device__ __forceinline__ void scale(float factor) {
#pragma unroll
    for (int32_t i = 0; i < 16; ++i) sums_[i / 4][i % 4] *= factor;
  }

  // body(row, column, value) for the thread's results.
  template <class Body>
  __device__ __forceinline__ void forResults(int64_t firstRow, int64_t firstColumn, Body body) const {
#pragma unroll
    for (int32_t i = 0; i < 16; ++i) body(firstRow + row(i / 4), firstColumn + column(i % 4), sums_[i / 4][i % 4]);
  }

 private:
  __device__ __forceinline__ static int32_t row(int32_t i) { return static_cast<int32_t>(threadIdx.x) / 16 + 16 * i; }
  __device__ __forceinline__ static int32_t column(int32_t j) { return static_cast<int32_t>(threadIdx.x) % 16 + 16 * j; }

  Shared& shared_;
  float sums_[4][4] = {};
};

// mma.m16n8k16: D += A·B of a warp's tile; the fragments are laid out as the PTX ISA says (9.7.14).
__device__ __forceinline__ void multiplyBf16(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// 128 threads: four warps of 32 × 32 results, each 2 × 4 tiles of mma. While they multiply one part of the depth, copies bring the
// next one: factors in BF16 by cp.async, others (F32, NF4, transposed) through registers.
class MmaTile {
 public:
  static constexpr int32_t threads = mmaThreads, depth = 32;
  static constexpr int32_t pitch = depth + 8;  // a row begins four banks behind the one above it: fragments have no conflicts
  static constexpr int32_t chunk = 8;           // elements of a copy
  using Part = uint16_t[64][pitch];
  struct Shared {
    alignas(16) Part a[2], b[2];
  };

  __device__ __forceinline__ explicit MmaTile(Shared& shared) : shared_(shared) {}

  __device__ __forceinline__ void add(const Factor& a, const Factor& b, int64_t firstRow, int64_t firstColumn) {
    const auto fetch = [&](int64_t k0, int32_t part) {
      bring(a, firstRow, k0, shared_.a[part]);
      bring(b, firstColumn, k0, shared_.b[part]);
      commitCopies();
    };
    if (a.depth() == 0) return;
    __syncthreads();  // an earlier product has been computed
    fetch(0, 0);
    for (int64_t k0 = 0; k0 < a.depth(); k0 += depth) {
      const auto part = static_cast<int32_t>(k0 / depth % 2);
      if (k0 + depth < a.depth()) {
        fetch(k0 + depth, 1 - part);
        waitForCopies<1>();
      } else {
        waitForCopies<0>();
      }
      __syncthreads();
      multiply(shared_.a[part], shared_.b[part]);
      __syncthreads();  // the next copies may write this part
    }
  }

  __device__ __forceinline__ void scale(float factor) {
#pragma unroll
    for (int32_t i = 0; i < 32; ++i) sums_[i / 16][i / 4 % 4][i % 4] *= factor;
  }

  template <class Body>
  __device__ __forceinline__ void forResults(int64_t firstRow, int64_t firstColumn, Body body) const {
#pragma unroll
    for (int32_t i = 0; i < 32; ++i) {
      const int32_t m = i / 16, n = i / 4 % 4, part = i % 4;
      body(firstRow + warpRow() + 16 * m + group() + 8 * (part / 2), firstColumn + warpColumn() + 8 * n + pair() + part % 2, sums_[m][n][part]);
    }
  }

 private:
  // A part of a factor's depth: rows from `first`, columns from `k0`.
  __device__ __forceinline__ static void bring(const Factor& f, int64_t first, int64_t k0, Part& to) {
    if (!f.isCopied()) {
      fillTile<depth>(f, first, k0, threads, [&](int32_t i, int32_t k, float value) { to[i][k] = bf16Of(value); });
      return;
    }
    for (int32_t e = static_cast<int32_t>(threadIdx.x); e < 64 * depth / chunk; e += threads) {
      const int32_t i = e / (depth / chunk), k = e % (depth / chunk) * chunk;
      const int64_t left = f.depth() - (k0 + k);
      const bool isInside = first + i < f.rows() && left > 0;
      const uint16_t* from = f.t.row<uint16_t>(f.begin + (isInside ? first + i : 0)) + (isInside ? k0 + k : 0);
      beginCopy(&to[i][k], from, isInside ? 2 * static_cast<int32_t>(left < chunk ? left : chunk) : 0);
    }
  }

  __device__ __forceinline__ void multiply(const Part& a, const Part& b) {
#pragma unroll
    for (int32_t k = 0; k < depth; k += 16) {
      uint32_t x[2][4], y[4][2];
#pragma unroll
      for (int32_t m = 0; m < 2; ++m) {
#pragma unroll
        for (int32_t part = 0; part < 4; ++part) x[m][part] = pairAt(a[warpRow() + 16 * m + group() + 8 * (part % 2)], k + 8 * (part / 2));
      }
#pragma unroll
      for (int32_t n = 0; n < 4; ++n) {
#pragma unroll
        for (int32_t part = 0; part < 2; ++part) y[n][part] = pairAt(b[warpColumn() + 8 * n + group()], k + 8 * part);
      }
#pragma unroll
      for (int32_t m = 0; m < 2; ++m) {
#pragma unroll
        for (int32_t n = 0; n < 4; ++n) multiplyBf16(sums_[m][n], x[m], y[n]);
      }
    }
  }

  __device__ __forceinline__ static int32_t lane() { return static_cast<int32_t>(threadIdx.x % warpLanes); }
  __device__ __forceinline__ static int32_t group() { return lane() / 4; }
  __device__ __forceinline__ static int32_t pair() { return 2 * (lane() % 4); }
  __device__ __forceinline__ static int32_t warpRow() { return static_cast<int32_t>(threadIdx.x / warpLanes) / 2 * 32; }
  __device__ __forceinline__ static int32_t warpColumn() { return static_cast<int32_t>(threadIdx.x / warpLanes) % 2 * 32; }
  __device__ __forceinline__ static uint32_t pairAt(const uint16_t* row, int32_t k) { return *reinterpret_cast<const uint32_t*>(row + k + pair()); }

  Shared& shared_;
  float sums_[2][4][4] = {};
};

// The kernel of each engine: `LUTHIER_PRODUCT_KERNELS(linear, LinearBlock)` defines linearF32 and linearBf16, which call
// LinearBlock<Tile>::run(arguments, tile, firstRow, firstColumn) for the block's tile.
#define LUTHIER_PRODUCT_KERNELS(name, Block)                                                                             \
  LUTHIER_KERNEL(name##F32, luthier::cuda::FmaTile::threads) { runTile<luthier::cuda::FmaTile, Block>(arguments); }      \
  LUTHIER_KERNEL(name##Bf16, luthier::cuda::MmaTile::threads) { runTile<luthier::cuda::MmaTile, Block>(arguments); }

// Rows of one expert, at most a tile; expert −1: none.
struct ExpertTile {
  int64_t expert, begin, end;
};

// Each expert's rows begin a tile of their own: the tile of this number. `expertProduct` launches as many as there can be.
__device__ __forceinline__ ExpertTile expertTile(const Tensor& starts, int64_t experts, int64_t tile) {
  const int32_t* start = starts.row<int32_t>(0);
  for (int64_t e = 0; e < experts; ++e) {
    const int64_t begin = start[e] + tile * tileRows, end = start[e + 1];
    if (begin < end) return {e, begin, begin + tileRows < end ? begin + tileRows : end};
    tile -= ceilDivide(end - start[e], tileRows);
  }
  return {-1, 0, 0};
}

template <class Tile, class Block>
__device__ __forceinline__ void runTile(const Arguments& arguments) {
  __shared__ typename Tile::Shared shared;
  Tile tile(shared);
  Block::run(arguments, tile, static_cast<int64_t>(blockIdx.y) * tileRows, static_cast<int64_t>(blockIdx.x) * tileColumns);
}

}  // namespace luthier::cuda
