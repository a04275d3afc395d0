// cp.async: copies from global to shared memory that a thread starts, gathers into groups and waits for. PTX ISA 9.0, 9.7.9.25.
//
// A copy happens at some time between its start and the end of its thread's wait: in order as late as it may, in a shuffled
// schedule at once or late. Until the wait ends nobody may touch the bytes that it writes; then they count as written by its
// thread, so that other threads need a barrier behind the wait.
#include "../runtime/error.h"
#include "block.h"
#include "opcodes.h"

namespace luthier::ptx {

void Block::startCopy(Warp& warp, const Instruction& instruction, Copy copy) {
  const auto fault = [&](const std::string& what) { fail(warp, instruction, copy.lane, what); };
  const auto size = static_cast<uint64_t>(copy.bytes);
  if (copy.to % size != 0 || copy.from % size != 0) fault("an address is not a multiple of " + std::to_string(copy.bytes));
  if (copy.read > copy.bytes) fault("it reads more bytes than it writes");
  if (copy.to < static_cast<uint64_t>(sharedStart) || copy.to + size > shared_.size()) fault("the shared address is null or outside of shared memory");
  const std::string race = sharedCells_.hold(static_cast<int64_t>(copy.to), copy.bytes, accessor(warp, copy.lane));
  if (!race.empty()) fault("a race: the written shared memory " + race);
  readSource(warp, instruction, copy);
  if (launch_.seed != 0 && random_() % 2 == 0) move(copy);
  warp.copies.push_back(copy);
}

void Block::finishCopies(Warp& warp, const Instruction& instruction, int32_t lane, int64_t group) {
  const auto isAwaited = [&](const Copy& copy) { return copy.lane == lane && copy.group <= group; };
  for (Copy& copy : warp.copies) {
    if (!isAwaited(copy)) continue;
    if (!copy.happened) {
      readSource(warp, instruction, copy);
      move(copy);
    }
    const std::string race = sharedCells_.settle(static_cast<int64_t>(copy.to), copy.bytes, accessor(warp, lane));
    if (!race.empty()) fail(warp, instruction, lane, "a race: the copied shared memory " + race);
  }
  std::erase_if(warp.copies, isAwaited);
}

void Block::readSource(const Warp& warp, const Instruction& instruction, const Copy& copy) const {
  if (copy.read == 0) return;
  try {
    launch_.memory->access(copy.from, copy.read, false, accessor(warp, copy.lane));
  } catch (const Error& error) {
    fail(warp, instruction, copy.lane, error.what());
  }
}

void Block::move(Copy& copy) {
  uint8_t* to = shared_.data() + copy.to;
  std::memset(to, 0, static_cast<size_t>(copy.bytes));
  std::memcpy(to, reinterpret_cast<const uint8_t*>(copy.from), static_cast<size_t>(copy.read));
  copy.happened = true;
}

namespace {

// cp.async [shared], [global], bytes, bytes read: the rest becomes zeros.
void start(Warp& w, const Instruction& i, uint32_t mask) {
  if (i.offset != 0) w.block->fail(w, i, std::countr_zero(mask), "an offset of its addresses is not known");
  forLanes(mask, [&](int32_t l) {
    const auto bytes = static_cast<int64_t>(w.value(i.reg(2), l));
    const auto read = i.operands.size() > 3 ? static_cast<int64_t>(w.value(i.reg(3), l) & 0xffffffffull) : bytes;
    const int64_t group = w.committed[static_cast<size_t>(l)] + 1;
    w.block->startCopy(w, i, {l, group, w.value(i.reg(0), l) & 0xffffffffull, w.value(i.reg(1), l), bytes, read, false});
  });
}

void commit(Warp& w, const Instruction&, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { ++w.committed[static_cast<size_t>(l)]; });
}

// Waits for all groups but the last ones, as many as its operand says.
void waitGroup(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) {
    w.block->finishCopies(w, i, l, w.committed[static_cast<size_t>(l)] - static_cast<int64_t>(w.value(i.reg(0), l)));
  });
}

// Also for copies in no group yet.
void waitAll(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { w.block->finishCopies(w, i, l, w.committed[static_cast<size_t>(l)] + 1); });
}

}  // namespace

void addCopies(OpcodeTable& t) {
  for (const char* cache : {"ca", "cg"}) t[std::string("cp.async.") + cache + ".shared.global"] = {start};
  t["cp.async.commit_group"] = {commit};
  t["cp.async.wait_group"] = {waitGroup};
  t["cp.async.wait_all"] = {waitAll};
}

}  // namespace luthier::ptx
