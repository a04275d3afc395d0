// A GPU that executes instructions for the executor: the regions and the weights mirrored in device memory, and the kernels.
//
// A run copies state and io to the device before its first instruction and back after its last one. Weights are copied when an
// instruction first names them.
#pragma once

#include <map>
#include <vector>

#include "../runtime/memory.h"
#include "../generated/ops.h"
#include "deviceBuffer.h"
#include "launch.h"

namespace luthier::cuda {

// Starts the kernels of one op.
using Kernel = void (*)(const Call& call, Launcher& launcher);

struct KernelTable {
  Kernel of[opcodeCount];  // by opcode - 1; null for an op without CUDA kernels
};

const KernelTable& kernels();

class Accelerator final : public Launcher {
 public:
  // The regions stay where they are for the accelerator's life. Throws an Error: no driver, no device, or no memory.
  Accelerator(const Mapping& state, const Mapping& arena, const Mapping& io);
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  // Copies state and io to the device; with `poison`, fills the arena there with NaN.
  void begin(bool poison);
  // Makes a weight known; its bytes are copied when an instruction first names it.
  void bind(const uint8_t* host, int64_t bytes);
  // The operands have host addresses. Throws an Error that names the op if it has no kernel.
  void execute(Opcode opcode, const Call& call);
  // Fills a dead tensor with NaN.
  void poison(const Tensor& tensor);
  // Waits for the device and copies state and io back.
  void end();

  void launch(const Launch& launch) override;
  void scratch(int64_t bytes) override;

 private:
  struct Mirror {
    const uint8_t* host = nullptr;
    int64_t bytes = 0;
    DeviceBuffer device;
  };
  enum Place { state, arena, io, placeCount };

  uint8_t* onDevice(const uint8_t* host);
  Tensor onDevice(const Tensor& tensor);
  void permit();

  const Driver& driver_;
  Mirror regions_[placeCount];
  std::map<const uint8_t*, Mirror> weights_;
  DeviceBuffer scratch_, dynamicMaps_;
  // The present instruction.
  Opcode opcode_ = Opcode::release;
  std::vector<Tensor> operands_;
  std::vector<const Tensor*> present_;
  const int32_t* attributes_ = nullptr;
};

}  // namespace luthier::cuda
