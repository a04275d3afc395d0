// A GPU that executes instructions for the executor: the regions and the weights mirrored in device memory, and the kernels.
//
// A run copies state and io to the device before its first instruction and back after its last one. Weights are copied when an
// instruction first names them. A range of the state may lie in managed memory, whose pages move to the machine's memory when the
// device's is short: it is copied only in runs that use it. Integers that an instruction computes into the arena are copied back behind it, since the
// executor checks them in the host's arena before an instruction indexes with them.
#pragma once

#include <map>
#include <vector>

#include "../runtime/memory.h"
#include "../generated/ops.h"
#include "deviceBuffer.h"
#include "launch.h"
#include "timeline.h"

namespace luthier::cuda {

// Starts the kernels of one op.
using Kernel = void (*)(const Call& call, Launcher& launcher);

struct KernelTable {
  Kernel of[opcodeCount];  // by opcode - 1
};

const KernelTable& kernels();

// Bytes [offset, offset + bytes) of a region.
struct Range {
  int64_t offset = 0, bytes = 0;
};

class Accelerator final : public Launcher {
 public:
  // The regions stay where they are for the accelerator's life; `paged` is a range of the state. Throws an Error: no driver, no
  // device, or no memory.
  Accelerator(const Mapping& state, Range paged, const Mapping& arena, const Mapping& io, int64_t scratchBytes);
  Accelerator(const Accelerator&) = delete;
  Accelerator& operator=(const Accelerator&) = delete;

  // Copies state and io to the device; with `poison`, fills the arena there with NaN.
  void begin(bool poison);
  // Makes a weight known; its bytes are copied when an instruction first names it.
  void bind(const uint8_t* host, int64_t bytes);
  // The operands have host addresses.
  void execute(Opcode opcode, const Call& call);
  // Fills a dead tensor with NaN.
  void poison(const Tensor& tensor);
  // Ends the time of an instruction, or of the poisoning in its place.
  void mark() { timeline_.mark(); }
  // Waits for the device and copies state and io back. Returns the device's seconds between the marks.
  std::vector<double> end();

  int64_t scratchBytes() const { return scratch_.bytes(); }

  void launch(const Launch& launch) override;
  void scratch(int64_t bytes) override;

 private:
  struct Mirror {
    const uint8_t* host = nullptr;
    int64_t bytes = 0;
    DeviceBuffer device;
  };
  enum Place { stateBefore, paged, stateBehind, arena, io, placeCount };
  static constexpr Place copiedEachRun[] = {stateBefore, stateBehind, io};

  uint8_t* onDevice(const uint8_t* host);
  Tensor onDevice(const Tensor& tensor);
  // Calls `each` with every tensor of the present operands, those of groups one after another.
  template <class Each>
  void forTensors(Each each) const;
  void uploadGroups();
  void downloadIntegers(const Call& call);
  void permit();

  const Driver& driver_;
  Timeline timeline_;
  Mirror regions_[placeCount];
  bool pagedIsCopied_ = false;  // in this run
  std::map<const uint8_t*, Mirror> weights_;
  DeviceBuffer scratch_, dynamicMaps_, groups_;
  // The present instruction: its tensors; of each operand the first one (null where absent) and their number; where the table of
  // a group lies in `groups_`.
  Opcode opcode_ = Opcode::release;
  std::vector<Tensor> tensors_;
  std::vector<const Tensor*> present_;
  std::vector<int32_t> counts_;
  std::vector<DeviceAddress> tables_;
  const int32_t* attributes_ = nullptr;
};

}  // namespace luthier::cuda
