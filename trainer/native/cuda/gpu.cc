#include "gpu.h"

#include "../runtime/error.h"
#include "deviceBuffer.h"
#include "image.h"

namespace luthier::cuda {

Gpu& Gpu::opened() {
  static Gpu gpu;
  return gpu;
}

Gpu::Gpu() : driver_(driver()), context_(openGpu()) {
  readFacts(0);
  const std::string image = kernelImage();
  if (const Result loaded = driver_.cuModuleLoadData(&module_, image.data()); loaded != success) {
    const char* reason = nullptr;
    driver_.cuGetErrorName(loaded, &reason);
    throw Error("the CUDA kernels could not be loaded (" + std::string(reason ? reason : "CUDA error") + "): " + facts_.name + " has compute capability " +
                    facts_.computeCapability + " and a driver of CUDA " + facts_.driverVersion + "; the kernels need 8.0 and CUDA 13.0 or newer",
                Cause::noUsableGpu);
  }
  const GpuMemory now = memory();
  heldAtStart_ = now.total - now.free;
  openSeconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Gpu::readFacts(int device) {
  char name[256] = {};
  driver_.check(driver_.cuDeviceGetName(name, sizeof name - 1, device), "the GPU's name could not be read");
  facts_.name = name;
  int major = 0, minor = 0, version = 0;
  driver_.check(driver_.cuDeviceGetAttribute(&major, computeCapabilityMajor, device), "the GPU's architecture could not be read");
  driver_.check(driver_.cuDeviceGetAttribute(&minor, computeCapabilityMinor, device), "the GPU's architecture could not be read");
  driver_.check(driver_.cuDriverGetVersion(&version), "the driver's version could not be read");
  facts_.computeCapability = std::to_string(major) + "." + std::to_string(minor);
  facts_.driverVersion = std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

void Gpu::use() const { driver_.check(driver_.cuCtxSetCurrent(context_), "the GPU could not be used"); }

void* Gpu::function(const char* kernel) {
  void*& function = functions_[kernel];
  if (!function) driver_.check(driver_.cuModuleGetFunction(&function, module_, kernel), std::string("the kernel ") + kernel + " is missing");
  return function;
}

GpuMemory Gpu::memory() const {
  use();
  size_t free = 0, total = 0;
  driver_.check(driver_.cuMemGetInfo_v2(&free, &total), "the GPU's memory could not be read");
  return {static_cast<int64_t>(total), static_cast<int64_t>(free), heldAtStart_ + BufferBytes::ofProcess().peak()};
}

bool Gpu::pages() const {
  int pages = 0;
  driver_.check(driver_.cuDeviceGetAttribute(&pages, concurrentManagedAccess, 0), "the GPU's memory could not be examined");
  return pages != 0;
}

}  // namespace luthier::cuda
