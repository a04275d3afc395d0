#include "block.h"

#include <algorithm>

#include "../runtime/error.h"

namespace luthier::ptx {
namespace {

constexpr int64_t unlimited = INT64_MAX;

Dimensions unflattened(uint64_t index, const Dimensions& d) {
  return {static_cast<uint32_t>(index % d.x), static_cast<uint32_t>(index / d.x % d.y), static_cast<uint32_t>(index / d.x / d.y)};
}

int64_t sharedBytes(const LaunchState& launch) {
  // Dynamic shared memory follows the static one.
  return (launch.entry->sharedBytes + 127) / 128 * 128 + launch.shape.dynamicSharedBytes;
}

}  // namespace

Block::Block(LaunchState& launch, uint32_t number, std::mt19937& random)
    : launch_(launch),
      number_(number),
      random_(random),
      index_(unflattened(number, launch.shape.grid)),
      warps_((launch.shape.block.count() + 31) / 32),
      shared_(static_cast<size_t>(sharedStart + sharedBytes(launch)), 0xff),
      sharedCells_(launch.spare->sharedCells),
      local_(static_cast<size_t>(launch.entry->localBytes) * launch.shape.block.count(), 0xff) {
  sharedCells_.reset(sharedStart + sharedBytes(launch));
  for (size_t i = 0; i < warps_.size(); ++i) start(warps_[i], static_cast<int32_t>(i));
}

Block::~Block() {
  for (Warp& warp : warps_) launch_.spare->registers.push_back(std::move(warp.registers));
}

void Block::start(Warp& warp, int32_t index) {
  warp.block = this;
  warp.firstThread = 32 * index;
  const auto threads = static_cast<int64_t>(launch_.shape.block.count()) - warp.firstThread;
  warp.alive = threads >= 32 ? allLanes : (1u << threads) - 1;
  warp.groups = {{0, warp.alive}};
  if (auto& spare = launch_.spare->registers; !spare.empty()) {
    warp.registers = std::move(spare.back());
    spare.pop_back();
  }
  warp.registers = launch_.initial;
  for (const Special& special : launch_.entry->specials) {
    if (special.kind == SpecialKind::constant) continue;
    for (uint32_t lane = 0; lane < 32; ++lane) warp.set(special.reg, static_cast<int32_t>(lane), specialValue(special, warp, lane));
  }
}

uint64_t Block::specialValue(const Special& special, const Warp& warp, uint32_t lane) const {
  const auto& [grid, block, dynamicBytes] = launch_.shape;
  const auto thread = static_cast<uint64_t>(warp.firstThread) + lane;
  const Dimensions tid = unflattened(thread, block);
  switch (special.kind) {
    case SpecialKind::constant: return special.value;
    case SpecialKind::tidX: return tid.x;
    case SpecialKind::tidY: return tid.y;
    case SpecialKind::tidZ: return tid.z;
    case SpecialKind::ctaidX: return index_.x;
    case SpecialKind::ctaidY: return index_.y;
    case SpecialKind::ctaidZ: return index_.z;
    case SpecialKind::ntidX: return block.x;
    case SpecialKind::ntidY: return block.y;
    case SpecialKind::ntidZ: return block.z;
    case SpecialKind::nctaidX: return grid.x;
    case SpecialKind::nctaidY: return grid.y;
    case SpecialKind::nctaidZ: return grid.z;
    case SpecialKind::laneId: return lane;
    case SpecialKind::warpId: return static_cast<uint64_t>(warp.firstThread / 32);
    case SpecialKind::parameter: return reinterpret_cast<uint64_t>(launch_.parameters.data()) + special.value;
    case SpecialKind::shared: return static_cast<uint64_t>(sharedStart) + special.value;
    case SpecialKind::dynamicShared: return static_cast<uint64_t>(sharedStart + sharedBytes(launch_) - dynamicBytes);
    case SpecialKind::local:
      return reinterpret_cast<uint64_t>(local_.data()) + thread * static_cast<uint64_t>(launch_.entry->localBytes) + special.value;
    case SpecialKind::global: return reinterpret_cast<uint64_t>(launch_.module->globalBytes.data()) + special.value;
  }
  return 0;
}

void Block::run() {
  std::vector<size_t> turns(warps_.size());
  for (size_t i = 0; i < turns.size(); ++i) turns[i] = i;
  for (;;) {
    if (launch_.seed != 0) std::shuffle(turns.begin(), turns.end(), random_);
    bool alive = false, progress = false;
    for (const size_t i : turns) {
      Warp& warp = warps_[i];
      if (warp.groups.empty()) continue;
      alive = true;
      if (warp.atBlockBarrier) continue;
      progress = true;
      runWarp(warp, launch_.seed != 0 ? 1 + static_cast<int64_t>(random_() % 200) : unlimited);
    }
    if (!alive) return;
    if (!progress) releaseBarrier();
  }
}

// Every warp that lives stands at the barrier.
void Block::releaseBarrier() {
  ++era_;
  for (Warp& warp : warps_) warp.atBlockBarrier = false;
}

uint32_t Block::guarded(const Warp& warp, const Instruction& instruction, uint32_t lanes) const {
  if (instruction.guard < 0) return lanes;
  uint32_t mask = 0;
  forLanes(lanes, [&](int32_t lane) {
    if (((warp.value(instruction.guard, lane) & 1) != 0) != instruction.guardNegated) mask |= 1u << lane;
  });
  return mask;
}

// The lanes that must be at a collective instruction together; those that have ended do not count.
uint32_t Block::membersOf(const Warp& warp, const Group& group, const Instruction& instruction) const {
  if (instruction.kind == Kind::plain || instruction.kind == Kind::branch || instruction.kind == Kind::exit) return group.lanes;
  if (instruction.members < 0) return warp.alive;
  const int32_t lane = std::countr_zero(group.lanes);
  return static_cast<uint32_t>(warp.value(instruction.reg(static_cast<size_t>(instruction.members)), lane)) & warp.alive;
}

// The group to run: one that need not wait for others; the lowest address first, so that groups meet again.
size_t Block::choose(const Warp& warp) {
  std::vector<size_t> ready;
  for (size_t g = 0; g < warp.groups.size(); ++g) {
    const Group& group = warp.groups[g];
    const Instruction& next = launch_.entry->code[static_cast<size_t>(group.pc)];
    if ((membersOf(warp, group, next) & ~group.lanes) == 0) ready.push_back(g);
  }
  if (ready.empty()) {
    const Group& group = warp.groups.front();
    fail(warp, launch_.entry->code[static_cast<size_t>(group.pc)], std::countr_zero(group.lanes), "not all lanes reach it");
  }
  if (launch_.seed != 0) return ready[random_() % ready.size()];
  return *std::min_element(ready.begin(), ready.end(), [&](size_t a, size_t b) { return warp.groups[a].pc < warp.groups[b].pc; });
}

void Block::runWarp(Warp& warp, int64_t budget) {
  for (; budget > 0 && !warp.groups.empty(); --budget) {
    const size_t chosen = warp.groups.size() == 1 ? 0 : choose(warp);
    Group& group = warp.groups[chosen];
    const Instruction& instruction = launch_.entry->code[static_cast<size_t>(group.pc)];
    const uint32_t mask = guarded(warp, instruction, group.lanes);
    switch (instruction.kind) {
      case Kind::branch: branch(warp, chosen, instruction, mask); continue;
      case Kind::exit:
        for (const Copy& copy : warp.copies) {
          if ((mask >> copy.lane & 1) != 0) fail(warp, instruction, copy.lane, "it ends before its copies");
        }
        warp.alive &= ~mask;
        group.lanes &= ~mask;
        ++group.pc;
        if (group.lanes == 0) warp.groups.erase(warp.groups.begin() + static_cast<int64_t>(chosen));
        break;
      case Kind::blockBarrier:
        if (mask != warp.alive) fail(warp, instruction, std::countr_zero(group.lanes), "not all lanes of the warp reach it");
        ++group.pc;
        ++warp.epoch;
        warp.atBlockBarrier = true;
        return;
      case Kind::warpCollective:
      case Kind::plain:
        if (mask != 0) instruction.run(warp, instruction, mask);
        ++group.pc;
        break;
    }
    if (warp.groups.size() > 1) merge(warp);
  }
}

void Block::branch(Warp& warp, size_t chosen, const Instruction& instruction, uint32_t taken) {
  Group& group = warp.groups[chosen];
  const uint32_t rest = group.lanes & ~taken;
  if (taken == 0) ++group.pc;
  else if (rest == 0) group.pc = instruction.target;
  else {
    group = {group.pc + 1, rest};
    warp.groups.push_back({instruction.target, taken});
  }
  if (warp.groups.size() > 1) merge(warp);
}

void Block::merge(Warp& warp) const {
  for (size_t a = 0; a < warp.groups.size(); ++a) {
    for (size_t b = warp.groups.size(); b-- > a + 1;) {
      if (warp.groups[a].pc != warp.groups[b].pc) continue;
      warp.groups[a].lanes |= warp.groups[b].lanes;
      warp.groups.erase(warp.groups.begin() + static_cast<int64_t>(b));
    }
  }
}

Space Block::resolve(uint64_t address, int64_t bytes, int32_t thread) const {
  const auto inside = [&](const std::vector<uint8_t>& storage, uint64_t offset, uint64_t size) {
    const uint64_t from = reinterpret_cast<uint64_t>(storage.data()) + offset;
    return address >= from && address + static_cast<uint64_t>(bytes) <= from + size;
  };
  if (inside(shared_, 0, shared_.size())) return Space::shared;
  if (inside(launch_.parameters, 0, launch_.parameters.size())) return Space::parameter;
  const auto own = static_cast<uint64_t>(launch_.entry->localBytes);
  if (inside(local_, static_cast<uint64_t>(thread) * own, own)) return Space::local;
  return Space::global;
}

uint8_t* Block::access(const Warp& warp, const Instruction& instruction, Space space, uint64_t address, int64_t bytes, bool write, int32_t lane) {
  const int32_t thread = warp.firstThread + lane;
  if (space == Space::shared) address += sharedBase();
  const Space actual = resolve(address, bytes, thread);
  if (space != Space::generic && space != actual) fail(warp, instruction, lane, "the address lies outside of its space");
  if (address % static_cast<uint64_t>(bytes) != 0 && actual != Space::parameter) fail(warp, instruction, lane, "the address is not a multiple of " + std::to_string(bytes));
  const Accessor by = accessor(warp, lane);
  if (actual == Space::shared) {
    const auto offset = static_cast<int64_t>(address - sharedBase());
    if (offset < sharedStart) fail(warp, instruction, lane, "the shared address is null or outside of shared memory");
    const std::string race = sharedCells_.access(offset, bytes, write, by);
    if (!race.empty()) fail(warp, instruction, lane, std::string("a race: the ") + (write ? "written" : "read") + " shared memory " + race);
  } else if (actual == Space::global) {
    const auto constants = reinterpret_cast<uint64_t>(launch_.module->globalBytes.data());
    const bool constant = address >= constants && address + static_cast<uint64_t>(bytes) <= constants + launch_.module->globalBytes.size();
    if (constant && write) fail(warp, instruction, lane, "a write to a constant");
    if (!constant) {
      try {
        return launch_.memory->access(address, bytes, write, by);
      } catch (const Error& error) {
        fail(warp, instruction, lane, error.what());
      }
    }
  } else if (actual == Space::parameter && write) {
    fail(warp, instruction, lane, "a write to a parameter");
  }
  return reinterpret_cast<uint8_t*>(address);
}

void Block::fail(const Warp& warp, const Instruction& instruction, int32_t lane, const std::string& what) const {
  throw Error("kernel " + launch_.entry->name + ", block " + std::to_string(number_) + ", thread " + std::to_string(warp.firstThread + lane) +
              ", PTX line " + std::to_string(instruction.line) + " (" + instruction.text + "): " + what);
}

}  // namespace luthier::ptx
