// Bytes of GPU memory, freed by the destructor. Movable, not copyable; an empty one has no bytes.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>

#include "driver.h"

namespace luthier::cuda {

// The bytes of all buffers of the process.
class BufferBytes {
 public:
  static BufferBytes& ofProcess() {
    static BufferBytes bytes;
    return bytes;
  }
  void change(int64_t by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    peak_ = std::max(peak_, now_);
  }
  int64_t peak() {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  std::mutex mutex_;
  int64_t now_ = 0, peak_ = 0;
};

class DeviceBuffer {
 public:
  // `paged`: managed memory, whose pages move to the machine's memory when the GPU's is short. It is none of the GPU's own bytes.
  enum class Kind { fixed, paged };

  DeviceBuffer() = default;
  // Throws an Error that names the bytes' purpose if the memory cannot be allocated.
  DeviceBuffer(int64_t bytes, const std::string& what, Kind kind = Kind::fixed) : bytes_(bytes), kind_(kind) {
    if (bytes == 0) return;
    const auto count = static_cast<size_t>(bytes);
    const Result made = kind == Kind::paged ? driver().cuMemAllocManaged(&address_, count, attachGlobal) : driver().cuMemAlloc_v2(&address_, count);
    driver().check(made, "no GPU memory for " + std::to_string(bytes) + " bytes of " + what);
    if (kind == Kind::fixed) BufferBytes::ofProcess().change(bytes);
  }
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() {
    if (!address_) return;
    driver().cuMemFree_v2(address_);
    if (kind_ == Kind::fixed) BufferBytes::ofProcess().change(-bytes_);
  }

  DeviceAddress address() const { return address_; }
  int64_t bytes() const { return bytes_; }

  // Copies between the host and this buffer, from its first byte on.
  void upload(const void* from, int64_t bytes) const {
    if (bytes > 0) driver().check(driver().cuMemcpyHtoD_v2(address_, from, static_cast<size_t>(bytes)), "the copy to the GPU failed");
  }
  void download(void* to, int64_t bytes) const {
    if (bytes > 0) driver().check(driver().cuMemcpyDtoH_v2(to, address_, static_cast<size_t>(bytes)), "the copy from the GPU failed");
  }

 private:
  void swap(DeviceBuffer& other) {
    std::swap(address_, other.address_);
    std::swap(bytes_, other.bytes_);
    std::swap(kind_, other.kind_);
  }

  DeviceAddress address_ = 0;
  int64_t bytes_ = 0;
  Kind kind_ = Kind::fixed;
};

}  // namespace luthier::cuda
