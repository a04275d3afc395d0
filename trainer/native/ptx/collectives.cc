// Instructions of a warp's lanes together: shuffles, votes, synchronisation. PTX ISA 9.0, 9.7.9.6 and 9.7.13.
#include "block.h"
#include "opcodes.h"

namespace luthier::ptx {
namespace {

enum class Shuffle : uint8_t { up, down, butterfly, index };

// shfl.sync.MODE.b32 d|p, a, b, c, members: c holds the segment's mask (bits 8 to 12) and the clamp (bits 0 to 4).
template <Shuffle mode>
void shuffle(Warp& w, const Instruction& i, uint32_t mask) {
  const bool hasPredicate = i.operands.size() == 6;
  const size_t first = hasPredicate ? 2 : 1;
  const Register from = w.at(i.reg(first));
  forLanes(mask, [&](int32_t l) {
    const auto b = static_cast<int32_t>(w.value(i.reg(first + 1), l) & 31);
    const auto c = static_cast<uint32_t>(w.value(i.reg(first + 2), l));
    const auto segment = static_cast<int32_t>(c >> 8 & 31), clamp = static_cast<int32_t>(c & 31);
    const int32_t lowest = l & segment, highest = lowest | (clamp & ~segment);
    int32_t source = 0;
    bool inside = true;
    switch (mode) {
      case Shuffle::up: source = l - b, inside = source >= highest; break;
      case Shuffle::down: source = l + b, inside = source <= highest; break;
      case Shuffle::butterfly: source = l ^ b, inside = source <= highest; break;
      case Shuffle::index: source = lowest | (b & ~segment), inside = source <= highest; break;
    }
    if (!inside) source = l;
    if ((mask >> source & 1) == 0) w.block->fail(w, i, l, "it reads lane " + std::to_string(source) + ", which does not take part");
    w.set(i.reg(0), l, from[static_cast<size_t>(source)] & 0xffffffffull);
    if (hasPredicate) w.set(i.reg(1), l, inside ? 1 : 0);
  });
}

uint32_t votes(Warp& w, const Instruction& i, uint32_t mask) {
  uint32_t set = 0;
  forLanes(mask, [&](int32_t l) { if ((w.value(i.reg(1), l) & 1) != 0) set |= 1u << l; });
  return set;
}

void synchronise(Warp& w, const Instruction&, uint32_t mask) {
  if (mask == w.alive) ++w.epoch;  // a part of the warp orders its own accesses only, which the cells do not distinguish
}

template <class Result>
void vote(Warp& w, const Instruction& i, uint32_t mask, Result result) {
  const uint64_t value = result(votes(w, i, mask), mask);
  forLanes(mask, [&](int32_t l) { w.set(i.reg(0), l, value); });
}

void trap(Warp& w, const Instruction& i, uint32_t mask) { w.block->fail(w, i, std::countr_zero(mask), "the kernel aborts"); }

}  // namespace

void addCollectives(OpcodeTable& t) {
  t["trap"] = {trap};
  t["shfl.sync.up.b32"] = {shuffle<Shuffle::up>, Kind::warpCollective, true};
  t["shfl.sync.down.b32"] = {shuffle<Shuffle::down>, Kind::warpCollective, true};
  t["shfl.sync.bfly.b32"] = {shuffle<Shuffle::butterfly>, Kind::warpCollective, true};
  t["shfl.sync.idx.b32"] = {shuffle<Shuffle::index>, Kind::warpCollective, true};
  t["vote.sync.ballot.b32"] = {[](Warp& w, const Instruction& i, uint32_t m) { vote(w, i, m, [](uint32_t set, uint32_t) { return uint64_t{set}; }); }, Kind::warpCollective, true};
  t["vote.sync.any.pred"] = {[](Warp& w, const Instruction& i, uint32_t m) { vote(w, i, m, [](uint32_t set, uint32_t) { return uint64_t{set != 0}; }); }, Kind::warpCollective, true};
  t["vote.sync.all.pred"] = {[](Warp& w, const Instruction& i, uint32_t m) { vote(w, i, m, [](uint32_t set, uint32_t all) { return uint64_t{set == all}; }); }, Kind::warpCollective, true};
  t["bar.warp.sync"] = {synchronise, Kind::warpCollective, true};
}

}  // namespace luthier::ptx
