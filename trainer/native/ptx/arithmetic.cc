// Integer and floating-point arithmetic. PTX ISA 9.0, 9.7.1 and 9.7.3.
//
// The approximate functions of a GPU have no defined bits: here they are the correctly rounded ones, within their stated bounds.
#include <cfenv>
#include <cmath>

#include "opcodes.h"

namespace luthier::ptx {
namespace {

#define LUTHIER_UNARY(T, expression) \
  Known{[](Warp& w, const Instruction& i, uint32_t m) { unary<T>(w, i, m, [](T a) { return expression; }); }}
#define LUTHIER_BINARY(T, expression) \
  Known{[](Warp& w, const Instruction& i, uint32_t m) { binary<T>(w, i, m, [](T a, T b) { return expression; }); }}
#define LUTHIER_TERNARY(T, expression) \
  Known{[](Warp& w, const Instruction& i, uint32_t m) { ternary<T>(w, i, m, [](T a, T b, T c) { return expression; }); }}

// Integers wrap: the arithmetic is that of the unsigned type, in at least 32 bits.
template <class T>
using Unsigned = std::conditional_t<(sizeof(T) < 4), uint32_t, std::make_unsigned_t<T>>;

template <class T>
T wrapped(Unsigned<T> value) { return static_cast<T>(value); }

template <class T>
T quotient(T a, T b) {
  if (b == 0) return static_cast<T>(~T{0});  // unspecified by the ISA
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return wrapped<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a));
  }
  return static_cast<T>(a / b);
}

template <class T>
T remainder(T a, T b) {
  if (b == 0) return a;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
  }
  return static_cast<T>(a % b);
}

template <class T>
T upperHalf(T a, T b) {
  using Wide = std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
  return static_cast<T>(static_cast<Wide>(a) * static_cast<Wide>(b) >> (8 * sizeof(T)));
}

template <class T>
void addInteger(OpcodeTable& t, const std::string& type) {
  using U = Unsigned<T>;
  t["add." + type] = LUTHIER_BINARY(T, wrapped<T>(static_cast<U>(a) + static_cast<U>(b)));
  t["sub." + type] = LUTHIER_BINARY(T, wrapped<T>(static_cast<U>(a) - static_cast<U>(b)));
  t["mul.lo." + type] = LUTHIER_BINARY(T, wrapped<T>(static_cast<U>(a) * static_cast<U>(b)));
  t["mul.hi." + type] = LUTHIER_BINARY(T, upperHalf(a, b));
  t["mad.lo." + type] = LUTHIER_TERNARY(T, wrapped<T>(static_cast<U>(a) * static_cast<U>(b) + static_cast<U>(c)));
  t["div." + type] = LUTHIER_BINARY(T, quotient(a, b));
  t["rem." + type] = LUTHIER_BINARY(T, remainder(a, b));
  t["min." + type] = LUTHIER_BINARY(T, a < b ? a : b);
  t["max." + type] = LUTHIER_BINARY(T, a > b ? a : b);
  t["neg." + type] = LUTHIER_UNARY(T, wrapped<T>(U{0} - static_cast<U>(a)));
  t["abs." + type] = LUTHIER_UNARY(T, (a < 0 ? wrapped<T>(U{0} - static_cast<U>(a)) : a));
}

// Products of twice the width; the third operand of mad.wide has that width.
template <class T, class Wide>
void addWide(OpcodeTable& t, const std::string& type) {
  t["mul.wide." + type] = LUTHIER_BINARY(T, static_cast<Wide>(static_cast<Wide>(a) * static_cast<Wide>(b)));
  t["mad.wide." + type] = {[](Warp& w, const Instruction& i, uint32_t mask) {
    forLanes(mask, [&](int32_t l) {
      const auto product = static_cast<uint64_t>(static_cast<Wide>(as<T>(w.value(i.reg(1), l))) * static_cast<Wide>(as<T>(w.value(i.reg(2), l))));
      w.set(i.reg(0), l, bitsOf(static_cast<Wide>(product + w.value(i.reg(3), l))));
    });
  }};
}

// IEEE minimum and maximum: the number, where one operand is NaN.
template <class T>
T smaller(T a, T b) { return std::isnan(a) ? b : std::isnan(b) ? a : a < b || (a == b && std::signbit(a)) ? a : b; }
template <class T>
T larger(T a, T b) { return std::isnan(a) ? b : std::isnan(b) ? a : a > b || (a == b && !std::signbit(a)) ? a : b; }

template <class T>
void addFloat(OpcodeTable& t, const std::string& type) {
  for (const std::string rounding : {"", "rn."}) {
    t["add." + rounding + type] = LUTHIER_BINARY(T, a + b);
    t["sub." + rounding + type] = LUTHIER_BINARY(T, a - b);
    t["mul." + rounding + type] = LUTHIER_BINARY(T, a * b);
  }
  t["fma.rn." + type] = LUTHIER_TERNARY(T, std::fma(a, b, c));
  t["div.rn." + type] = LUTHIER_BINARY(T, a / b);
  t["rcp.rn." + type] = LUTHIER_UNARY(T, T(1) / a);
  t["sqrt.rn." + type] = LUTHIER_UNARY(T, std::sqrt(a));
  t["neg." + type] = LUTHIER_UNARY(T, -a);
  t["abs." + type] = LUTHIER_UNARY(T, std::fabs(a));
  t["min." + type] = LUTHIER_BINARY(T, smaller(a, b));
  t["max." + type] = LUTHIER_BINARY(T, larger(a, b));
  t["copysign." + type] = LUTHIER_BINARY(T, std::copysign(b, a));
}

// Flushes subnormal operands and results of `.ftz` instructions to zero of their sign.
float flushed(float a) { return std::fpclassify(a) == FP_SUBNORMAL ? std::copysign(0.0f, a) : a; }

// A fused multiply-add in another rounding mode than the nearest; the host's follows its mode.
template <int mode>
float directedFma(float a, float b, float c) {
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile float result = std::fma(a, b, c);
  std::fesetround(before);
  return result;
}

void addApproximate(OpcodeTable& t) {
  for (const std::string flush : {"", "ftz."}) {
    t["ex2.approx." + flush + "f32"] = LUTHIER_UNARY(float, flushed(static_cast<float>(std::exp2(static_cast<double>(flushed(a))))));
    t["lg2.approx." + flush + "f32"] = LUTHIER_UNARY(float, static_cast<float>(std::log2(static_cast<double>(flushed(a)))));
    t["rsqrt.approx." + flush + "f32"] = LUTHIER_UNARY(float, static_cast<float>(1.0 / std::sqrt(static_cast<double>(flushed(a)))));
    t["rcp.approx." + flush + "f32"] = LUTHIER_UNARY(float, flushed(1.0f / flushed(a)));
    t["sqrt.approx." + flush + "f32"] = LUTHIER_UNARY(float, std::sqrt(flushed(a)));
  }
  t["rcp.approx.ftz.f64"] = LUTHIER_UNARY(double, 1.0 / a);
  t["tanh.approx.f32"] = LUTHIER_UNARY(float, static_cast<float>(std::tanh(static_cast<double>(a))));
  t["fma.rm.f32"] = LUTHIER_TERNARY(float, directedFma<FE_DOWNWARD>(a, b, c));
  t["fma.rp.f32"] = LUTHIER_TERNARY(float, directedFma<FE_UPWARD>(a, b, c));
  t["fma.rz.f32"] = LUTHIER_TERNARY(float, directedFma<FE_TOWARDZERO>(a, b, c));
}

}  // namespace

void addArithmetic(OpcodeTable& t) {
  addInteger<int16_t>(t, "s16");
  addInteger<uint16_t>(t, "u16");
  addInteger<int32_t>(t, "s32");
  addInteger<uint32_t>(t, "u32");
  addInteger<int64_t>(t, "s64");
  addInteger<uint64_t>(t, "u64");
  addWide<int16_t, int32_t>(t, "s16");
  addWide<uint16_t, uint32_t>(t, "u16");
  addWide<int32_t, int64_t>(t, "s32");
  addWide<uint32_t, uint64_t>(t, "u32");
  addFloat<float>(t, "f32");
  addFloat<double>(t, "f64");
  addApproximate(t);
}

}  // namespace luthier::ptx
