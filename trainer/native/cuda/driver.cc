#include "driver.h"

#include <dlfcn.h>

#include <cstdlib>

#include "../runtime/error.h"

namespace luthier::cuda {
namespace {

void* symbol(void* library, const std::string& path, const char* name) {
  void* found = dlsym(library, name);
  if (!found) throw Error(path + " has no function " + name + ": install a newer NVIDIA driver");
  return found;
}

Driver load() {
  const char* chosen = std::getenv("LUTHIER_CUDA_DRIVER");
  const std::string path = chosen && *chosen ? chosen : "libcuda.so.1";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    throw Error("the NVIDIA driver could not be loaded (" + std::string(dlerror()) +
                "): the backend cuda needs a GPU and its driver; in a container, the NVIDIA container toolkit provides the driver", Cause::noUsableGpu);
  }
  Driver d{};
#define LUTHIER_LOAD(name, parameters) d.name = reinterpret_cast<Result(*) parameters>(symbol(library, path, #name));
  LUTHIER_DRIVER_FUNCTIONS(LUTHIER_LOAD)
#undef LUTHIER_LOAD
  d.luthierPermit = reinterpret_cast<void (*)(const Touched*, int32_t)>(dlsym(library, "luthierPermit"));
  return d;
}

}  // namespace

const Driver& driver() {
  static const Driver loaded = load();
  return loaded;
}

void* openGpu() {
  const Driver& d = driver();
  d.check(d.cuInit(0), "the NVIDIA driver could not be started");
  int count = 0, device = 0;
  d.check(d.cuDeviceGetCount(&count), "the GPUs could not be counted");
  if (count == 0) throw Error("the NVIDIA driver has no GPU", Cause::noUsableGpu);
  void* context = nullptr;
  d.check(d.cuDeviceGet(&device, 0), "GPU 0 could not be opened");
  d.check(d.cuDevicePrimaryCtxRetain(&context, device), "GPU 0 could not be opened");
  d.check(d.cuCtxSetCurrent(context), "GPU 0 could not be used");
  return context;
}

void Driver::check(Result result, const std::string& what) const {
  if (result == success) return;
  const char *name = nullptr, *text = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &text);
  const Cause cause = result == outOfMemory ? Cause::outOfDeviceMemory : result == noDevice ? Cause::noUsableGpu : Cause::other;
  throw Error(what + ": " + (name ? name : "CUDA error " + std::to_string(result)) + (text && *text ? std::string(", ") + text : ""), cause);
}

}  // namespace luthier::cuda
