// The micro-kernel on tiles: 32 rows of the left operand times 32 columns of a packed panel, in 2 × 2 tiles.
//
// K runs in chunks of 32 (16 words), from the first on. A chunk is one tile product, so an element's bits depend neither on the
// rows nor on the columns beside it. Edges are copied with zeros around them; whole tiles are read where they lie.
#pragma once

#include "pack.h"
#include "tiles.h"

namespace luthier::LUTHIER_ISA {

#ifdef LUTHIER_TILES

inline constexpr int64_t tileBlock = 2 * tileSide;

// The address of a tile's first row, and the stride to the next.
struct TileAt {
  const void* data;
  int64_t rowBytes;
};

// Words of 16 rows × 16 units, zeros beyond `rows` and `units`, from a left operand whose rows are neighbours in memory.
inline void copyAcross(const LeftRows& a, int64_t rows, int64_t units, uint32_t* to) {
  for (int64_t row = 0; row < tileSide; row += lanes) {
    for (int64_t unit = 0; unit < tileSide; unit += lanes) {
      U words[lanes];
      for (int64_t i = 0; i < lanes; ++i) {
        const auto* from = reinterpret_cast<const float*>(a.data + (unit + i) * a.unitBytes + row * 4);
        const int64_t count = unit + i < units ? rows - row : 0;
        words[i] = count >= lanes ? wordsOf(load(from, Whole{})) : count > 0 ? wordsOf(load(from, Part{count})) : noWords();
      }
      transpose(words);
      for (int64_t i = 0; i < lanes; ++i) storeWords(to + (row + i) * tileSide + unit, words[i]);
    }
  }
}

inline TileAt leftTile(const LeftRows& a, int64_t rows, int64_t units, uint32_t* to) {
  if (a.unitBytes == 4 && rows >= tileSide && units >= tileSide) return {a.data, a.rowBytes};
  if (a.unitBytes != 4) {
    copyAcross(a, rows, units, to);
    return {to, tileSide * 4};
  }
  __builtin_memset(to, 0, tileSide * tileSide * 4);
  const auto bytes = static_cast<size_t>(smaller(units, tileSide)) * 4;
  for (int64_t row = 0; row < smaller(rows, tileSide); ++row) __builtin_memcpy(to + row * tileSide, a.data + row * a.rowBytes, bytes);
  return {to, tileSide * 4};
}

// 16 units × 16 columns of a panel whose units are `stride` words apart.
inline TileAt rightTile(const uint32_t* panel, int64_t stride, int64_t columns, int64_t units, uint32_t* to) {
  if (columns >= tileSide && units >= tileSide) return {panel, stride * 4};
  __builtin_memset(to, 0, tileSide * tileSide * 4);
  const auto bytes = static_cast<size_t>(smaller(columns, tileSide)) * 4;
  for (int64_t unit = 0; unit < smaller(units, tileSide); ++unit) __builtin_memcpy(to + unit * tileSide, panel + unit * stride, bytes);
  return {to, tileSide * 4};
}

// sums[32][32] := rows × columns (up to 32 each) over `units`; the part beyond 16 rows or columns is left out where it is empty.
inline void tileProducts(Tiles& tiles, const LeftRows& a, int64_t rows, const uint32_t* panel, int64_t stride, int64_t columns, int64_t units, float* sums) {
  alignas(64) uint32_t copies[4][tileSide * tileSide];
  const bool low = rows > tileSide, wide = columns > tileSide;
  tiles.clear<0>();
  tiles.clear<1>();
  tiles.clear<2>();
  tiles.clear<3>();
  for (int64_t unit = 0; unit < units; unit += tileSide) {
    const int64_t count = units - unit;
    const uint32_t* right = panel + unit * stride;
    const auto loaded = [&]<int tile>(TileAt from) { tiles.load<tile>(from.data, from.rowBytes); };
    loaded.template operator()<4>(leftTile(a.at(0, unit), rows, count, copies[0]));
    loaded.template operator()<6>(rightTile(right, stride, columns, count, copies[2]));
    tiles.addProducts<0, 4, 6>();
    if (wide) {
      loaded.template operator()<7>(rightTile(right + tileSide, stride, columns - tileSide, count, copies[3]));
      tiles.addProducts<1, 4, 7>();
    }
    if (!low) continue;
    loaded.template operator()<5>(leftTile(a.at(tileSide, unit), rows - tileSide, count, copies[1]));
    tiles.addProducts<2, 5, 6>();
    if (wide) tiles.addProducts<3, 5, 7>();
  }
  tiles.store<0>(sums, tileBlock * 4);
  tiles.store<1>(sums + tileSide, tileBlock * 4);
  tiles.store<2>(sums + tileSide * tileBlock, tileBlock * 4);
  tiles.store<3>(sums + tileSide * tileBlock + tileSide, tileBlock * 4);
}

// rows × (vectors · lanes) sums: out.finish gets scale · tail + out.start + the sum over `units`.
template <class Out>
inline __attribute__((noinline)) void multiplyTiles(const LeftRows& a, int64_t rows, const uint32_t* panel, int64_t vectors, int64_t units, const Tail& tail, const Out& out) {
  alignas(64) float sums[tileBlock * tileBlock], tailSums[tileBlock * tileBlock];
  const int64_t stride = vectors * lanes;
  Tiles tiles;
  for (int64_t row = 0; row < rows; row += tileBlock) {
    const int64_t height = smaller(tileBlock, rows - row);
    for (int64_t col = 0; col < stride; col += tileBlock) {
      const int64_t width = smaller(tileBlock, stride - col);
      tileProducts(tiles, a.at(row, 0), height, panel + col, stride, width, units, sums);
      if (tail.units > 0) tileProducts(tiles, tail.left.at(row, 0), height, tail.panel + col, stride, width, tail.units, tailSums);
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; j += lanes) {
          const int64_t vector = (col + j) / lanes;
          F start = out.start(row + i, vector);
          if (tail.units > 0) start = load(tailSums + i * tileBlock + j, Whole{}) * all(tail.scale) + start;
          out.finish(row + i, vector, start + load(sums + i * tileBlock + j, Whole{}));
        }
      }
    }
  }
}

#else

// For discarded branches.
inline void multiplyTiles(auto&&...);

#endif

}  // namespace luthier::LUTHIER_ISA
