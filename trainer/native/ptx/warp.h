// A warp: 32 lanes with registers of 64 bits, in groups that stand at the same instruction.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "module.h"

namespace luthier::ptx {

class Block;

using Register = std::array<uint64_t, 32>;  // by lane

inline constexpr uint32_t allLanes = 0xffffffffu;

struct Group {
  int32_t pc;
  uint32_t lanes;
};

// A copy by cp.async that its thread has not waited for.
struct Copy {
  int32_t lane;
  int64_t group;         // of the lane's groups, from 1
  uint64_t to, from;     // in shared and in global memory
  int64_t bytes, read;   // what it writes and reads; the rest becomes zeros
  bool happened;
};

struct Warp {
  Block* block = nullptr;
  int32_t firstThread = 0;
  uint32_t alive = 0;          // lanes that have not ended
  uint32_t epoch = 1;          // grows with each synchronisation of the whole warp
  bool atBlockBarrier = false;
  std::vector<Group> groups;   // no two at the same instruction
  std::vector<Register> registers;
  std::vector<Copy> copies;
  std::array<int64_t, 32> committed{};  // groups of copies, by lane

  Register& at(int32_t reg) { return registers[static_cast<size_t>(reg)]; }
  uint64_t value(int32_t reg, int32_t lane) const { return registers[static_cast<size_t>(reg)][static_cast<size_t>(lane)]; }
  void set(int32_t reg, int32_t lane, uint64_t bits) { registers[static_cast<size_t>(reg)][static_cast<size_t>(lane)] = bits; }
};

template <class Visit>
void forLanes(uint32_t mask, Visit visit) {
  for (; mask != 0; mask &= mask - 1) visit(std::countr_zero(mask));
}

template <class T>
T as(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
uint64_t bitsOf(T value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

}  // namespace luthier::ptx
