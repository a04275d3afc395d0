// A tensor as kernels see it: the address and the layout of its bytes. Plain data, no ownership.
//
// Rows are all dimensions but the last, flattened; `stride` elements lie between the starts of two rows, and a row's
// elements are contiguous. NF4 tensors have no strides: `data` are packed nibbles (high nibble first) over the
// flattened matrix, `absmax` one scale per 64 elements (docs/engine.md).
// Kernel translation units include this header, so it stays free of the standard library's templates.
#pragma once

#include <cstdint>

// Marks what code on a GPU calls, too; nvcc defines __CUDACC__.
#ifdef __CUDACC__
#define LUTHIER_EVERYWHERE __host__ __device__
#else
#define LUTHIER_EVERYWHERE
#endif

namespace luthier {

enum class DType : int32_t { f32 = 0, bf16 = 1, i32 = 2, u32 = 3, u8 = 4, f64 = 5 };
enum class Storage : int32_t { dense = 0, nf4 = 1 };
enum class Region : int32_t { weights = 0, state = 1, arena = 2, io = 3 };

inline constexpr int32_t dtypeCount = 6;

constexpr int64_t bytesOf(DType dtype) {
  constexpr int64_t sizes[dtypeCount] = {4, 2, 4, 4, 1, 8};
  return sizes[static_cast<int32_t>(dtype)];
}

struct Tensor {
  DType dtype;
  Storage storage;
  int32_t rank;
  int64_t dims[4];
  int64_t stride;
  uint8_t* data;
  const uint8_t* absmax;        // NF4: F32 scales, or their U8 codes when `nestedAbsmax` is there
  const uint8_t* nestedAbsmax;  // NF4 with double quantisation: F32 scales of blocks of 256, then the offset

  // Always inlined: a copy that is compiled for one instruction set must not be linked into code that runs on another.
  [[gnu::always_inline]] LUTHIER_EVERYWHERE int64_t count() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  [[gnu::always_inline]] LUTHIER_EVERYWHERE int64_t cols() const { return dims[rank - 1]; }
  [[gnu::always_inline]] LUTHIER_EVERYWHERE int64_t rows() const { return count() / cols(); }
  [[gnu::always_inline]] LUTHIER_EVERYWHERE bool contiguous() const { return rank == 1 || stride == cols(); }

  template <class T>
  [[gnu::always_inline]] LUTHIER_EVERYWHERE T* row(int64_t index) const {
    return reinterpret_cast<T*>(data) + index * stride;
  }
};

inline constexpr int64_t nf4Block = 64;
inline constexpr int64_t nf4NestedBlock = 256;

// The blocks of an NF4 tensor, and with double quantisation the blocks of their scales.
[[gnu::always_inline]] LUTHIER_EVERYWHERE inline int64_t nf4Blocks(const Tensor& t) { return (t.count() + nf4Block - 1) / nf4Block; }
[[gnu::always_inline]] LUTHIER_EVERYWHERE inline int64_t nf4NestedBlocks(const Tensor& t) { return (nf4Blocks(t) + nf4NestedBlock - 1) / nf4NestedBlock; }

}  // namespace luthier
