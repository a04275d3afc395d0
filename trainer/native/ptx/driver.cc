// An emulated CUDA driver: the functions of libcuda that the trainer uses, on the machine that interprets PTX.
//
// Load this library in place of libcuda.so.1 (LUTHIER_CUDA_DRIVER). It has one device, runs each launch to its end before it
// returns, and takes modules as PTX only. Source of the interface: CUDA Driver API 13.0.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "../cuda/api.h"
#include "../runtime/error.h"
#include "machine.h"

namespace luthier::ptx {
namespace {

struct Function {
  const Module* module;
  const Entry* entry;
};

struct LoadedModule {
  Module module;
  std::map<std::string, Function> functions;
};

struct State {
  Machine machine;
  std::vector<std::unique_ptr<LoadedModule>> modules;
  std::string message;
};

State& state() {
  static State s;
  return s;
}

// Runs `body` and keeps the message of an error.
template <class Body>
cuda::Result guarded(cuda::Result failure, Body body) {
  try {
    return body();
  } catch (const std::exception& error) {
    state().message = error.what();
    return failure;
  }
}

uint8_t* hostBytes(cuda::DeviceAddress address) { return reinterpret_cast<uint8_t*>(address); }

cuda::Result copied(void* to, const void* from, size_t bytes, cuda::DeviceAddress device) {
  if (bytes == 0) return cuda::success;
  if (!state().machine.memory.contains(device, static_cast<int64_t>(bytes))) {
    state().message = "a copy outside of device memory";
    return cuda::invalidValue;
  }
  std::memcpy(to, from, bytes);
  return cuda::success;
}

std::vector<uint8_t> parameterBytes(const Entry& entry, void** parameters) {
  std::vector<uint8_t> bytes(static_cast<size_t>(entry.parameterBytes));
  for (size_t i = 0; i < entry.parameters.size(); ++i) {
    const Variable& parameter = entry.parameters[i];
    std::memcpy(bytes.data() + parameter.offset, parameters[i], static_cast<size_t>(parameter.bytes));
  }
  return bytes;
}

constexpr int32_t computeCapability = 80;
constexpr int32_t sharedBytesPerBlock = 163 * 1024;  // of sm_80

// A number of the environment, or what stands in its place.
size_t numberOf(const char* variable, size_t otherwise) {
  const char* text = std::getenv(variable);
  return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

// LUTHIER_PTX_MEMORY: the device's memory in bytes.
size_t emulatedMemory() { return numberOf("LUTHIER_PTX_MEMORY", size_t{8} << 30); }

// The rest of this memory; other programs hold LUTHIER_PTX_HELD bytes.
size_t freeMemory() {
  const size_t held = numberOf("LUTHIER_PTX_HELD", 0) + static_cast<size_t>(state().machine.memory.bytes());
  return emulatedMemory() - std::min(held, emulatedMemory());
}

template <class Allocate>
cuda::Result allocated(Allocate allocate) {
  try {
    allocate();
    return cuda::success;
  } catch (const std::bad_alloc&) {
    return cuda::outOfMemory;
  }
}

int32_t attribute(int32_t name) {
  switch (name) {
    case cuda::computeCapabilityMajor: return computeCapability / 10;
    case cuda::computeCapabilityMinor: return computeCapability % 10;
    case cuda::multiprocessorCount: return 2;
    case cuda::concurrentManagedAccess: return static_cast<int32_t>(numberOf("LUTHIER_PTX_PAGES", 1));
    case cuda::maxSharedBytesPerBlock: return sharedBytesPerBlock;
    default: return 0;
  }
}

}  // namespace
}  // namespace luthier::ptx

#define EXPORTED extern "C" __attribute__((visibility("default")))

using namespace luthier;
using cuda::DeviceAddress;
using cuda::Result;

EXPORTED Result cuInit(unsigned) {
  ptx::state().machine.seed = static_cast<uint32_t>(ptx::numberOf("LUTHIER_PTX_SEED", 0));
  return cuda::success;
}

EXPORTED Result cuDriverGetVersion(int* version) {
  *version = 13000;
  return cuda::success;
}

EXPORTED Result cuDeviceGetCount(int* count) {
  *count = static_cast<int>(ptx::numberOf("LUTHIER_PTX_GPUS", 1));
  return cuda::success;
}

EXPORTED Result cuDeviceGet(int* device, int ordinal) {
  *device = ordinal;
  return ordinal == 0 ? cuda::success : cuda::invalidDevice;
}

EXPORTED Result cuDeviceGetName(char* name, int length, int) {
  std::strncpy(name, "emulated (PTX interpreter)", static_cast<size_t>(length) - 1);
  name[length - 1] = 0;
  return cuda::success;
}

EXPORTED Result cuDeviceTotalMem_v2(size_t* bytes, int) {
  *bytes = ptx::emulatedMemory();
  return cuda::success;
}

EXPORTED Result cuDeviceGetAttribute(int* value, int name, int) {
  *value = ptx::attribute(name);
  return cuda::success;
}

EXPORTED Result cuDevicePrimaryCtxRetain(void** context, int) {
  *context = &ptx::state();
  return cuda::success;
}

EXPORTED Result cuCtxSetCurrent(void*) { return cuda::success; }
EXPORTED Result cuCtxSynchronize() { return cuda::success; }

EXPORTED Result cuModuleLoadData(void** module, const void* image) {
  return ptx::guarded(cuda::invalidPtx, [&] {
    const char* text = static_cast<const char*>(image);
    if (std::strncmp(text, "//", 2) != 0) return cuda::noBinaryForDevice;  // a fatbin
    auto loaded = std::make_unique<ptx::LoadedModule>(ptx::LoadedModule{ptx::readModule(text), {}});
    for (const auto& [name, entry] : loaded->module.entries) loaded->functions[name] = {&loaded->module, &entry};
    *module = loaded.get();
    ptx::state().modules.push_back(std::move(loaded));
    return cuda::success;
  });
}

EXPORTED Result cuModuleGetFunction(void** function, void* module, const char* name) {
  auto& functions = static_cast<ptx::LoadedModule*>(module)->functions;
  const auto found = functions.find(name);
  if (found == functions.end()) return cuda::notFound;
  *function = &found->second;
  return cuda::success;
}

EXPORTED Result cuFuncSetAttribute(void*, int, int) { return cuda::success; }

EXPORTED Result cuMemAlloc_v2(DeviceAddress* address, size_t bytes) {
  if (bytes > ptx::freeMemory()) return cuda::outOfMemory;
  return ptx::allocated([&] { *address = ptx::state().machine.memory.allocate(static_cast<int64_t>(bytes)); });
}

// Its pages are in the machine's memory.
EXPORTED Result cuMemAllocManaged(DeviceAddress* address, size_t bytes, unsigned flags) {
  if (flags != cuda::attachGlobal || bytes == 0) return cuda::invalidValue;
  return ptx::allocated([&] { *address = ptx::state().machine.memory.allocatePaged(static_cast<int64_t>(bytes)); });
}

EXPORTED Result cuMemFree_v2(DeviceAddress address) {
  return ptx::state().machine.memory.release(address) ? cuda::success : cuda::invalidValue;
}

EXPORTED Result cuMemGetInfo_v2(size_t* free, size_t* total) {
  *total = ptx::emulatedMemory();
  *free = ptx::freeMemory();
  return cuda::success;
}

EXPORTED Result cuMemcpyHtoD_v2(DeviceAddress to, const void* from, size_t bytes) { return ptx::copied(ptx::hostBytes(to), from, bytes, to); }
EXPORTED Result cuMemcpyDtoH_v2(void* to, DeviceAddress from, size_t bytes) { return ptx::copied(to, ptx::hostBytes(from), bytes, from); }

EXPORTED Result cuMemsetD8_v2(DeviceAddress to, unsigned char value, size_t bytes) {
  const std::vector<uint8_t> filled(bytes, value);
  return ptx::copied(ptx::hostBytes(to), filled.data(), bytes, to);
}

EXPORTED Result cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,
                               unsigned sharedBytes, void*, void** parameters, void**) {
  return ptx::guarded(cuda::launchFailed, [&] {
    const auto& [module, entry] = *static_cast<ptx::Function*>(function);
    const ptx::LaunchShape shape{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes};
    ptx::state().machine.launch(*module, *entry, shape, ptx::parameterBytes(*entry, parameters));
    return cuda::success;
  });
}

// An event keeps the moment when it is recorded: every launch before it has ended by then.
using Moment = std::chrono::steady_clock::time_point;

EXPORTED Result cuEventCreate(void** event, unsigned) {
  *event = std::make_unique<Moment>().release();
  return cuda::success;
}

EXPORTED Result cuEventRecord(void* event, void*) {
  *static_cast<Moment*>(event) = std::chrono::steady_clock::now();
  return cuda::success;
}

EXPORTED Result cuEventElapsedTime(float* milliseconds, void* start, void* end) {
  *milliseconds = std::chrono::duration<float, std::milli>(*static_cast<Moment*>(end) - *static_cast<Moment*>(start)).count();
  return cuda::success;
}

EXPORTED Result cuEventDestroy_v2(void* event) {
  const std::unique_ptr<Moment> destroyed(static_cast<Moment*>(event));
  return cuda::success;
}

EXPORTED Result cuGetErrorName(Result error, const char** name) {
  *name = error == cuda::outOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : error == cuda::launchFailed ? "CUDA_ERROR_LAUNCH_FAILED" : error == cuda::invalidPtx ? "CUDA_ERROR_INVALID_PTX" : "CUDA_ERROR";
  return cuda::success;
}

EXPORTED Result cuGetErrorString(Result error, const char** text) {
  *text = error == cuda::outOfMemory ? "" : ptx::state().message.c_str();
  return cuda::success;
}

// Beyond the driver API: what the launches that follow may touch (cuda::Touched).
EXPORTED void luthierPermit(const cuda::Touched* touched, int32_t count) {
  std::vector<ptx::Range> ranges;
  for (int32_t i = 0; i < count; ++i) ranges.push_back({touched[i].address, touched[i].rowBytes, touched[i].strideBytes, touched[i].rows, touched[i].writable != 0});
  ptx::state().machine.memory.permit(std::move(ranges));
}
