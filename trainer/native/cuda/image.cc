#include "image.h"

#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "../runtime/error.h"

namespace luthier::cuda {
namespace {

// The directory of the file that holds this code: the addon, or luthier-exec.
std::string ownDirectory() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&ownDirectory), &info) == 0 || !info.dli_fname) return ".";
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

}  // namespace

std::string kernelImage() {
  const char* chosen = std::getenv("LUTHIER_CUDA_KERNELS");
  const std::string path = chosen && *chosen ? chosen : ownDirectory() + "/cuda/kernels.ptx";
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  if (!file || !(bytes << file.rdbuf())) throw Error("the compiled CUDA kernels could not be read from " + path + ": build them with node tools/node24.mjs trainer/native/cuda/build.ts", Cause::noUsableGpu);
  return bytes.str() + '\0';
}

}  // namespace luthier::cuda
