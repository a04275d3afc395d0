#include "accelerator.h"

#include <cstring>
#include <utility>

#include "../generated/opTable.h"
#include "../runtime/error.h"
#include "../runtime/dynamicMap.h"
#include "arguments.h"
#include "gpu.h"

namespace luthier::cuda {
namespace {

const OpInfo& infoOf(Opcode opcode) { return opTable[static_cast<int32_t>(opcode) - 1]; }

}  // namespace

Accelerator::Accelerator(const Mapping& state, Range pagedRange, const Mapping& arenaBytes, const Mapping& ioBytes, int64_t scratchBytes) : driver_(driver()) {
  Gpu::opened().use();
  std::vector<float> maps(signedDynamicMap, signedDynamicMap + dynamicCodes);
  maps.insert(maps.end(), unsignedDynamicMap, unsignedDynamicMap + dynamicCodes);
  const auto mapBytes = static_cast<int64_t>(maps.size() * sizeof(float));
  dynamicMaps_ = DeviceBuffer(mapBytes, "constants");
  dynamicMaps_.upload(maps.data(), mapBytes);
  const auto mirror = [&](Place place, const uint8_t* host, int64_t bytes, const char* name) {
    regions_[place] = {host, bytes, DeviceBuffer(bytes, name, place == paged ? DeviceBuffer::Kind::paged : DeviceBuffer::Kind::fixed)};
  };
  const int64_t behind = pagedRange.offset + pagedRange.bytes;
  mirror(stateBefore, state.data(), pagedRange.offset, "state");
  mirror(paged, state.data() + pagedRange.offset, pagedRange.bytes, "paged state");
  mirror(stateBehind, state.data() + behind, state.bytes() - behind, "state");
  mirror(arena, arenaBytes.data(), arenaBytes.bytes(), "arena");
  mirror(io, ioBytes.data(), ioBytes.bytes(), "io");
  scratch(scratchBytes);
}

void Accelerator::begin(bool poison) {
  Gpu::opened().use();
  for (const Place place : copiedEachRun) regions_[place].device.upload(regions_[place].host, regions_[place].bytes);
  pagedIsCopied_ = false;
  const Mirror& dead = regions_[arena];
  if (poison && dead.bytes > 0) driver_.check(driver_.cuMemsetD8_v2(dead.device.address(), 0xff, static_cast<size_t>(dead.bytes)), "the arena could not be filled");
  timeline_.begin();
}

std::vector<double> Accelerator::end() {
  driver_.check(driver_.cuCtxSynchronize(), "the GPU failed");
  const auto download = [&](const Mirror& region) { region.device.download(const_cast<uint8_t*>(region.host), region.bytes); };
  for (const Place place : copiedEachRun) download(regions_[place]);
  if (pagedIsCopied_) download(regions_[paged]);
  return timeline_.seconds();
}

void Accelerator::bind(const uint8_t* host, int64_t bytes) {
  if (Mirror& weight = weights_[host]; weight.bytes < bytes) weight = {host, bytes, {}};
}

// Bytes of a region lie at the same offset there; other bytes are a weight's.
uint8_t* Accelerator::onDevice(const uint8_t* host) {
  for (const Mirror& r : regions_) {
    if (r.bytes == 0 || host < r.host || host >= r.host + r.bytes) continue;
    if (&r == &regions_[paged] && !std::exchange(pagedIsCopied_, true)) r.device.upload(r.host, r.bytes);
    return reinterpret_cast<uint8_t*>(r.device.address() + static_cast<uint64_t>(host - r.host));
  }
  const auto found = weights_.find(host);
  if (found == weights_.end()) throw Error("a weight of the program is not bound");
  Mirror& weight = found->second;
  if (weight.device.bytes() == 0) {
    weight.device = DeviceBuffer(weight.bytes, "weights");
    weight.device.upload(host, weight.bytes);
  }
  return reinterpret_cast<uint8_t*>(weight.device.address());
}

Tensor Accelerator::onDevice(const Tensor& tensor) {
  Tensor t = tensor;
  t.data = onDevice(t.data);
  if (t.absmax) t.absmax = onDevice(t.absmax);
  if (t.nestedAbsmax) t.nestedAbsmax = onDevice(t.nestedAbsmax);
  return t;
}

void Accelerator::execute(Opcode opcode, const Call& call) {
  const OpInfo& info = infoOf(opcode);
  if (call.operandCount > maxOperands || info.attributeCount > maxAttributes) {
    throw Error(std::string("the op ") + info.name + " has more operands or attributes than a CUDA kernel takes");
  }
  opcode_ = opcode, attributes_ = call.attributes;
  tensors_.clear(), present_.clear(), counts_.clear();
  size_t count = 0;
  for (int32_t i = 0; i < call.operandCount; ++i) {
    counts_.push_back(call.operands[i] ? countOf(info, i, call) : 0);
    count += static_cast<size_t>(counts_.back());
  }
  tensors_.reserve(count);  // pointers into it stay
  for (int32_t i = 0; i < call.operandCount; ++i) {
    const size_t first = tensors_.size();
    for (int32_t k = 0; k < counts_[static_cast<size_t>(i)]; ++k) tensors_.push_back(onDevice(call.operands[i][k]));
    present_.push_back(call.operands[i] ? tensors_.data() + first : nullptr);
  }
  uploadGroups();
  kernels().of[static_cast<int32_t>(opcode) - 1]({present_.data(), call.operandCount, call.attributes}, *this);
  downloadIntegers(call);
}

// Copies in the order of the stream: an earlier instruction's kernels have read their tables by then.
void Accelerator::uploadGroups() {
  const OpInfo& info = infoOf(opcode_);
  const auto isGroup = [&](size_t i) { return present_[i] && info.operands[i].count >= 0; };
  std::vector<Tensor> grouped;
  for (size_t i = 0; i < present_.size(); ++i) {
    if (isGroup(i)) grouped.insert(grouped.end(), present_[i], present_[i] + counts_[i]);
  }
  tables_.assign(present_.size(), 0);
  const auto bytes = static_cast<int64_t>(grouped.size() * sizeof(Tensor));
  if (bytes == 0) return;
  if (groups_.bytes() < bytes) groups_ = DeviceBuffer(bytes, "tables of operands");
  groups_.upload(grouped.data(), bytes);
  DeviceAddress next = groups_.address();
  for (size_t i = 0; i < present_.size(); ++i) {
    if (!isGroup(i)) continue;
    tables_[i] = next;
    next += static_cast<uint64_t>(counts_[i]) * sizeof(Tensor);
  }
}

void Accelerator::downloadIntegers(const Call& call) {
  const OpInfo& info = infoOf(opcode_);
  const Mirror& dead = regions_[arena];
  for (int32_t i = 0; i < call.operandCount; ++i) {
    if (!call.operands[i] || !info.operands[i].written) continue;
    const Tensor& t = *call.operands[i];
    const bool isInteger = t.dtype == DType::i32 || t.dtype == DType::u32;
    if (!isInteger || !t.contiguous() || t.data < dead.host || t.data >= dead.host + dead.bytes) continue;
    const auto from = reinterpret_cast<DeviceAddress>(present_[static_cast<size_t>(i)]->data);
    driver_.check(driver_.cuMemcpyDtoH_v2(t.data, from, static_cast<size_t>(t.count() * bytesOf(t.dtype))), "the copy from the GPU failed");
  }
}

template <class Each>
void Accelerator::forTensors(Each each) const {
  for (size_t i = 0; i < present_.size(); ++i) {
    for (int32_t k = 0; k < counts_[i]; ++k) each(present_[i][k], infoOf(opcode_).operands[i].written);
  }
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
  if (scratch_.bytes() >= bytes) return;
  scratch_ = {};  // freed first: both need not fit together
  scratch_ = DeviceBuffer(bytes, "scratch");
}

void Accelerator::launch(const Launch& l) {
  Arguments arguments{};
  for (size_t i = 0; i < present_.size(); ++i) {
    if (!present_[i]) continue;
    if (tables_[i] != 0) arguments.operands[i].data = reinterpret_cast<uint8_t*>(tables_[i]);
    else arguments.operands[i] = *present_[i];
    arguments.present |= 1u << i;
  }
  const OpInfo& info = infoOf(opcode_);
  std::memcpy(arguments.attributes, attributes_, static_cast<size_t>(info.attributeCount) * sizeof(int32_t));
  arguments.pass = l.pass;
  arguments.count = l.count;
  arguments.scratch = reinterpret_cast<uint8_t*>(scratch_.address());
  arguments.dynamicMaps = reinterpret_cast<const float*>(dynamicMaps_.address());
  if (driver_.luthierPermit) permit();
  void* parameters[] = {&arguments};
  driver_.check(driver_.cuLaunchKernel(Gpu::opened().function(l.kernel), static_cast<unsigned>(l.blocks), static_cast<unsigned>(l.blocksY), static_cast<unsigned>(l.blocksZ),
                                       static_cast<unsigned>(l.threads), 1, 1, static_cast<unsigned>(l.sharedBytes), nullptr, parameters, nullptr),
                std::string("the op ") + info.name + " failed on the GPU");
}

// Tells the emulated driver what the instruction's kernels may touch.
void Accelerator::permit() {
  std::vector<Touched> touched;
  const auto whole = [&](const uint8_t* data, int64_t bytes, bool writable) {
    if (bytes > 0) touched.push_back({reinterpret_cast<DeviceAddress>(data), bytes, bytes, 1, writable});
  };
  forTensors([&](const Tensor& t, bool written) {
    if (t.storage == Storage::nf4) {
      whole(t.data, ceilDivide(t.count(), 2), false);
      whole(t.absmax, nf4Blocks(t) * (t.nestedAbsmax ? 1 : 4), false);
      if (t.nestedAbsmax) whole(t.nestedAbsmax, (nf4NestedBlocks(t) + 1) * 4, false);
    } else if (t.contiguous()) {
      whole(t.data, t.count() * bytesOf(t.dtype), written);
    } else {
      const int64_t element = bytesOf(t.dtype);
      touched.push_back({reinterpret_cast<DeviceAddress>(t.data), t.cols() * element, t.stride * element, t.rows(), written});
    }
  });
  whole(reinterpret_cast<const uint8_t*>(groups_.address()), groups_.bytes(), false);
  whole(reinterpret_cast<const uint8_t*>(scratch_.address()), scratch_.bytes(), true);
  whole(reinterpret_cast<const uint8_t*>(dynamicMaps_.address()), dynamicMaps_.bytes(), false);
  driver_.luthierPermit(touched.data(), static_cast<int32_t>(touched.size()));
}

}  // namespace luthier::cuda
