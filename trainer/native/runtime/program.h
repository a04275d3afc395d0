// A loaded program: tensors and instructions, checked so that running it touches only the bytes it names.
//
// `parseProgram` takes bytes from anywhere and either returns a program whose every tensor lies inside its region and
// whose every instruction has the operands, attributes, data types and shapes that the kernels rely on, or throws an
// Error with the reason. Checks that depend on data (indices, segment starts) run before each instruction: see
// inputs.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "../generated/ops.h"
#include "tensor.h"

namespace luthier {

struct TensorRecord {
  Region region;
  int64_t offset;       // bytes into the region; 0 for weights
  int32_t bindings[3];  // weights: the data, NF4's absmax, its nested absmax; -1 where absent
  Tensor layout;        // without addresses

  int64_t bytes() const;          // extent of `data`, from its first byte to after its last
  int64_t absmaxBytes() const;    // NF4
  int64_t nestedBytes() const;    // NF4 with double quantisation
};

struct Instruction {
  Opcode opcode;
  int32_t firstOperand, operandCount;
  int32_t firstAttribute, attributeCount;
};

struct Program {
  std::vector<TensorRecord> tensors;
  std::vector<Instruction> instructions;
  std::vector<int32_t> operands;    // of all instructions, one after another
  std::vector<int32_t> attributes;
  int64_t arenaBytes = 0, stateBytes = 0, ioBytes = 0;
  int32_t weightCount = 0;

  int64_t arenaPeak() const;
};

// The limits of the executor that will run the program.
struct ProgramLimits {
  int64_t arenaBytes, stateBytes, ioBytes;
  int32_t weightCount;
  bool allowF64;  // in activations; it is the type of sums everywhere
};

Program parseProgram(std::span<const uint8_t> bytes, const ProgramLimits& limits);

}  // namespace luthier
