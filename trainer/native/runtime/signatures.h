// The signature of an op, from its declaration (opTable.h), and the check of an instruction against it.
//
// A dimension's name is bound where it is first seen (integer attributes are bound before) and must agree afterwards; a
// number, or a term of names and numbers with *, / and + (from left to right, divisions without remainder) and ~ (which
// divides rounding up), is compared. "*" is any shape, the same for all operands that have it; "#" is the same and
// contiguous in memory, and binds # to the number of its elements.
#pragma once

#include <limits>
#include <string>

#include "../generated/ops.h"

namespace luthier {

// act: F32, BF16 or F64, the same for all of an instruction · dense: any float, dense · weight: any float, dense or NF4 ·
// sum: F32 (F64 in double programs) · any: any type, dense · others: that type.
enum class OperandType { act, dense, weight, sum, f32, f64, i32, u32, u8, any };

struct OperandInfo {
  const char* name;
  OperandType type;
  const char* shape;  // dimensions, separated by commas
  bool optional;      // may be absent
  bool written;       // accumulated into, or an output
  bool held;          // checked before the instruction runs (inputs.h), so it must not be written by it
  int32_t partner;    // the operand that must come together with this one; -1: none
  int32_t count;      // the attribute that counts its tensors, which stand one after another; -1: it is one
};

inline constexpr double unbounded = std::numeric_limits<double>::infinity();

struct AttributeInfo {
  const char* name;
  bool real;  // the bits of an f32; else an i32
  double lowest, highest;
  bool belowHighest;
  int32_t multipleOf;  // another attribute; -1: none
  int32_t values[8];   // the allowed values, if they are few
  int32_t valueCount;
};

struct OpInfo {
  const char* name;
  const OperandInfo* operands;
  int32_t operandCount;  // -1: any number
  const AttributeInfo* attributes;
  int32_t attributeCount, requiredAttributes;  // an instruction may leave out the ones behind the required, which are then 0
};

// The number of tensors of an operand.
inline int32_t countOf(const OpInfo& info, int32_t operand, const Call& call) {
  const int32_t attribute = info.operandCount < 0 ? -1 : info.operands[operand].count;
  return attribute < 0 ? 1 : call.integer(attribute);
}

// Throws an Error that starts with `where` and names the operand when the call does not fit its op's signature.
void checkSignature(const OpInfo& info, const Call& call, bool allowF64, const std::string& where);

}  // namespace luthier
