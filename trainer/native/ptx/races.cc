#include "races.h"

#include <algorithm>

namespace luthier::ptx {
namespace {

bool sameWarp(const Accessor& a, const Accessor& b) { return a.thread / 32 == b.thread / 32; }

// True if a barrier lies between an earlier access in the same block and this one, or one thread makes both.
bool ordered(const Accessor& earlier, const Accessor& by) {
  return earlier.era != by.era || earlier.thread == by.thread || (sameWarp(earlier, by) && earlier.epoch != by.epoch);
}

}  // namespace

const char* RaceCells::check(Cell& cell, bool write, const Accessor& by, Accessor& other) {
  if (cell.copier != 0) {
    other = {by.launch, by.block, 0, 0, cell.copier - 1};
    return write ? "is also written by an unfinished copy of" : "is written by an unfinished copy of";
  }
  if (cell.wrote.launch != by.launch) cell.wrote = {};
  if (cell.read.launch != by.launch) cell.read = {}, cell.manyThreads = cell.manyWarps = cell.manyBlocks = false;
  if (cell.wrote.block != 0) {
    other = cell.wrote;
    if (cell.wrote.block != by.block || !ordered(cell.wrote, by)) return write ? "is also written by" : "is written by";
  }
  if (!write) {
    if (cell.read.block == 0 || (cell.read.block == by.block && cell.read.era != by.era)) {
      cell.read = by, cell.manyThreads = cell.manyWarps = false;
    } else {
      cell.manyBlocks = cell.manyBlocks || cell.read.block != by.block;
      cell.manyWarps = cell.manyWarps || !sameWarp(cell.read, by);
      // Reads of an earlier epoch are ordered before every later write of this warp.
      const bool same = sameWarp(cell.read, by) && cell.read.epoch == by.epoch;
      cell.manyThreads = same && (cell.manyThreads || cell.read.thread != by.thread);
      cell.read = by;
    }
    return nullptr;
  }
  if (cell.read.block != 0) {
    other = cell.read;
    if (cell.manyBlocks || cell.read.block != by.block) return "is read by another block and";
    const bool now = cell.read.era == by.era;
    if (now && (cell.manyWarps || !ordered(cell.read, by) || (cell.manyThreads && cell.read.epoch == by.epoch))) return "is read by";
  }
  cell.wrote = by;
  cell.read = {}, cell.manyThreads = cell.manyWarps = cell.manyBlocks = false;
  return nullptr;
}

std::string RaceCells::access(int64_t offset, int64_t bytes, bool write, const Accessor& by) {
  Accessor other{};
  for (int64_t i = offset; i < offset + bytes; ++i) {
    if (const char* how = check(cells_[static_cast<size_t>(i)], write, by, other)) {
      return std::string(how) + " thread " + std::to_string(other.thread) + " of block " + std::to_string(other.block - 1);
    }
  }
  return {};
}

std::string RaceCells::hold(int64_t offset, int64_t bytes, const Accessor& by) {
  std::string race = access(offset, bytes, true, by);
  if (race.empty()) std::for_each_n(cells_.begin() + offset, bytes, [&](Cell& cell) { cell.copier = by.thread + 1; });
  return race;
}

std::string RaceCells::settle(int64_t offset, int64_t bytes, const Accessor& by) {
  std::for_each_n(cells_.begin() + offset, bytes, [](Cell& cell) { cell.copier = 0; });
  return access(offset, bytes, true, by);
}

}  // namespace luthier::ptx
