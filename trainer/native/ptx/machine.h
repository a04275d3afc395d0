// The emulated GPU: a module, device memory, and launches that run their blocks one after another.
#pragma once

#include <cstdint>
#include <span>

#include "block.h"

namespace luthier::ptx {

// Limits of every architecture that the kernels are compiled for.
inline constexpr uint32_t maxThreadsPerBlock = 1024;

class Machine {
 public:
  DeviceMemory memory;
  uint32_t seed = 0;  // of the schedule; 0: in order

  // Throws an Error if the parameters do not fit, or at a fault of the kernel.
  void launch(const Module& module, const Entry& entry, const LaunchShape& shape, std::vector<uint8_t> parameters);

 private:
  uint32_t launches_ = 0;
  SpareMemory spare_;
};

}  // namespace luthier::ptx
