// ldmatrix and mma.sync: tiles whose elements are spread over a warp's lanes. PTX ISA 9.0, 9.7.14.
#include "../runtime/bf16.h"
#include "block.h"
#include "opcodes.h"

namespace luthier::ptx {
namespace {

void wholeWarp(const Warp& w, const Instruction& i, uint32_t mask) {
  if (mask != allLanes) w.block->fail(w, i, std::countr_zero(mask), "not all 32 lanes reach it");
}

// ldmatrix.xN: lanes 8k to 8k + 7 give the rows of matrix k (8 × 8 of 16 bits); lane l receives row l/4, columns 2·(l%4) and
// the next, or with .trans column l/4 of rows 2·(l%4) and the next.
template <bool transposed>
void loadMatrices(Warp& w, const Instruction& i, uint32_t mask) {
  wholeWarp(w, i, mask);
  for (size_t matrix = 0; matrix < i.operands[0].size(); ++matrix) {
    uint16_t rows[8][8];
    for (int32_t row = 0; row < 8; ++row) {
      const int32_t lane = 8 * static_cast<int32_t>(matrix) + row;
      const uint64_t address = (w.value(i.reg(1), lane) + static_cast<uint64_t>(i.offset)) & 0xffffffffull;
      std::memcpy(rows[row], w.block->access(w, i, Space::shared, address, 16, false, lane), 16);
    }
    forLanes(mask, [&](int32_t l) {
      const int32_t r = l / 4, c = 2 * (l % 4);
      const uint32_t low = transposed ? rows[c][r] : rows[r][c], high = transposed ? rows[c + 1][r] : rows[r][c + 1];
      w.set(i.operands[0][matrix], l, low | high << 16);
    });
  }
}

// mma.m16n8k16, BF16 factors and F32 sums. With g = lane/4 and p = 2·(lane%4): a0 = A[g][p..], a1 = A[g+8][p..],
// a2 = A[g][p+8..], a3 = A[g+8][p+8..]; b0 = B[p..][g], b1 = B[p+8..][g]; d0, d1 = D[g][p..], d2, d3 = D[g+8][p..].
// A GPU's order of the sum within one instruction is not defined: here it is one chain of fused multiply-adds over k, begun at
// the sum so far.
void multiply(Warp& w, const Instruction& i, uint32_t mask) {
  wholeWarp(w, i, mask);
  float a[16][16], b[16][8], d[16][8];
  const auto low = [](uint64_t bits) { return floatFromBf16(static_cast<uint16_t>(bits)); };
  const auto high = [](uint64_t bits) { return floatFromBf16(static_cast<uint16_t>(bits >> 16)); };
  forLanes(mask, [&](int32_t l) {
    const int32_t g = l / 4, p = 2 * (l % 4);
    for (int32_t k = 0; k < 4; ++k) {
      const uint64_t bits = w.value(i.operands[1][static_cast<size_t>(k)], l);
      const int32_t row = g + 8 * (k % 2), column = p + 8 * (k / 2);
      a[row][column] = low(bits), a[row][column + 1] = high(bits);
    }
    for (int32_t k = 0; k < 2; ++k) {
      const uint64_t bits = w.value(i.operands[2][static_cast<size_t>(k)], l);
      b[p + 8 * k][g] = low(bits), b[p + 8 * k + 1][g] = high(bits);
    }
    for (int32_t k = 0; k < 4; ++k) d[g + 8 * (k / 2)][p + k % 2] = as<float>(w.value(i.operands[3][static_cast<size_t>(k)], l));
  });
  for (int32_t k = 0; k < 16; ++k) {
    for (int32_t row = 0; row < 16; ++row) {
      for (int32_t column = 0; column < 8; ++column) d[row][column] = __builtin_fmaf(a[row][k], b[k][column], d[row][column]);
    }
  }
  forLanes(mask, [&](int32_t l) {
    const int32_t g = l / 4, p = 2 * (l % 4);
    for (int32_t k = 0; k < 4; ++k) w.set(i.operands[0][static_cast<size_t>(k)], l, bitsOf(d[g + 8 * (k / 2)][p + k % 2]));
  });
}

}  // namespace

void addMatrices(OpcodeTable& t) {
  for (const char* count : {"x1", "x2", "x4"}) {
    t[std::string("ldmatrix.sync.aligned.m8n8.") + count + ".shared.b16"] = {loadMatrices<false>, Kind::warpCollective};
    t[std::string("ldmatrix.sync.aligned.m8n8.") + count + ".trans.shared.b16"] = {loadMatrices<true>, Kind::warpCollective};
  }
  t["mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"] = {multiply, Kind::warpCollective};
}

}  // namespace luthier::ptx
