#include "memory.h"

#include <algorithm>
#include <cstring>

#include "../runtime/error.h"

namespace luthier::ptx {
namespace {

constexpr uint64_t alignment = 256;  // of cuMemAlloc

}  // namespace

uint64_t DeviceMemory::allocate(int64_t bytes) { return add(bytes, false); }
uint64_t DeviceMemory::allocatePaged(int64_t bytes) { return add(bytes, true); }

uint64_t DeviceMemory::add(int64_t bytes, bool paged) {
  auto storage = std::make_unique<uint8_t[]>(static_cast<size_t>(bytes) + alignment);
  const auto start = reinterpret_cast<uint64_t>(storage.get());
  const uint64_t address = (start + alignment - 1) / alignment * alignment;
  std::memset(reinterpret_cast<uint8_t*>(address), 0xff, static_cast<size_t>(bytes));
  allocations_[address] = {std::move(storage), address, bytes, paged, nullptr};
  if (!paged) bytes_ += bytes;
  return address;
}

bool DeviceMemory::release(uint64_t address) {
  last_ = nullptr;
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return false;
  if (!found->second.paged) bytes_ -= found->second.bytes;
  allocations_.erase(found);
  return true;
}

DeviceMemory::Allocation* DeviceMemory::holding(uint64_t address, int64_t bytes) const {
  const auto holds = [&](const Allocation& a) { return address >= a.address && address - a.address + static_cast<uint64_t>(bytes) <= static_cast<uint64_t>(a.bytes); };
  if (last_ && holds(*last_)) return last_;
  auto next = allocations_.upper_bound(address);
  if (next == allocations_.begin()) return nullptr;
  Allocation& found = std::prev(next)->second;
  if (!holds(found)) return nullptr;
  return last_ = &found;
}

bool DeviceMemory::contains(uint64_t address, int64_t bytes) const { return holding(address, bytes) != nullptr; }

void DeviceMemory::permit(std::vector<Range> ranges) {
  permitted_ = std::move(ranges);
  restricted_ = true;
}

// Operands may overlap: an output may be an input.
bool DeviceMemory::permits(uint64_t address, int64_t bytes, bool write) const {
  const auto fits = [&](const Range& r) { return (r.writable || !write) && r.contains(address, bytes); };
  if (lastRange_ < permitted_.size() && fits(permitted_[lastRange_])) return true;
  lastRange_ = static_cast<size_t>(std::find_if(permitted_.begin(), permitted_.end(), fits) - permitted_.begin());
  return lastRange_ < permitted_.size();
}

uint8_t* DeviceMemory::access(uint64_t address, int64_t bytes, bool write, const Accessor& by) {
  Allocation* allocation = holding(address, bytes);
  if (!allocation) throw Error("an access outside of device memory");
  if (restricted_ && !permits(address, bytes, write)) {
    throw Error(write ? "a write outside of the launch's outputs" : "a read outside of the launch's operands");
  }
  if (!allocation->cells) allocation->cells = std::make_unique<RaceCells>(allocation->bytes);
  const std::string race = allocation->cells->access(static_cast<int64_t>(address - allocation->address), bytes, write, by);
  if (!race.empty()) throw Error(std::string("a race: the ") + (write ? "written" : "read") + " memory " + race);
  return reinterpret_cast<uint8_t*>(address);
}

}  // namespace luthier::ptx
