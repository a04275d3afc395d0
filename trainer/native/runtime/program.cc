#include "program.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "../generated/opTable.h"
#include "error.h"

namespace luthier {
namespace {

constexpr int32_t magic = 0x5048544C;
constexpr int32_t version = 1;
constexpr int64_t headerWords = 12, tensorWords = 12;
constexpr int64_t maxElements = int64_t{1} << 42;

class Words {
 public:
  explicit Words(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  int64_t left() const { return static_cast<int64_t>(bytes_.size() / 4) - at_; }

  int32_t next() {
    if (left() < 1) throw Error("the program ends early, at word " + std::to_string(at_));
    int32_t word;
    std::memcpy(&word, bytes_.data() + 4 * at_++, 4);
    return word;
  }

  int64_t nextLong() {
    const auto low = static_cast<uint32_t>(next());
    const auto high = static_cast<uint32_t>(next());
    return static_cast<int64_t>(static_cast<uint64_t>(high) << 32 | low);
  }

 private:
  std::span<const uint8_t> bytes_;
  int64_t at_ = 0;
};

std::string at(const char* what, int64_t index) { return std::string(what) + " " + std::to_string(index) + ": "; }

void readShape(Words& words, TensorRecord& t, const std::string& where) {
  const int32_t dtype = words.next(), storage = words.next(), rank = words.next();
  if (dtype < 0 || dtype >= dtypeCount) throw Error(where + "unknown data type " + std::to_string(dtype));
  if (storage < 0 || storage > 1) throw Error(where + "unknown storage " + std::to_string(storage));
  if (rank < 1 || rank > 4) throw Error(where + "rank " + std::to_string(rank) + " is not 1 to 4");
  t.layout = Tensor{static_cast<DType>(dtype), static_cast<Storage>(storage), rank, {}, 0, nullptr, nullptr, nullptr};
  int64_t count = 1;
  for (int i = 0; i < 4; ++i) {
    const int32_t dim = t.layout.dims[i] = words.next();
    if (dim < 1 || (i >= rank && dim != 1)) throw Error(where + "dimension " + std::to_string(i) + " is " + std::to_string(dim));
    if (dim > maxElements / count) throw Error(where + "more than 2^42 elements");
    count *= dim;
  }
  t.layout.stride = words.next();
  if (t.layout.rank == 1) return;
  if (t.layout.stride < t.layout.cols()) throw Error(where + "the row stride is shorter than a row");
  if (t.layout.stride > maxElements / t.layout.rows()) throw Error(where + "its rows span more than 2^42 elements");
}

int32_t readBinding(Words& words, int32_t weightCount, bool optional, const std::string& where) {
  const int32_t binding = words.next();
  if (binding == -1 && optional) return binding;
  if (binding < 0 || binding >= weightCount) throw Error(where + "weight binding " + std::to_string(binding) + " does not exist: the executor has " + std::to_string(weightCount));
  return binding;
}

void readDense(Words& words, TensorRecord& t, const Program& program, const std::string& where) {
  if (t.region == Region::weights) {
    t.bindings[0] = readBinding(words, program.weightCount, false, where);
    if (words.next() != -1 || words.next() != -1) throw Error(where + "a dense weight must have one binding");
    return;
  }
  t.offset = words.nextLong();
  if (words.next() != -1) throw Error(where + "the last word of a dense tensor must be -1");
  const int64_t limit = t.region == Region::state ? program.stateBytes : t.region == Region::arena ? program.arenaBytes : program.ioBytes;
  if (t.offset < 0 || t.offset % bytesOf(t.layout.dtype) != 0) throw Error(where + "misaligned offset " + std::to_string(t.offset));
  if (t.offset > limit || t.bytes() > limit - t.offset) throw Error(where + "reaches beyond its region of " + std::to_string(limit) + " bytes");
}

void readNf4(Words& words, TensorRecord& t, const Program& program, const std::string& where) {
  if (t.region != Region::weights) throw Error(where + "only weights may be NF4");
  if (t.layout.rank != 2 || !t.layout.contiguous()) throw Error(where + "an NF4 tensor must be a contiguous matrix");
  if (t.layout.dtype != DType::f32) throw Error(where + "an NF4 tensor's data type must be F32");
  t.bindings[0] = readBinding(words, program.weightCount, false, where);
  t.bindings[1] = readBinding(words, program.weightCount, false, where);
  t.bindings[2] = readBinding(words, program.weightCount, true, where);
}

TensorRecord readTensor(Words& words, const Program& program, int64_t index) {
  const std::string where = at("tensor", index);
  TensorRecord t{};
  const int32_t region = words.next();
  if (region < 0 || region > 3) throw Error(where + "unknown region " + std::to_string(region));
  t.region = static_cast<Region>(region);
  std::fill(std::begin(t.bindings), std::end(t.bindings), -1);
  readShape(words, t, where);
  if (t.layout.storage == Storage::nf4) readNf4(words, t, program, where);
  else readDense(words, t, program, where);
  return t;
}

const OpInfo& infoOf(Opcode opcode) { return opTable[static_cast<int32_t>(opcode) - 1]; }

std::string nameOf(const OpInfo& info, int32_t operand) {
  return info.operandCount < 0 ? "operand " + std::to_string(operand) : info.operands[operand].name;
}

void readOperands(Words& words, Program& program, const Instruction& instruction, const std::string& where) {
  const OpInfo& info = infoOf(instruction.opcode);
  for (int32_t i = 0; i < instruction.operandCount; ++i) {
    const int32_t operand = words.next();
    const bool absent = operand == -1 && info.operandCount >= 0 && info.operands[i].optional;
    if (!absent && (operand < 0 || operand >= static_cast<int64_t>(program.tensors.size()))) {
      throw Error(where + nameOf(info, i) + " is tensor " + std::to_string(operand) + ", which does not exist");
    }
    program.operands.push_back(operand);
  }
}

void readInstruction(Words& words, Program& program, int64_t index) {
  const int32_t opcode = words.next();
  if (opcode < 1 || opcode > opcodeCount) throw Error(at("instruction", index) + "unknown opcode " + std::to_string(opcode));
  const OpInfo& info = opTable[opcode - 1];
  const std::string where = at("instruction", index) + info.name + ": ";
  const int32_t operandCount = words.next(), given = words.next();
  const Instruction instruction{static_cast<Opcode>(opcode), static_cast<int32_t>(program.operands.size()), operandCount,
                                static_cast<int32_t>(program.attributes.size()), info.attributeCount};
  if (info.operandCount >= 0 && instruction.operandCount != info.operandCount) {
    throw Error(where + "takes " + std::to_string(info.operandCount) + " operands, has " + std::to_string(instruction.operandCount));
  }
  if (given < info.requiredAttributes || given > info.attributeCount) {
    throw Error(where + "takes " + std::to_string(info.attributeCount) + " attributes, has " + std::to_string(given));
  }
  if (instruction.operandCount < 0 || instruction.operandCount > words.left()) throw Error(where + "an invalid operand count");
  readOperands(words, program, instruction, where);
  for (int32_t i = 0; i < info.attributeCount; ++i) program.attributes.push_back(i < given ? words.next() : 0);
  program.instructions.push_back(instruction);
}

void checkRegions(const Program& p, const ProgramLimits& limits) {
  const auto check = [](const char* region, int64_t needs, int64_t has) {
    if (needs < 0 || needs > has) throw Error(std::string("the program needs ") + std::to_string(needs) + " bytes of " + region + ", the executor has " + std::to_string(has));
  };
  check("arena", p.arenaBytes, limits.arenaBytes);
  check("state", p.stateBytes, limits.stateBytes);
  check("io", p.ioBytes, limits.ioBytes);
  if (p.weightCount < 0 || p.weightCount > limits.weightCount) {
    throw Error("the program names " + std::to_string(p.weightCount) + " weights, the executor has " + std::to_string(limits.weightCount));
  }
}

// The tensors of an operand; none if it is absent.
std::span<const TensorRecord> recordsOf(const Program& program, const Instruction& instruction, int32_t operand) {
  const int32_t index = program.operands[static_cast<size_t>(instruction.firstOperand + operand)];
  if (index < 0) return {};
  const Call call{nullptr, instruction.operandCount, program.attributes.data() + instruction.firstAttribute};
  const int32_t count = countOf(infoOf(instruction.opcode), operand, call);
  return {program.tensors.data() + index, static_cast<size_t>(count)};
}

// An operand of several tensors has them all, alike.
void checkCounts(const Program& program, const Instruction& instruction, const std::string& where) {
  const OpInfo& info = infoOf(instruction.opcode);
  for (int32_t i = 0; i < info.operandCount; ++i) {
    const std::span<const TensorRecord> records = recordsOf(program, instruction, i);
    if (records.empty()) continue;
    const auto first = records.data() - program.tensors.data();
    if (first + static_cast<int64_t>(records.size()) > static_cast<int64_t>(program.tensors.size())) {
      throw Error(where + info.name + ": " + info.operands[i].name + " has " + std::to_string(records.size()) + " tensors, which do not all exist");
    }
    const Tensor& like = records.front().layout;
    for (const TensorRecord& record : records) {
      const Tensor& t = record.layout;
      const bool same = t.dtype == like.dtype && t.storage == like.storage && t.rank == like.rank && t.stride == like.stride &&
                        std::equal(std::begin(t.dims), std::end(t.dims), std::begin(like.dims));
      if (!same) throw Error(where + info.name + ": the tensors of " + info.operands[i].name + " differ");
    }
  }
}

// No instruction may write a weight, or overwrite an input whose data was checked.
void checkWrite(const Program& program, const Instruction& instruction, int32_t operand, const TensorRecord& to, const std::string& where) {
  const OpInfo& info = infoOf(instruction.opcode);
  if (to.region == Region::weights) throw Error(where + info.name + ": writes " + info.operands[operand].name + ", a weight");
  for (int32_t r = 0; r < info.operandCount; ++r) {
    if (!info.operands[r].held) continue;
    for (const TensorRecord& read : recordsOf(program, instruction, r)) {
      const bool apart = read.region != to.region || read.offset + read.bytes() <= to.offset || to.offset + to.bytes() <= read.offset;
      if (!apart) throw Error(where + info.name + ": writes over " + info.operands[r].name + ", which was checked before");
    }
  }
}

void checkWrites(const Program& program, const Instruction& instruction, const std::string& where) {
  const OpInfo& info = infoOf(instruction.opcode);
  for (int32_t w = 0; w < info.operandCount; ++w) {
    if (!info.operands[w].written) continue;
    for (const TensorRecord& record : recordsOf(program, instruction, w)) checkWrite(program, instruction, w, record, where);
  }
}

void checkInstructions(const Program& program, bool allowF64) {
  for (size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    std::vector<const Tensor*> operands;
    for (int32_t k = 0; k < instruction.operandCount; ++k) {
      const int32_t operand = program.operands[static_cast<size_t>(instruction.firstOperand + k)];
      operands.push_back(operand < 0 ? nullptr : &program.tensors[static_cast<size_t>(operand)].layout);
    }
    const Call call{operands.data(), instruction.operandCount, program.attributes.data() + instruction.firstAttribute};
    if (infoOf(instruction.opcode).operandCount < 0) continue;
    checkSignature(infoOf(instruction.opcode), call, allowF64, at("instruction", static_cast<int64_t>(i)));
    checkCounts(program, instruction, at("instruction", static_cast<int64_t>(i)));
    checkWrites(program, instruction, at("instruction", static_cast<int64_t>(i)));
  }
}

}  // namespace

int64_t TensorRecord::bytes() const {
  if (layout.storage == Storage::nf4) return (layout.count() + 1) / 2;
  const int64_t elements = layout.rank == 1 ? layout.cols() : (layout.rows() - 1) * layout.stride + layout.cols();
  return elements * bytesOf(layout.dtype);
}

int64_t TensorRecord::absmaxBytes() const { return nf4Blocks(layout) * (bindings[2] < 0 ? 4 : 1); }

int64_t TensorRecord::nestedBytes() const { return (nf4NestedBlocks(layout) + 1) * 4; }

int64_t Program::arenaPeak() const {
  int64_t peak = 0;
  for (const TensorRecord& t : tensors) {
    if (t.region == Region::arena) peak = std::max(peak, t.offset + t.bytes());
  }
  return peak;
}

Program parseProgram(std::span<const uint8_t> bytes, const ProgramLimits& limits) {
  if (bytes.size() % 4 != 0) throw Error("a program must be a whole number of 32-bit words");
  Words words(bytes);
  if (words.left() < headerWords || words.next() != magic) throw Error("not a program: the magic LTHP is missing");
  if (const int32_t v = words.next(); v != version) throw Error("program version " + std::to_string(v) + ", this executor runs " + std::to_string(version));
  const int32_t tensorCount = words.next(), instructionCount = words.next(), wordCount = words.next();
  Program program;
  program.arenaBytes = words.nextLong();
  program.stateBytes = words.nextLong();
  program.ioBytes = words.nextLong();
  program.weightCount = words.next();
  checkRegions(program, limits);
  if (tensorCount < 0 || instructionCount < 0 || wordCount < 0 || words.left() != tensorCount * tensorWords + wordCount) {
    throw Error("the program's counts do not add up to its length");
  }
  for (int32_t i = 0; i < tensorCount; ++i) program.tensors.push_back(readTensor(words, program, i));
  for (int32_t i = 0; i < instructionCount; ++i) readInstruction(words, program, i);
  if (words.left() != 0) throw Error("unexpected words after the last instruction");
  checkInstructions(program, limits.allowF64);
  return program;
}

}  // namespace luthier
