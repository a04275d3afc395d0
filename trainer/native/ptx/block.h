// One block of a launch: its warps, shared and local memory, and the schedule in which the warps take turns.
#pragma once

#include <memory>
#include <random>

#include "memory.h"
#include "warp.h"

namespace luthier::ptx {

struct Dimensions {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return static_cast<uint64_t>(x) * y * z; }
};

struct LaunchShape {
  Dimensions grid, block;
  int64_t dynamicSharedBytes = 0;
};

// Memory that a block takes from the blocks before it: registers of warps, and the cells of shared memory. A compiled kernel
// names thousands of registers, and fresh pages for them took most of the time of small launches.
struct SpareMemory {
  std::vector<std::vector<Register>> registers;
  RaceCells sharedCells{0};
};

// The state that the blocks of a launch share. A seed other than 0 shuffles blocks, warps and diverged groups.
struct LaunchState {
  const Module* module;
  const Entry* entry;
  LaunchShape shape;
  std::vector<uint8_t> parameters;
  DeviceMemory* memory;
  SpareMemory* spare;
  uint32_t number;  // of the launch, from 1
  uint32_t seed;
  std::vector<Register> initial;  // the registers of every warp: constants, and NaN
};

// No shared address is 0, so that a null pointer is found.
inline constexpr int64_t sharedStart = 1024;

enum class Space : uint8_t { generic, parameter, shared, local, global };

class Block {
 public:
  Block(LaunchState& launch, uint32_t number, std::mt19937& random);
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  // Runs the block to its end. Throws an Error that names the instruction, the block and the thread.
  void run();

  // The host's bytes of an access by one lane; checks space, bounds, alignment and races.
  uint8_t* access(const Warp& warp, const Instruction& instruction, Space space, uint64_t address, int64_t bytes, bool write, int32_t lane);
  // cp.async: begins a copy, and ends a lane's copies up to a group.
  void startCopy(Warp& warp, const Instruction& instruction, Copy copy);
  void finishCopies(Warp& warp, const Instruction& instruction, int32_t lane, int64_t group);
  // Shared memory as generic addresses name it.
  uint64_t sharedToGeneric(uint64_t address) const { return sharedBase() + address; }
  uint64_t genericToShared(uint64_t address) const { return address - sharedBase(); }

  [[noreturn]] void fail(const Warp& warp, const Instruction& instruction, int32_t lane, const std::string& what) const;

 private:
  void start(Warp& warp, int32_t index);
  uint64_t specialValue(const Special& special, const Warp& warp, uint32_t lane) const;
  void runWarp(Warp& warp, int64_t budget);
  size_t choose(const Warp& warp);
  uint32_t guarded(const Warp& warp, const Instruction& instruction, uint32_t lanes) const;
  uint32_t membersOf(const Warp& warp, const Group& group, const Instruction& instruction) const;
  void branch(Warp& warp, size_t group, const Instruction& instruction, uint32_t taken);
  void merge(Warp& warp) const;
  void releaseBarrier();

  Accessor accessor(const Warp& warp, int32_t lane) const {
    return {launch_.number, number_ + 1, era_, warp.epoch, static_cast<uint32_t>(warp.firstThread + lane)};
  }
  void readSource(const Warp& warp, const Instruction& instruction, const Copy& copy) const;
  void move(Copy& copy);

  uint64_t sharedBase() const { return reinterpret_cast<uint64_t>(shared_.data()); }
  Space resolve(uint64_t address, int64_t bytes, int32_t thread) const;

  LaunchState& launch_;
  uint32_t number_;
  std::mt19937& random_;
  Dimensions index_;
  uint32_t era_ = 1;
  std::vector<Warp> warps_;
  std::vector<uint8_t> shared_;
  RaceCells& sharedCells_;
  std::vector<uint8_t> local_;  // of all threads, one after another
};

}  // namespace luthier::ptx
