// cvt: conversions between types, with their roundings. PTX ISA 9.0, 9.7.9.21.
#include <cmath>
#include <limits>

#include "../runtime/bf16.h"
#include "opcodes.h"

namespace luthier::ptx {
namespace {

enum Rounding : int32_t { nearest, toZero, down, up };

template <class Real>
Real integral(Real value, int32_t rounding) {
  switch (rounding) {
    case toZero: return std::trunc(value);
    case down: return std::floor(value);
    case up: return std::ceil(value);
    default: return std::nearbyint(value);  // ties to even, the default mode of the host
  }
}

// Out of range: the nearest bound; NaN: 0.
template <class To, class Real>
To clamped(Real value) {
  if (std::isnan(value)) return 0;
  if (value <= static_cast<Real>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (value >= static_cast<Real>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return static_cast<To>(value);
}

// The float next to a double in a direction; the double lies between two floats.
float directed(double value, int32_t rounding) {
  const auto near = static_cast<float>(value);
  const auto back = static_cast<double>(near);
  if (back == value || std::isnan(value)) return near;
  const bool lower = rounding == down || (rounding == toZero && value > 0);
  const bool higher = rounding == up || (rounding == toZero && value < 0);
  if (lower && back > value) return std::nextafter(near, -std::numeric_limits<float>::infinity());
  if (higher && back < value) return std::nextafter(near, std::numeric_limits<float>::infinity());
  return near;
}

template <class To, class From>
void convert(Warp& w, const Instruction& i, uint32_t mask) {
  unary<From>(w, i, mask, [&](From a) -> To {
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) return clamped<To>(integral(a, i.variant));
    else if constexpr (std::is_floating_point_v<From> && sizeof(To) < sizeof(From)) return i.variant == nearest ? static_cast<To>(a) : static_cast<To>(directed(a, i.variant));
    else return static_cast<To>(a);
  });
}

// cvt.rni.f32.f32: to an integral value of the same type.
template <class Real>
void roundToIntegral(Warp& w, const Instruction& i, uint32_t mask) {
  unary<Real>(w, i, mask, [&](Real a) { return integral(a, i.variant); });
}

// cvt.sat.f32.f32: into [0, 1]; NaN becomes 0.
void saturate(Warp& w, const Instruction& i, uint32_t mask) {
  unary<float>(w, i, mask, [](float a) { return a > 0.0f ? (a < 1.0f ? a : 1.0f) : 0.0f; });
}

void toBf16(Warp& w, const Instruction& i, uint32_t mask) { unary<float>(w, i, mask, bf16FromFloat); }
void fromBf16(Warp& w, const Instruction& i, uint32_t mask) { unary<uint16_t>(w, i, mask, floatFromBf16); }
// cvt.rn.bf16x2.f32 d, high, low
void toBf16Pair(Warp& w, const Instruction& i, uint32_t mask) {
  binary<float>(w, i, mask, [](float high, float low) {
    return static_cast<uint32_t>(bf16FromFloat(high)) << 16 | bf16FromFloat(low);
  });
}

template <class From>
Handler to(Type type) {
  switch (type) {
    case Type::u8: case Type::b8: return convert<uint8_t, From>;
    case Type::s8: return convert<int8_t, From>;
    case Type::u16: case Type::b16: return convert<uint16_t, From>;
    case Type::s16: return convert<int16_t, From>;
    case Type::u32: case Type::b32: return convert<uint32_t, From>;
    case Type::s32: return convert<int32_t, From>;
    case Type::u64: case Type::b64: return convert<uint64_t, From>;
    case Type::s64: return convert<int64_t, From>;
    case Type::f32: return convert<float, From>;
    case Type::f64: return convert<double, From>;
    default: return nullptr;
  }
}

Handler between(Type from, Type type) {
  switch (from) {
    case Type::u8: case Type::b8: return to<uint8_t>(type);
    case Type::s8: return to<int8_t>(type);
    case Type::u16: case Type::b16: return to<uint16_t>(type);
    case Type::s16: return to<int16_t>(type);
    case Type::u32: case Type::b32: return to<uint32_t>(type);
    case Type::s32: return to<int32_t>(type);
    case Type::u64: case Type::b64: return to<uint64_t>(type);
    case Type::s64: return to<int64_t>(type);
    case Type::f32: return type == Type::f32 ? roundToIntegral<float> : to<float>(type);
    case Type::f64: return type == Type::f64 ? roundToIntegral<double> : to<double>(type);
    default: return nullptr;
  }
}

}  // namespace

Known conversion(const std::vector<std::string>& parts) {
  if (parts.size() < 3) return {};
  if (parts == std::vector<std::string>{"cvt", "sat", "f32", "f32"}) return {saturate};
  const Type from = typeOf(parts.back()), type = typeOf(parts[parts.size() - 2]);
  int32_t rounding = nearest;
  for (size_t k = 1; k + 2 < parts.size(); ++k) {
    const std::string& suffix = parts[k];
    if (suffix == "rn" || suffix == "rni") rounding = nearest;
    else if (suffix == "rz" || suffix == "rzi") rounding = toZero;
    else if (suffix == "rm" || suffix == "rmi") rounding = down;
    else if (suffix == "rp" || suffix == "rpi") rounding = up;
    else return {};  // .sat, .ftz, .relu
  }
  if (type == Type::bf16x2 && from == Type::f32 && rounding == nearest) return {toBf16Pair};
  if (type == Type::bf16 && from == Type::f32 && rounding == nearest) return {toBf16};
  if (type == Type::f32 && from == Type::bf16) return {fromBf16};
  return {between(from, type), Kind::plain, false, rounding};
}

}  // namespace luthier::ptx
