// Moves, bits, shifts and choices. PTX ISA 9.0, 9.7.1, 9.7.8 and 9.7.9.
#include "block.h"
#include "opcodes.h"

namespace luthier::ptx {
namespace {

template <class T>
T shiftedLeft(T a, uint32_t by) { return by >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<std::make_unsigned_t<T>>(a) << by); }

template <class T>
T shiftedRight(T a, uint32_t by) {
  constexpr uint32_t bits = 8 * sizeof(T);
  if (by >= bits) return static_cast<T>(std::is_signed_v<T> && a < 0 ? -1 : 0);
  return static_cast<T>(a >> by);
}

// The amount of a shift has 32 bits whatever the value's width.
template <class T, T (*shift)(T, uint32_t)>
void shifted(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { w.set(i.reg(0), l, bitsOf(shift(as<T>(w.value(i.reg(1), l)), static_cast<uint32_t>(w.value(i.reg(2), l))))); });
}

template <class T>
void addBits(OpcodeTable& t, const std::string& type) {
  t["and." + type] = {[](Warp& w, const Instruction& i, uint32_t m) { binary<T>(w, i, m, [](T a, T b) { return static_cast<T>(a & b); }); }};
  t["or." + type] = {[](Warp& w, const Instruction& i, uint32_t m) { binary<T>(w, i, m, [](T a, T b) { return static_cast<T>(a | b); }); }};
  t["xor." + type] = {[](Warp& w, const Instruction& i, uint32_t m) { binary<T>(w, i, m, [](T a, T b) { return static_cast<T>(a ^ b); }); }};
  t["not." + type] = {[](Warp& w, const Instruction& i, uint32_t m) { unary<T>(w, i, m, [](T a) { return static_cast<T>(~a); }); }};
}

template <class T>
void move(Warp& w, const Instruction& i, uint32_t mask) { unary<T>(w, i, mask, [](T a) { return a; }); }

// mov.b32 d, {lo, hi} and mov.b64 {lo, hi}, s: parts of a register and the register whole.
template <class Whole, class Part>
void moveParts(Warp& w, const Instruction& i, uint32_t mask) {
  const auto& [to, from] = std::pair(i.operands[0], i.operands[1]);
  constexpr uint32_t bits = 8 * sizeof(Part);
  forLanes(mask, [&](int32_t l) {
    if (from.size() == 1 && to.size() == 1) return w.set(to[0], l, bitsOf(as<Whole>(w.value(from[0], l))));
    uint64_t whole = 0;
    if (from.size() == 1) whole = w.value(from[0], l);
    else for (size_t k = 0; k < from.size(); ++k) whole |= static_cast<uint64_t>(as<Part>(w.value(from[k], l))) << (bits * k);
    if (to.size() == 1) return w.set(to[0], l, bitsOf(as<Whole>(whole)));
    for (size_t k = 0; k < to.size(); ++k) w.set(to[k], l, static_cast<Part>(whole >> (bits * k)));
  });
}

void select(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { w.set(i.reg(0), l, w.value(i.reg((w.value(i.reg(3), l) & 1) != 0 ? 1 : 2), l)); });
}

void insertField(Warp& w, const Instruction& i, uint32_t mask) {  // bfi.b32 d, a, b, position, length
  forLanes(mask, [&](int32_t l) {
    const uint64_t at = w.value(i.reg(3), l) & 0xff, length = w.value(i.reg(4), l) & 0xff;
    const uint64_t ones = length >= 32 ? 0xffffffffull : (1ull << length) - 1;
    const uint64_t field = at >= 32 ? 0 : ones << at & 0xffffffffull, value = at >= 32 ? 0 : w.value(i.reg(1), l) << at;
    w.set(i.reg(0), l, (w.value(i.reg(2), l) & ~field & 0xffffffffull) | (value & field));
  });
}

void extractField(Warp& w, const Instruction& i, uint32_t mask) {  // bfe.u32 d, a, position, length
  forLanes(mask, [&](int32_t l) {
    const uint64_t at = w.value(i.reg(2), l) & 0xff, length = w.value(i.reg(3), l) & 0xff;
    const uint64_t ones = length >= 32 ? 0xffffffffull : (1ull << length) - 1;
    w.set(i.reg(0), l, at >= 32 ? 0 : (w.value(i.reg(1), l) & 0xffffffffull) >> at & ones);
  });
}

void permuteBytes(Warp& w, const Instruction& i, uint32_t mask) {  // prmt.b32 d, a, b, selector
  forLanes(mask, [&](int32_t l) {
    const uint64_t bytes = (w.value(i.reg(1), l) & 0xffffffffull) | w.value(i.reg(2), l) << 32;
    const uint64_t selector = w.value(i.reg(3), l);
    uint64_t d = 0;
    for (uint32_t k = 0; k < 4; ++k) {
      const uint64_t choice = selector >> (4 * k) & 15;
      const uint64_t byte = bytes >> (8 * (choice & 7)) & 0xff;
      d |= ((choice & 8) != 0 ? (byte >> 7 != 0 ? 0xffull : 0) : byte) << (8 * k);
    }
    w.set(i.reg(0), l, d);
  });
}

void anyFunction(Warp& w, const Instruction& i, uint32_t mask) {  // lop3.b32 d, a, b, c, table
  forLanes(mask, [&](int32_t l) {
    const auto a = as<uint32_t>(w.value(i.reg(1), l)), b = as<uint32_t>(w.value(i.reg(2), l)), c = as<uint32_t>(w.value(i.reg(3), l));
    const uint64_t table = w.value(i.reg(4), l);
    uint32_t d = 0;
    for (uint32_t k = 0; k < 8; ++k) {
      if ((table >> k & 1) != 0) d |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    }
    w.set(i.reg(0), l, d);
  });
}

template <bool left, bool wraps>
void funnel(Warp& w, const Instruction& i, uint32_t mask) {  // shf.l.wrap.b32 d, low, high, amount
  forLanes(mask, [&](int32_t l) {
    const uint64_t pair = (w.value(i.reg(1), l) & 0xffffffffull) | w.value(i.reg(2), l) << 32;
    const uint64_t asked = w.value(i.reg(3), l) & 0xffffffffull, by = wraps ? asked & 31 : std::min<uint64_t>(asked, 32);
    w.set(i.reg(0), l, (left ? (by == 32 ? pair : pair << by >> 32) : pair >> by) & 0xffffffffull);
  });
}

void toShared(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { w.set(i.reg(0), l, w.block->genericToShared(w.value(i.reg(1), l))); });
}

void fromShared(Warp& w, const Instruction& i, uint32_t mask) {
  forLanes(mask, [&](int32_t l) { w.set(i.reg(0), l, w.block->sharedToGeneric(w.value(i.reg(1), l))); });
}

}  // namespace

void addLogic(OpcodeTable& t) {
  addBits<uint16_t>(t, "b16");
  addBits<uint32_t>(t, "b32");
  addBits<uint64_t>(t, "b64");
  addBits<uint64_t>(t, "pred");
  for (const char* type : {"b32", "u32", "s32", "f32"}) t[std::string("mov.") + type] = {moveParts<uint32_t, uint16_t>};
  for (const char* type : {"b64", "u64", "s64", "f64"}) t[std::string("mov.") + type] = {moveParts<uint64_t, uint32_t>};
  for (const char* type : {"b16", "u16", "s16"}) t[std::string("mov.") + type] = {moveParts<uint16_t, uint8_t>};
  t["mov.pred"] = {move<uint64_t>};
  for (const char* type : {"b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"}) t[std::string("selp.") + type] = {select};
  t["shl.b16"] = {shifted<uint16_t, shiftedLeft<uint16_t>>};
  t["shl.b32"] = {shifted<uint32_t, shiftedLeft<uint32_t>>};
  t["shl.b64"] = {shifted<uint64_t, shiftedLeft<uint64_t>>};
  for (const char* sign : {"b", "u"}) {
    t[std::string("shr.") + sign + "16"] = {shifted<uint16_t, shiftedRight<uint16_t>>};
    t[std::string("shr.") + sign + "32"] = {shifted<uint32_t, shiftedRight<uint32_t>>};
    t[std::string("shr.") + sign + "64"] = {shifted<uint64_t, shiftedRight<uint64_t>>};
  }
  t["shr.s16"] = {shifted<int16_t, shiftedRight<int16_t>>};
  t["shr.s32"] = {shifted<int32_t, shiftedRight<int32_t>>};
  t["shr.s64"] = {shifted<int64_t, shiftedRight<int64_t>>};
  t["bfi.b32"] = {insertField};
  t["bfe.u32"] = {extractField};
  t["prmt.b32"] = {permuteBytes};
  t["lop3.b32"] = {anyFunction};
  t["shf.l.wrap.b32"] = {funnel<true, true>};
  t["shf.r.wrap.b32"] = {funnel<false, true>};
  t["shf.l.clamp.b32"] = {funnel<true, false>};
  t["shf.r.clamp.b32"] = {funnel<false, false>};
  t["clz.b32"] = {[](Warp& w, const Instruction& i, uint32_t m) { unary<uint32_t>(w, i, m, [](uint32_t a) { return std::countl_zero(a); }); }};
  t["clz.b64"] = {[](Warp& w, const Instruction& i, uint32_t m) { unary<uint64_t>(w, i, m, [](uint64_t a) { return std::countl_zero(a); }); }};
  t["popc.b32"] = {[](Warp& w, const Instruction& i, uint32_t m) { unary<uint32_t>(w, i, m, [](uint32_t a) { return std::popcount(a); }); }};
  // Global, local and parameter addresses are generic ones.
  for (const char* space : {"global", "local", "param"}) {
    t[std::string("cvta.to.") + space + ".u64"] = {move<uint64_t>};
    t[std::string("cvta.") + space + ".u64"] = {move<uint64_t>};
  }
  t["cvta.to.shared.u64"] = {toShared};
  t["cvta.shared.u64"] = {fromShared};
}

}  // namespace luthier::ptx
