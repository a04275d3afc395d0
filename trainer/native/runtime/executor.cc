#include "executor.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

#include "../generated/opTable.h"
#include "cores.h"
#include "error.h"
#include "inputs.h"
#include "sanitize.h"

namespace luthier {
namespace {

// Null for a backend that is no part of the host.
const KernelTable* kernelsOf(Backend backend) {
  switch (backend) {
    case Backend::cpu: return &cpuKernels(chooseIsa());
    case Backend::cuda: return nullptr;
    case Backend::reference: return &referenceKernels();
    case Backend::reference64: return &reference64Kernels();
  }
  throw Error("unknown backend");
}

// While it lives, only the operands may be touched in these regions (under AddressSanitizer).
class OperandsAlone {
 public:
  OperandsAlone(const std::array<const Mapping*, 3>& regions, const OpInfo& info, const Call& call) : regions_(regions) {
    for (const Mapping* region : regions_) forbid(region->data(), wholePages(region->bytes()));
    for (int32_t i = 0; i < call.operandCount; ++i) {
      if (!call.operands[i]) continue;
      for (int32_t k = 0; k < countOf(info, i, call); ++k) allowRows(call.operands[i][k]);
    }
  }
  ~OperandsAlone() {
    for (const Mapping* region : regions_) allow(region->data(), wholePages(region->bytes()));
  }
  OperandsAlone(const OperandsAlone&) = delete;
  OperandsAlone& operator=(const OperandsAlone&) = delete;

 private:
  static void allowRows(const Tensor& t) {
    if (t.storage != Storage::dense) return;  // a weight, which lies in none of the regions
    const int64_t rowBytes = t.cols() * bytesOf(t.dtype), strideBytes = t.stride * bytesOf(t.dtype);
    if (t.contiguous()) return allow(t.data, t.rows() * rowBytes);
    for (int64_t row = 0; row < t.rows(); ++row) allow(t.data + row * strideBytes, rowBytes);
  }

  std::array<const Mapping*, 3> regions_;
};

}  // namespace

Backend backendFromName(const std::string& name) {
  if (name == "cpu") return Backend::cpu;
  if (name == "cuda") return Backend::cuda;
  if (name == "reference") return Backend::reference;
  if (name == "reference64") return Backend::reference64;
  throw Error("unknown backend " + name + ": use cpu, cuda, reference or reference64");
}

Executor::Executor(const ExecutorOptions& o)
    : kernels_(kernelsOf(o.backend)),
      limits_{o.arenaBytes, o.stateBytes, o.ioBytes, o.weights, kernels_ && kernels_->computesF64},
      poison_(o.poison),
      state_(Mapping::anonymous(o.stateBytes, "state")),
      arena_(Mapping::anonymous(o.arenaBytes, "arena")),
      io_(Mapping::anonymous(o.ioBytes, "io")),
      weights_(static_cast<size_t>(o.weights)),
      pool_(o.threads > 0 ? o.threads : grantedCores(), kernels_ ? o.threadScratchBytes : 0, kernels_ ? o.sharedScratchBytes : 0, o.poison),
      accelerator_(kernels_ ? nullptr : std::make_unique<cuda::Accelerator>(state_, o.paged, arena_, io_, o.sharedScratchBytes)) {}

void Executor::bind(int32_t weight, WeightBytes bytes) {
  if (weight < 0 || weight >= limits_.weightCount) {
    throw Error("weight " + std::to_string(weight) + " does not exist: the executor has " + std::to_string(limits_.weightCount));
  }
  if (accelerator_) accelerator_->bind(bytes.data, bytes.bytes);
  weights_[static_cast<size_t>(weight)] = std::move(bytes);
}

int32_t Executor::load(std::span<const uint8_t> bytes) {
  Loaded loaded{parseProgram(bytes, limits_), {}, {}, {}};
  loaded.tensors.resize(loaded.program.tensors.size());
  loaded.seconds.resize(loaded.program.instructions.size());
  for (const int32_t operand : loaded.program.operands) {
    loaded.operands.push_back(operand < 0 ? nullptr : &loaded.tensors[static_cast<size_t>(operand)]);
  }
  programs_.push_back(std::move(loaded));
  return static_cast<int32_t>(programs_.size()) - 1;
}

bool Executor::run(int32_t program, const std::stop_token& stop) {
  Loaded& loaded = loadedAt(program);
  resolve(loaded);
  if (poison_ && arena_.bytes() > 0) std::memset(arena_.data(), 0xff, static_cast<size_t>(arena_.bytes()));
  arenaPeak_ = std::max(arenaPeak_, loaded.program.arenaPeak());
  return accelerator_ ? runOnAccelerator(loaded, stop) : runOnHost(loaded, stop);
}

bool Executor::runOnHost(Loaded& loaded, const std::stop_token& stop) {
  auto before = std::chrono::steady_clock::now();
  for (size_t i = 0; i < loaded.program.instructions.size(); ++i) {
    if (stop.stop_requested()) return false;
    execute(loaded, loaded.program.instructions[i]);
    const auto after = std::chrono::steady_clock::now();
    loaded.seconds[i] += std::chrono::duration<double>(after - before).count();
    before = after;
  }
  return true;
}

bool Executor::runOnAccelerator(Loaded& loaded, const std::stop_token& stop) {
  accelerator_->begin(poison_);
  bool whole = true;
  for (const Instruction& instruction : loaded.program.instructions) {
    whole = !stop.stop_requested();
    if (!whole) break;
    execute(loaded, instruction);
    accelerator_->mark();
  }
  const std::vector<double> seconds = accelerator_->end();
  for (size_t i = 0; i < seconds.size(); ++i) loaded.seconds[i] += seconds[i];
  return whole;
}

std::vector<double> Executor::secondsOf(int32_t program) {
  const Loaded& loaded = loadedAt(program);
  std::vector<double> seconds;
  for (size_t i = 0; i < loaded.seconds.size(); ++i) {
    if (loaded.program.instructions[i].opcode != Opcode::release) seconds.push_back(loaded.seconds[i]);
  }
  return seconds;
}

std::vector<Opcode> Executor::opcodesOf(int32_t program) {
  std::vector<Opcode> opcodes;
  for (const Instruction& instruction : loadedAt(program).program.instructions) {
    if (instruction.opcode != Opcode::release) opcodes.push_back(instruction.opcode);
  }
  return opcodes;
}

Executor::Loaded& Executor::loadedAt(int32_t program) {
  if (program < 0 || program >= static_cast<int32_t>(programs_.size())) throw Error("no program " + std::to_string(program) + " is loaded");
  return programs_[static_cast<size_t>(program)];
}

void Executor::resolve(Loaded& loaded) const {
  for (size_t i = 0; i < loaded.tensors.size(); ++i) {
    loaded.tensors[i] = resolved(loaded.program.tensors[i], static_cast<int64_t>(i));
  }
}

Tensor Executor::resolved(const TensorRecord& record, int64_t index) const {
  Tensor t = record.layout;
  switch (record.region) {
    case Region::state: t.data = state_.data() + record.offset; break;
    case Region::arena: t.data = arena_.data() + record.offset; break;
    case Region::io: t.data = io_.data() + record.offset; break;
    case Region::weights:
      t.data = weight(record.bindings[0], record.bytes(), index);
      if (record.bindings[1] >= 0) t.absmax = weight(record.bindings[1], record.absmaxBytes(), index);
      if (record.bindings[2] >= 0) t.nestedAbsmax = weight(record.bindings[2], record.nestedBytes(), index);
  }
  return t;
}

uint8_t* Executor::weight(int32_t binding, int64_t bytes, int64_t tensor) const {
  const WeightBytes& bound = weights_[static_cast<size_t>(binding)];
  if (!bound.data) throw Error("weight " + std::to_string(binding) + " is not bound");
  if (bound.bytes < bytes) {
    throw Error("weight " + std::to_string(binding) + " has " + std::to_string(bound.bytes) + " bytes; tensor " +
                std::to_string(tensor) + " of the program needs " + std::to_string(bytes));
  }
  return const_cast<uint8_t*>(bound.data);  // mapped read-only: parseProgram lets no instruction write it
}

void Executor::execute(const Loaded& loaded, const Instruction& instruction) {
  if (instruction.opcode == Opcode::release) return poison_ ? poison(loaded, instruction) : void();
  const Call call{loaded.operands.data() + instruction.firstOperand, instruction.operandCount,
                  loaded.program.attributes.data() + instruction.firstAttribute};
  checkInputs(instruction.opcode, call);
#ifdef __SANITIZE_ADDRESS__
  const OperandsAlone touched({&state_, &arena_, &io_}, opTable[static_cast<int32_t>(instruction.opcode) - 1], call);
#endif
  if (accelerator_) accelerator_->execute(instruction.opcode, call);
  else kernels_->of[static_cast<int32_t>(instruction.opcode) - 1](call, pool_);
}

// All bits set is NaN in F32, BF16 and F64.
void Executor::poison(const Loaded& loaded, const Instruction& release) const {
  for (int32_t i = 0; i < release.operandCount; ++i) {
    const auto index = static_cast<size_t>(loaded.program.operands[static_cast<size_t>(release.firstOperand + i)]);
    const Tensor& t = loaded.tensors[index];
    if (accelerator_) {
      accelerator_->poison(t);
      continue;
    }
    const auto rowBytes = static_cast<size_t>(t.cols() * bytesOf(t.dtype));
    for (int64_t row = 0; row < t.rows(); ++row) std::memset(t.data + row * t.stride * bytesOf(t.dtype), 0xff, rowBytes);
  }
}

}  // namespace luthier
