// All CUDA kernels in one translation unit: `nvcc -ptx` compiles it once for each architecture.
#include "cudaKernels.cuh"
