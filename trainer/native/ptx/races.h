// Finds data races of a launch by a cell for every byte that threads share.
//
// Two accesses of different threads, one of which writes, race unless something orders them: within a block a block barrier
// (an era ends) or, in one warp, a synchronisation of the whole warp (an epoch ends); between the blocks of a launch nothing.
// Shuffles and matrix instructions order nothing. Every schedule finds the same races, since only barriers count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace luthier::ptx {

// The thread that accesses memory, and the time it does so.
struct Accessor {
  uint32_t launch, block;  // numbered from 1
  uint32_t era, epoch;     // of the block and of the warp
  uint32_t thread;         // of the block
};

class RaceCells {
 public:
  explicit RaceCells(int64_t bytes) : cells_(static_cast<size_t>(bytes)) {}

  // Forgets every access.
  void reset(int64_t bytes) { cells_.assign(static_cast<size_t>(bytes), Cell{}); }

  // The race of an access with an earlier one, in words for an error; empty if there is none.
  std::string access(int64_t offset, int64_t bytes, bool write, const Accessor& by);
  // The same for a copy that begins to write; until it is settled, every access is a race. Then its thread has written.
  std::string hold(int64_t offset, int64_t bytes, const Accessor& by);
  std::string settle(int64_t offset, int64_t bytes, const Accessor& by);

 private:
  struct Cell {
    Accessor wrote{}, read{};   // the last of each; block 0: none
    bool manyThreads = false;   // others have read, too, since the last write: in this warp,
    bool manyWarps = false;     // in other warps of the block,
    bool manyBlocks = false;    // in other blocks
    uint32_t copier = 0;        // the thread of an unfinished copy, from 1
  };

  // How an access races with the cell's, null if it does not; `other` is then the earlier one.
  static const char* check(Cell& cell, bool write, const Accessor& by, Accessor& other);

  std::vector<Cell> cells_;
};

}  // namespace luthier::ptx
