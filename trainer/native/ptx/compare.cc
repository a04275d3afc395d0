// setp: a comparison into a predicate, joined to another predicate where asked. PTX ISA 9.0, 9.7.6.
#include <cmath>

#include "opcodes.h"

namespace luthier::ptx {
namespace {

template <class T, class Compare, class Join>
void compared(Warp& w, const Instruction& i, uint32_t mask, Compare compare, Join join) {
  const bool joins = i.operands.size() > 3;
  forLanes(mask, [&](int32_t l) {
    const bool result = compare(as<T>(w.value(i.reg(1), l)), as<T>(w.value(i.reg(2), l)));
    const bool other = joins && (w.value(i.reg(3), l) & 1) != 0;
    w.set(i.reg(0), l, static_cast<uint64_t>(joins ? join(result, other) : result));
  });
}

// The comparison alone, and with each way to join it.
#define LUTHIER_COMPARE(name, expression)                                                                                    \
  for (const std::string& type : types) {                                                                                   \
    t["setp." name "." + type] = {[](Warp& w, const Instruction& i, uint32_t m) {                                           \
      compared<T>(w, i, m, [](T a, T b) { return expression; }, [](bool p, bool) { return p; }); }};                        \
    t["setp." name ".and." + type] = {[](Warp& w, const Instruction& i, uint32_t m) {                                       \
      compared<T>(w, i, m, [](T a, T b) { return expression; }, [](bool p, bool q) { return p && q; }); }};                 \
    t["setp." name ".or." + type] = {[](Warp& w, const Instruction& i, uint32_t m) {                                        \
      compared<T>(w, i, m, [](T a, T b) { return expression; }, [](bool p, bool q) { return p || q; }); }};                 \
    t["setp." name ".xor." + type] = {[](Warp& w, const Instruction& i, uint32_t m) {                                       \
      compared<T>(w, i, m, [](T a, T b) { return expression; }, [](bool p, bool q) { return p != q; }); }};                 \
  }

template <class T>
void addInteger(OpcodeTable& t, const std::vector<std::string>& types) {
  LUTHIER_COMPARE("eq", a == b)
  LUTHIER_COMPARE("ne", a != b)
  LUTHIER_COMPARE("lt", a < b)
  LUTHIER_COMPARE("le", a <= b)
  LUTHIER_COMPARE("gt", a > b)
  LUTHIER_COMPARE("ge", a >= b)
  LUTHIER_COMPARE("lo", a < b)
  LUTHIER_COMPARE("ls", a <= b)
  LUTHIER_COMPARE("hi", a > b)
  LUTHIER_COMPARE("hs", a >= b)
}

// The plain comparisons are false where an operand is NaN; those with a u are true.
template <class T>
void addFloat(OpcodeTable& t, const std::vector<std::string>& types) {
  LUTHIER_COMPARE("eq", a == b)
  LUTHIER_COMPARE("ne", a < b || a > b)
  LUTHIER_COMPARE("lt", a < b)
  LUTHIER_COMPARE("le", a <= b)
  LUTHIER_COMPARE("gt", a > b)
  LUTHIER_COMPARE("ge", a >= b)
  LUTHIER_COMPARE("equ", !(a < b || a > b))
  LUTHIER_COMPARE("neu", !(a == b))
  LUTHIER_COMPARE("ltu", !(a >= b))
  LUTHIER_COMPARE("leu", !(a > b))
  LUTHIER_COMPARE("gtu", !(a <= b))
  LUTHIER_COMPARE("geu", !(a < b))
  LUTHIER_COMPARE("num", !std::isnan(a) && !std::isnan(b))
  LUTHIER_COMPARE("nan", std::isnan(a) || std::isnan(b))
}

}  // namespace

void addComparisons(OpcodeTable& t) {
  addInteger<int16_t>(t, {"s16"});
  addInteger<uint16_t>(t, {"u16", "b16"});
  addInteger<int32_t>(t, {"s32"});
  addInteger<uint32_t>(t, {"u32", "b32"});
  addInteger<int64_t>(t, {"s64"});
  addInteger<uint64_t>(t, {"u64", "b64"});
  addFloat<float>(t, {"f32"});
  addFloat<double>(t, {"f64"});
}

}  // namespace luthier::ptx
