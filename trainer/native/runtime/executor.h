// The executor: regions, weight bindings and loaded programs of one run on one backend.
//
// `run` executes a program on the calling thread and the pool's threads. The caller runs one program at a time and
// neither binds nor loads during a run. Between runs, the caller may use the regions' bytes.
#pragma once

#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "../cuda/accelerator.h"
#include "kernels.h"
#include "memory.h"
#include "pool.h"
#include "program.h"

namespace luthier {

enum class Backend { cpu, cuda, reference, reference64 };

// Throws an Error that lists the names.
Backend backendFromName(const std::string& name);

struct ExecutorOptions {
  Backend backend = Backend::cpu;
  int threads = 0;  // 0: the granted cores
  int64_t stateBytes = 0, arenaBytes = 0, ioBytes = 0;
  cuda::Range paged;  // of the state, in managed memory; host backends ignore it
  int32_t weights = 0;
  // Scratch that the programs were planned with, for each thread and for all together.
  int64_t threadScratchBytes = 0, sharedScratchBytes = 0;
  bool poison = false;
};

// Bytes of a weight: `data` of `bytes`, kept alive by `keeper`.
struct WeightBytes {
  const uint8_t* data = nullptr;
  int64_t bytes = 0;
  std::shared_ptr<void> keeper;
};

class Executor {
 public:
  explicit Executor(const ExecutorOptions& options);

  const Mapping& state() const { return state_; }
  const Mapping& io() const { return io_; }

  void bind(int32_t weight, WeightBytes bytes);
  int32_t load(std::span<const uint8_t> program);
  // False when `stop` was requested before the last instruction began; no further instruction is started. Throws an
  // Error. In both cases the regions hold the results computed so far.
  bool run(int32_t program, const std::stop_token& stop = {});

  // Seconds of each instruction but `release`, in order, summed over the program's runs. On an accelerator, those of the device.
  std::vector<double> secondsOf(int32_t program);
  // The ops of these instructions.
  std::vector<Opcode> opcodesOf(int32_t program);

  int64_t arenaPeakBytes() const { return arenaPeak_; }
  // The planned bytes, or more if a kernel took more.
  int64_t scratchBytes() const { return accelerator_ ? accelerator_->scratchBytes() : pool_.scratchBytes(); }

 private:
  struct Loaded {
    Program program;
    std::vector<Tensor> tensors;           // resolved; addresses are stable
    std::vector<const Tensor*> operands;   // as program.operands, null where absent
    std::vector<double> seconds;           // by instruction
  };

  Loaded& loadedAt(int32_t program);
  bool runOnHost(Loaded& loaded, const std::stop_token& stop);
  bool runOnAccelerator(Loaded& loaded, const std::stop_token& stop);
  void resolve(Loaded& loaded) const;
  Tensor resolved(const TensorRecord& record, int64_t index) const;
  uint8_t* weight(int32_t binding, int64_t bytes, int64_t tensor) const;
  void execute(const Loaded& loaded, const Instruction& instruction);
  void poison(const Loaded& loaded, const Instruction& release) const;

  const KernelTable* kernels_;  // null where an accelerator executes
  ProgramLimits limits_;
  bool poison_;
  Mapping state_, arena_, io_;
  std::vector<WeightBytes> weights_;
  std::deque<Loaded> programs_;
  int64_t arenaPeak_ = 0;
  Pool pool_;
  std::unique_ptr<cuda::Accelerator> accelerator_;
};

}  // namespace luthier
