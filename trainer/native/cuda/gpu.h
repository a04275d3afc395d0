// GPU 0 of this process with the trainer's kernels, and what it is.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "driver.h"

namespace luthier::cuda {

struct GpuFacts {
  std::string name;
  std::string computeCapability;  // such as 8.0
  std::string driverVersion;      // the CUDA version that the driver supports, such as 13.0
};

struct GpuMemory {
  int64_t total = 0, free = 0;
  // The most that this process held at once: its context with the kernels (and what others held at its start), and buffers.
  int64_t peak = 0;
};

class Gpu {
 public:
  // Opened once for the process. Throws an Error: no driver, no GPU, or kernels that it cannot load.
  static Gpu& opened();

  // Makes it the calling thread's: a program may run on any of the process's threads.
  void use() const;
  // A kernel by its name.
  void* function(const char* kernel);

  const GpuFacts& facts() const { return facts_; }
  // The time until the kernels were loaded: starting the driver, making a context, compiling the PTX.
  double openSeconds() const { return openSeconds_; }
  GpuMemory memory() const;
  // Whether pages of managed memory move to the machine's memory when the GPU's is short.
  bool pages() const;

 private:
  Gpu();
  void readFacts(int device);

  // The first member, so that it begins before the driver is loaded.
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const Driver& driver_;
  void* context_ = nullptr;
  void* module_ = nullptr;
  std::map<std::string, void*> functions_;
  GpuFacts facts_;
  int64_t heldAtStart_ = 0;
  double openSeconds_ = 0;
};

}  // namespace luthier::cuda
