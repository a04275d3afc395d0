// The compiled kernels: a file beside the native build, or LUTHIER_CUDA_KERNELS.
#pragma once

#include <string>

namespace luthier::cuda {

// The bytes, ending with a zero. Throws an Error that names the file.
std::string kernelImage();

}  // namespace luthier::cuda
