// For code on the device: operands as op structs, elements of either type, sums in fixed order. The only inline PTX is here.
//
// Kernels are compiled without contraction (--fmad=false), so that their arithmetic is what they write: fused multiply-adds are
// explicit. Sums over a block have the same order whatever the schedule. Activations are F32, or BF16 with arithmetic in F32.
#pragma once

#ifndef __CUDACC__
#error "nvcc compiles this header"
#endif

#include <cstdint>

#include "../generated/ops.h"
#include "arguments.h"

namespace luthier::cuda {

inline constexpr uint32_t warpLanes = 32;

// Begins a kernel: `LUTHIER_KERNEL(add, 256) { const auto op = operandsOf<Add>(arguments); … }`.
#define LUTHIER_KERNEL(name, threads) extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ luthier::cuda::Arguments arguments)

// Required operands have fixed addresses in the parameter, which ptxas reads as constants.
template <class Op>
__device__ __forceinline__ Op operandsOf(const Arguments& arguments) {
  const Tensor* operands[maxOperands];
#pragma unroll
  for (int32_t i = 0; i < maxOperands; ++i) {
    const bool absent = (Op::optionalOperands >> i & 1) != 0 && (arguments.present >> i & 1) == 0;
    // A group's operand holds the address of its table in device memory.
    const bool grouped = (Op::groupedOperands >> i & 1) != 0;
    const Tensor* operand = grouped ? reinterpret_cast<const Tensor*>(arguments.operands[i].data) : &arguments.operands[i];
    operands[i] = absent ? nullptr : operand;
  }
  return Op(Call{operands, maxOperands, arguments.attributes});
}

__device__ __forceinline__ float floatOf(uint16_t bf16) { return __uint_as_float(static_cast<uint32_t>(bf16) << 16); }

// Nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ uint16_t bf16Of(float value) {
  uint16_t bits;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
  return bits;
}

__device__ __forceinline__ float load(const float* at) { return *at; }
__device__ __forceinline__ float load(const uint16_t* at) { return floatOf(*at); }
__device__ __forceinline__ void store(float* at, float value) { *at = value; }
__device__ __forceinline__ void store(uint16_t* at, float value) { *at = bf16Of(value); }

// cp.async: begins a copy of 16 bytes to shared memory, of which `read` come from global memory and the rest are zeros; commits
// the thread's copies since the last time as a group; waits for all groups but the last `pending`. Others see the bytes behind
// a barrier after the wait.
__device__ __forceinline__ void beginCopy(void* shared, const void* global, int32_t read) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(shared))),
               "l"(__cvta_generic_to_global(global)), "r"(read)
               : "memory");
}
__device__ __forceinline__ void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int32_t pending>
__device__ __forceinline__ void waitForCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

// body(T{}) with T = float or uint16_t (the bits of a BF16). All threads take the same way.
template <class Body>
__device__ __forceinline__ void withType(DType dtype, Body body) {
  if (dtype == DType::bf16) body(uint16_t{});
  else body(float{});
}

// An element of a dense operand of either type.
__device__ __forceinline__ float elementOf(const Tensor& t, int64_t row, int64_t col) {
  return t.dtype == DType::bf16 ? load(t.row<uint16_t>(row) + col) : load(t.row<float>(row) + col);
}
__device__ __forceinline__ void putElement(const Tensor& t, int64_t row, int64_t col, float value) {
  if (t.dtype == DType::bf16) store(t.row<uint16_t>(row) + col, value);
  else store(t.row<float>(row) + col, value);
}

// body(row, column) for each element of a matrix, by all threads of a one-dimensional grid; neighbours in a row go to
// neighbouring threads.
template <class Body>
__device__ __forceinline__ void forElements(const Tensor& t, Body body) {
  const int64_t columns = t.cols(), count = t.count(), threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += threads) body(i / columns, i % columns);
}

// The sum over a block, for all its threads: over the lanes of each warp by butterflies, then over the warps in order.
// `partial` has a place for each warp; it may be used again after the next barrier of the block.
template <class Real>
__device__ __forceinline__ Real blockSum(Real value, Real* partial) {
#pragma unroll
  for (uint32_t step = warpLanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  const uint32_t warp = threadIdx.x / warpLanes, warps = blockDim.x / warpLanes;
  __syncthreads();  // the last sum has been read
  if (threadIdx.x % warpLanes == 0) partial[warp] = value;
  __syncthreads();
  Real sum = 0;
  for (uint32_t w = 0; w < warps; ++w) sum += partial[w];
  return sum;
}

// The largest value over a block, for all its threads.
__device__ __forceinline__ float blockMaximum(float value, float* partial) {
#pragma unroll
  for (uint32_t step = warpLanes / 2; step > 0; step /= 2) value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, step));
  __syncthreads();
  if (threadIdx.x % warpLanes == 0) partial[threadIdx.x / warpLanes] = value;
  __syncthreads();
  for (uint32_t w = 0; w < blockDim.x / warpLanes; ++w) value = fmaxf(value, partial[w]);
  return value;
}

}  // namespace luthier::cuda
