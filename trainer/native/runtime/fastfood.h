// The random parts of Fastfood's matrices, by seed, layer and position: signs B, normal numbers G and the permutation Π.
#pragma once

#include "philox.h"

namespace luthier {

// Streams of random words, the last words of their counters.
inline constexpr uint32_t fastfoodSigns = 0, fastfoodNormals = 1, fastfoodRounds = 2;

// Words of the elements from 4·block on.
[[gnu::always_inline]] LUTHIER_EVERYWHERE inline PhiloxBlock fastfoodBlock(int64_t block, uint32_t stream, int32_t seed, int32_t layer) {
  return philox({{static_cast<uint32_t>(block), 0, 0, stream}}, static_cast<uint32_t>(seed), static_cast<uint32_t>(layer));
}

// The smallest power of two that is at least n.
[[gnu::always_inline]] LUTHIER_EVERYWHERE constexpr int64_t powerOfTwo(int64_t n) {
  int64_t size = 1;
  while (size < n) size *= 2;
  return size;
}

// A permutation of [0, size), size a power of two: six rounds of a Feistel network on an index's two halves (Luby & Rackoff
// 1988), each mixing one half into the other by the finaliser of MurmurHash3.
struct Permutation {
  static constexpr int32_t rounds = 6;
  uint32_t lowMask = 0, highMask = 0;
  int32_t lowBits = 0;
  uint32_t keys[8];

  [[gnu::always_inline]] LUTHIER_EVERYWHERE Permutation(int64_t size, int32_t seed, int32_t layer) {
    int32_t bits = 0;
    while ((int64_t{1} << bits) < size) ++bits;
    lowBits = bits / 2;
    lowMask = (1u << lowBits) - 1;
    highMask = (1u << (bits - lowBits)) - 1;
    for (int32_t block = 0; block < 2; ++block) {
      const PhiloxBlock random = fastfoodBlock(block, fastfoodRounds, seed, layer);
      for (int32_t k = 0; k < 4; ++k) keys[4 * block + k] = random.words[k];
    }
  }

  [[gnu::always_inline]] LUTHIER_EVERYWHERE static uint32_t mixed(uint32_t value, uint32_t key) {
    value = value * 0x9E3779B9u + key;
    value = (value ^ (value >> 16)) * 0x85EBCA6Bu;
    value = (value ^ (value >> 13)) * 0xC2B2AE35u;
    return value ^ (value >> 16);
  }

  [[gnu::always_inline]] LUTHIER_EVERYWHERE void round(int32_t k, uint32_t& low, uint32_t& high) const {
    if (k % 2 == 0) high ^= mixed(low, keys[k]) & highMask;
    else low ^= mixed(high, keys[k]) & lowMask;
  }

  // Π moves element at(i) to place i.
  [[gnu::always_inline]] LUTHIER_EVERYWHERE int64_t at(int64_t i) const {
    uint32_t low = static_cast<uint32_t>(i) & lowMask, high = static_cast<uint32_t>(i) >> lowBits;
    for (int32_t k = 0; k < rounds; ++k) round(k, low, high);
    return static_cast<int64_t>(high << lowBits | low);
  }

  // at(placeOf(j)) = j
  [[gnu::always_inline]] LUTHIER_EVERYWHERE int64_t placeOf(int64_t j) const {
    uint32_t low = static_cast<uint32_t>(j) & lowMask, high = static_cast<uint32_t>(j) >> lowBits;
    for (int32_t k = rounds - 1; k >= 0; --k) round(k, low, high);
    return static_cast<int64_t>(high << lowBits | low);
  }
};

// The standard normal number at a random word's place in (0, 1), by Wichura's inverse of the distribution (AS 241, PPND7).
// `rootOfLog(p)` is √(−ln p).
template <class Real, class RootOfLog>
LUTHIER_EVERYWHERE inline Real normalOf(uint32_t word, RootOfLog rootOfLog) {
  const Real u = (static_cast<Real>(word) + Real(0.5)) / Real(4294967296.0), rest = (static_cast<Real>(~word) + Real(0.5)) / Real(4294967296.0);
  const Real q = (static_cast<Real>(static_cast<int32_t>(word ^ 0x80000000u)) + Real(0.5)) / Real(4294967296.0);  // u − ½
  const Real size = q < 0 ? -q : q;
  if (size <= Real(0.425)) {
    const Real r = Real(0.180625) - q * q;
    return q * (((Real(59.10937472) * r + Real(159.29113202)) * r + Real(50.434271938)) * r + Real(3.3871327179)) /
           (((Real(67.1875636) * r + Real(78.757757664)) * r + Real(17.895169469)) * r + Real(1));
  }
  const Real r = rootOfLog(q < 0 ? u : rest) - Real(1.6);
  const Real tail = (((Real(0.17023821103) * r + Real(1.3067284816)) * r + Real(2.75681539)) * r + Real(1.4234372777)) /
                    ((Real(0.12021132975) * r + Real(0.7370016425)) * r + Real(1));
  return q < 0 ? -tail : tail;
}

}  // namespace luthier
