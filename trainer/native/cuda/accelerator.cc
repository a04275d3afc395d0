#include "accelerator.h"

#include <cstring>

#include "../generated/opTable.h"
#include "../runtime/error.h"
#include "../runtime/nf4.h"
#include "arguments.h"
#include "image.h"

namespace luthier::cuda {
namespace {

const OpInfo& infoOf(Opcode opcode) { return opTable[static_cast<int32_t>(opcode) - 1]; }

struct Nf4Bytes {
  int64_t packed, absmax, nested;
};

Nf4Bytes nf4Bytes(const Tensor& t) {
  const int64_t blocks = ceilDivide(t.count(), nf4Block);
  return {ceilDivide(t.count(), 2), t.nestedAbsmax ? blocks : 4 * blocks, 4 * (ceilDivide(blocks, nf4NestedBlock) + 1)};
}

// GPU 0 and its kernels, opened once for the process.
class Gpu {
 public:
  static Gpu& opened() {
    static Gpu gpu;
    return gpu;
  }

  // A program may run on any of the process's threads.
  void use() const { driver_.check(driver_.cuCtxSetCurrent(context_), "the GPU could not be used"); }

  void* function(const char* kernel) {
    void*& function = functions_[kernel];
    if (!function) driver_.check(driver_.cuModuleGetFunction(&function, module_, kernel), std::string("the kernel ") + kernel + " is missing");
    return function;
  }

 private:
  Gpu() : driver_(driver()) {
    driver_.check(driver_.cuInit(0), "the NVIDIA driver could not be started");
    int count = 0, device = 0;
    driver_.check(driver_.cuDeviceGetCount(&count), "the GPUs could not be counted");
    if (count == 0) throw Error("the NVIDIA driver has no GPU: request one for the pod (nvidia.com/gpu), or use the backend cpu");
    driver_.check(driver_.cuDeviceGet(&device, 0), "GPU 0 could not be opened");
    driver_.check(driver_.cuDevicePrimaryCtxRetain(&context_, device), "GPU 0 could not be opened");
    use();
    const std::string image = kernelImage();
    driver_.check(driver_.cuModuleLoadData(&module_, image.data()), "the CUDA kernels could not be loaded");
  }

  const Driver& driver_;
  void* context_ = nullptr;
  void* module_ = nullptr;
  std::map<std::string, void*> functions_;
};

}  // namespace

Accelerator::Accelerator(const Mapping& stateBytes, const Mapping& arenaBytes, const Mapping& ioBytes) : driver_(driver()) {
  Gpu::opened().use();
  const Mapping* mappings[placeCount] = {&stateBytes, &arenaBytes, &ioBytes};
  const char* names[placeCount] = {"state", "arena", "io"};
  constexpr size_t mapBytes = 256 * sizeof(float);
  dynamicMaps_ = {nullptr, 2 * mapBytes, allocate(2 * mapBytes, "constants")};
  driver_.check(driver_.cuMemcpyHtoD_v2(dynamicMaps_.device, signedDynamicMap, mapBytes), "the copy to the GPU failed");
  driver_.check(driver_.cuMemcpyHtoD_v2(dynamicMaps_.device + mapBytes, unsignedDynamicMap, mapBytes), "the copy to the GPU failed");
  for (int32_t place = 0; place < placeCount; ++place) {
    const Mapping& mapping = *mappings[place];
    regions_[place] = {mapping.data(), mapping.bytes(), mapping.bytes() > 0 ? allocate(mapping.bytes(), names[place]) : 0};
  }
}

Accelerator::~Accelerator() {
  for (const Mirror& region : regions_) {
    if (region.device) driver_.cuMemFree_v2(region.device);
  }
  for (const auto& [host, weight] : weights_) driver_.cuMemFree_v2(weight.device);
  for (const Mirror& own : {scratch_, dynamicMaps_}) {
    if (own.device) driver_.cuMemFree_v2(own.device);
  }
}

DeviceAddress Accelerator::allocate(int64_t bytes, const std::string& what) {
  DeviceAddress address = 0;
  driver_.check(driver_.cuMemAlloc_v2(&address, static_cast<size_t>(bytes)), "no GPU memory for " + std::to_string(bytes) + " bytes of " + what);
  return address;
}

void Accelerator::begin(bool poison) {
  Gpu::opened().use();
  for (const Place place : {state, io}) {
    const Mirror& r = regions_[place];
    if (r.bytes > 0) driver_.check(driver_.cuMemcpyHtoD_v2(r.device, r.host, static_cast<size_t>(r.bytes)), "the copy to the GPU failed");
  }
  const Mirror& dead = regions_[arena];
  if (poison && dead.bytes > 0) driver_.check(driver_.cuMemsetD8_v2(dead.device, 0xff, static_cast<size_t>(dead.bytes)), "the arena could not be filled");
}

void Accelerator::end() {
  driver_.check(driver_.cuCtxSynchronize(), "the GPU failed");
  for (const Place place : {state, io}) {
    const Mirror& r = regions_[place];
    if (r.bytes > 0) driver_.check(driver_.cuMemcpyDtoH_v2(const_cast<uint8_t*>(r.host), r.device, static_cast<size_t>(r.bytes)), "the copy from the GPU failed");
  }
}

void Accelerator::bind(const uint8_t* host, int64_t bytes) {
  if (Mirror& weight = weights_[host]; weight.bytes < bytes) {
    if (weight.device) driver_.check(driver_.cuMemFree_v2(weight.device), "GPU memory could not be freed");
    weight = {host, bytes, 0};
  }
}

// Bytes of a region lie at the same offset there; other bytes are a weight's.
uint8_t* Accelerator::onDevice(const uint8_t* host) {
  for (const Mirror& r : regions_) {
    if (r.bytes > 0 && host >= r.host && host < r.host + r.bytes) return reinterpret_cast<uint8_t*>(r.device + static_cast<uint64_t>(host - r.host));
  }
  const auto found = weights_.find(host);
  if (found == weights_.end()) throw Error("a weight of the program is not bound");
  Mirror& weight = found->second;
  if (!weight.device) {
    weight.device = allocate(weight.bytes, "weights");
    driver_.check(driver_.cuMemcpyHtoD_v2(weight.device, host, static_cast<size_t>(weight.bytes)), "the copy of weights to the GPU failed");
  }
  return reinterpret_cast<uint8_t*>(weight.device);
}

Tensor Accelerator::onDevice(const Tensor& tensor) {
  Tensor t = tensor;
  t.data = onDevice(t.data);
  if (t.absmax) t.absmax = onDevice(t.absmax);
  if (t.nestedAbsmax) t.nestedAbsmax = onDevice(t.nestedAbsmax);
  return t;
}

void Accelerator::execute(Opcode opcode, const Call& call) {
  const std::string name = infoOf(opcode).name;
  const Kernel kernel = kernels().of[static_cast<int32_t>(opcode) - 1];
  if (!kernel) throw Error("the op " + name + " has no CUDA kernel yet: use the backend cpu");
  if (call.operandCount > maxOperands || infoOf(opcode).attributeCount > maxAttributes) throw Error("the op " + name + " has more operands or attributes than a CUDA kernel takes");
  opcode_ = opcode, attributes_ = call.attributes;
  operands_.clear(), present_.clear();
  operands_.reserve(static_cast<size_t>(call.operandCount));
  for (int32_t i = 0; i < call.operandCount; ++i) {
    operands_.push_back(call.operands[i] ? onDevice(*call.operands[i]) : Tensor{});
    present_.push_back(call.operands[i] ? &operands_.back() : nullptr);
  }
  kernel({present_.data(), call.operandCount, call.attributes}, *this);
}

void Accelerator::poison(const Tensor& tensor) {
  const Tensor t = onDevice(tensor);
  const int64_t rowBytes = t.cols() * bytesOf(t.dtype);
  for (int64_t row = 0; row < t.rows(); ++row) {
    const auto at = reinterpret_cast<DeviceAddress>(t.data) + static_cast<uint64_t>(row * t.stride * bytesOf(t.dtype));
    driver_.check(driver_.cuMemsetD8_v2(at, 0xff, static_cast<size_t>(rowBytes)), "a dead tensor could not be filled");
  }
}

void Accelerator::scratch(int64_t bytes) {
  if (scratch_.bytes >= bytes) return;
  if (scratch_.device) driver_.check(driver_.cuMemFree_v2(scratch_.device), "GPU memory could not be freed");
  scratch_ = {nullptr, bytes, allocate(bytes, "scratch")};
}

void Accelerator::launch(const Launch& l) {
  Arguments arguments{};
  for (size_t i = 0; i < present_.size(); ++i) {
    if (!present_[i]) continue;
    arguments.operands[i] = operands_[i];
    arguments.present |= 1u << i;
  }
  const OpInfo& info = infoOf(opcode_);
  std::memcpy(arguments.attributes, attributes_, static_cast<size_t>(info.attributeCount) * sizeof(int32_t));
  arguments.pass = l.pass;
  arguments.scratch = reinterpret_cast<uint8_t*>(scratch_.device);
  arguments.dynamicMaps = reinterpret_cast<const float*>(dynamicMaps_.device);
  if (driver_.luthierPermit) permit();
  void* parameters[] = {&arguments};
  driver_.check(driver_.cuLaunchKernel(Gpu::opened().function(l.kernel), static_cast<unsigned>(l.blocks), static_cast<unsigned>(l.blocksY), static_cast<unsigned>(l.blocksZ),
                                       static_cast<unsigned>(l.threads), 1, 1, static_cast<unsigned>(l.sharedBytes), nullptr, parameters, nullptr),
                std::string("the op ") + info.name + " failed on the GPU");
}

// Tells the emulated driver what the instruction's kernels may touch.
void Accelerator::permit() {
  const OpInfo& info = infoOf(opcode_);
  std::vector<Touched> touched;
  const auto whole = [&](const uint8_t* data, int64_t bytes, bool writable) {
    if (bytes > 0) touched.push_back({reinterpret_cast<DeviceAddress>(data), bytes, bytes, 1, writable});
  };
  for (size_t i = 0; i < present_.size(); ++i) {
    if (!present_[i]) continue;
    const Tensor& t = *present_[i];
    if (t.storage == Storage::nf4) {
      const Nf4Bytes bytes = nf4Bytes(t);
      whole(t.data, bytes.packed, false);
      whole(t.absmax, bytes.absmax, false);
      if (t.nestedAbsmax) whole(t.nestedAbsmax, bytes.nested, false);
    } else if (t.contiguous()) {
      whole(t.data, t.count() * bytesOf(t.dtype), info.operands[i].written);
    } else {
      const int64_t element = bytesOf(t.dtype);
      touched.push_back({reinterpret_cast<DeviceAddress>(t.data), t.cols() * element, t.stride * element, t.rows(), info.operands[i].written});
    }
  }
  whole(reinterpret_cast<const uint8_t*>(scratch_.device), scratch_.bytes, true);
  whole(reinterpret_cast<const uint8_t*>(dynamicMaps_.device), dynamicMaps_.bytes, false);
  driver_.luthierPermit(touched.data(), static_cast<int32_t>(touched.size()));
}

}  // namespace luthier::cuda
