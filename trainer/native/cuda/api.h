// The types and numbers of the CUDA driver API that the trainer uses, as libcuda's binary interface has them (CUDA 13.0).
#pragma once

#include <cstddef>
#include <cstdint>

namespace luthier::cuda {

using Result = int32_t;               // CUresult
using DeviceAddress = uint64_t;       // CUdeviceptr

inline constexpr Result success = 0, invalidValue = 1, outOfMemory = 2, noDevice = 100, invalidDevice = 101, noBinaryForDevice = 209,
                        invalidPtx = 218, notFound = 500, launchFailed = 719;

// CUdevice_attribute
inline constexpr int32_t multiprocessorCount = 16, computeCapabilityMajor = 75, computeCapabilityMinor = 76, concurrentManagedAccess = 89, maxSharedBytesPerBlock = 97;
// CUmemAttach_flags
inline constexpr unsigned attachGlobal = 1;
// CUfunction_attribute
inline constexpr int32_t maxDynamicSharedBytes = 8;

// For the emulated driver's `luthierPermit`: rows of an operand.
struct Touched {
  DeviceAddress address;
  int64_t rowBytes, strideBytes, rows;
  int32_t writable;
};

// X(name, parameters) for every function of libcuda that the trainer calls, by its name in the library.
#define LUTHIER_DRIVER_FUNCTIONS(X)                                                                             \
  X(cuInit, (unsigned))                                                                                         \
  X(cuDriverGetVersion, (int*))                                                                                 \
  X(cuDeviceGetCount, (int*))                                                                                   \
  X(cuDeviceGet, (int*, int))                                                                                   \
  X(cuDeviceGetName, (char*, int, int))                                                                         \
  X(cuDeviceTotalMem_v2, (size_t*, int))                                                                        \
  X(cuDeviceGetAttribute, (int*, int, int))                                                                     \
  X(cuDevicePrimaryCtxRetain, (void**, int))                                                                    \
  X(cuCtxSetCurrent, (void*))                                                                                   \
  X(cuCtxSynchronize, ())                                                                                       \
  X(cuModuleLoadData, (void**, const void*))                                                                    \
  X(cuModuleGetFunction, (void**, void*, const char*))                                                          \
  X(cuFuncSetAttribute, (void*, int, int))                                                                      \
  X(cuMemAlloc_v2, (DeviceAddress*, size_t))                                                                    \
  X(cuMemAllocManaged, (DeviceAddress*, size_t, unsigned))                                                      \
  X(cuMemFree_v2, (DeviceAddress))                                                                              \
  X(cuMemGetInfo_v2, (size_t*, size_t*))                                                                        \
  X(cuMemcpyHtoD_v2, (DeviceAddress, const void*, size_t))                                                      \
  X(cuMemcpyDtoH_v2, (void*, DeviceAddress, size_t))                                                            \
  X(cuMemsetD8_v2, (DeviceAddress, unsigned char, size_t))                                                      \
  X(cuLaunchKernel, (void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**)) \
  X(cuEventCreate, (void**, unsigned))                                                                          \
  X(cuEventRecord, (void*, void*))                                                                              \
  X(cuEventElapsedTime, (float*, void*, void*))                                                                 \
  X(cuEventDestroy_v2, (void*))                                                                                 \
  X(cuGetErrorName, (Result, const char**))                                                                     \
  X(cuGetErrorString, (Result, const char**))

}  // namespace luthier::cuda
