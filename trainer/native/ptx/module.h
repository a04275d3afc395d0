// A PTX module as read: entries, their instructions with resolved operands, and initialised constants.
//
// Everything that an instruction can name is a register of its entry: declared registers, immediate values, special registers
// (%tid.x), and the addresses of parameters, of variables and of local memory. The machine sets those that are not declared
// when a warp starts, so that an operand is always one index. Source: PTX ISA 9.0.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace luthier::ptx {

enum class Type : uint8_t { none, pred, b8, b16, b32, b64, u8, u16, u32, u64, s8, s16, s32, s64, f16, bf16, f32, f64, bf16x2 };

// The type of a suffix ("f32"), or none.
Type typeOf(const std::string& name);
int32_t bytesOf(Type type);

struct Instruction;
struct Warp;

// Executes an instruction for the lanes of `mask`.
using Handler = void (*)(Warp& warp, const Instruction& instruction, uint32_t mask);

enum class Kind : uint8_t { plain, branch, exit, warpCollective, blockBarrier };

struct Instruction {
  std::string text;    // as in the file, for errors
  std::string opcode;  // without operands
  int32_t line = 0;
  Kind kind = Kind::plain;
  Type type = Type::none;                      // the last suffix
  int32_t guard = -1;                          // a predicate, or -1
  bool guardNegated = false;
  std::vector<std::vector<int32_t>> operands;  // registers: one, or those of a vector or of a coordinate list
  int64_t offset = 0;                          // of the address operand
  int32_t target = -1;                         // of a branch
  int32_t members = -1;                        // operand with the member mask of a collective, or -1 for all lanes alive
  int32_t variant = 0;                         // a choice among its opcode's suffixes, by the handler's meaning
  Handler run = nullptr;

  int32_t reg(size_t operand) const { return operands[operand][0]; }
};

// Bytes with a name: a parameter, a shared or local variable, a constant.
struct Variable {
  std::string name;
  int64_t offset = 0, bytes = 0;
};

enum class SpecialKind : uint8_t { constant, tidX, tidY, tidZ, ctaidX, ctaidY, ctaidZ, ntidX, ntidY, ntidZ, nctaidX, nctaidY, nctaidZ, laneId, warpId, parameter, shared, dynamicShared, local, global };

// How a register that no instruction declares gets its value; `value` is the constant, or an offset into the space.
struct Special {
  int32_t reg;
  SpecialKind kind;
  uint64_t value;
};

struct Entry {
  std::string name;
  std::vector<Variable> parameters, shared, local;
  int64_t parameterBytes = 0, sharedBytes = 0, localBytes = 0;
  std::vector<Instruction> code;
  std::vector<Special> specials;
  int32_t registers = 0;
};

struct Module {
  std::map<std::string, Entry> entries;
  std::vector<Variable> globals;  // initialised constants
  std::vector<uint8_t> globalBytes;
};

// Throws an Error with the line of what it cannot read; an opcode without a handler is one.
Module readModule(const std::string& text);

// How an opcode with all its suffixes is executed; an unknown one has neither a handler nor a kind of its own.
struct Known {
  Handler run = nullptr;
  Kind kind = Kind::plain;
  bool masked = false;  // its last operand is a member mask
  int32_t variant = 0;
};
Known knownOpcode(const std::string& opcode);

}  // namespace luthier::ptx
