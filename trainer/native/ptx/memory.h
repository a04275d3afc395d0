// The memory of the emulated device: allocations, and the operands of the present launch, which alone may be touched.
//
// A global address is the address of the byte on the host. Fresh memory is filled with 0xff, which is NaN in every format.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "races.h"

namespace luthier::ptx {

// Rows of bytes that a launch may read, or read and write.
struct Range {
  uint64_t address;
  int64_t rowBytes, strideBytes, rows;
  bool writable;

  bool contains(uint64_t from, int64_t bytes) const {
    if (from < address) return false;
    const auto offset = static_cast<int64_t>(from - address);
    return offset / strideBytes < rows && offset % strideBytes + bytes <= rowBytes;
  }
};

class DeviceMemory {
 public:
  uint64_t allocate(int64_t bytes);
  // Managed memory, which counts as none of the device's.
  uint64_t allocatePaged(int64_t bytes);
  // False if no allocation starts there.
  bool release(uint64_t address);
  // The bytes of all allocations but the managed ones.
  int64_t bytes() const { return bytes_; }
  // True if the bytes lie in one allocation.
  bool contains(uint64_t address, int64_t bytes) const;

  // Sets the bytes that the next launches may touch; without a call, every allocation.
  void permit(std::vector<Range> ranges);

  // The host's bytes for an access of a thread; throws an Error: no operand, a read-only one, or a race.
  uint8_t* access(uint64_t address, int64_t bytes, bool write, const Accessor& by);

 private:
  struct Allocation {
    std::unique_ptr<uint8_t[]> storage;
    uint64_t address;
    int64_t bytes;
    bool paged;
    std::unique_ptr<RaceCells> cells;  // made by the first access of a kernel
  };

  uint64_t add(int64_t bytes, bool paged);
  Allocation* holding(uint64_t address, int64_t bytes) const;
  bool permits(uint64_t address, int64_t bytes, bool write) const;

  mutable std::map<uint64_t, Allocation> allocations_;
  mutable Allocation* last_ = nullptr;
  int64_t bytes_ = 0;
  std::vector<Range> permitted_;
  mutable size_t lastRange_ = 0;
  bool restricted_ = false;
};

}  // namespace luthier::ptx
