#include "inputs.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "error.h"
#include "reference.h"

namespace luthier {
namespace {

int32_t indexAt(const Tensor& t, int64_t row) {
  int32_t value;
  std::memcpy(&value, t.data + 4 * row, 4);
  return value;
}

constexpr auto everyRow = [](int64_t) { return true; };

// Every index of operand `operand` in a row that counts is lowest ≤ index < behind(row).
template <class Behind, class Counts = decltype(everyRow)>
void within(Opcode opcode, const Call& call, int32_t operand, int64_t lowest, Behind behind, Counts counts = everyRow) {
  const Tensor& t = *call.operands[operand];
  for (int64_t row = 0; row < t.count(); ++row) {
    const int32_t index = indexAt(t, row);
    if ((index >= lowest && index < behind(row)) || !counts(row)) continue;
    const std::string allowed = std::to_string(lowest) + " to " + std::to_string(behind(row) - 1);
    throw Error(std::string(opTable[static_cast<int32_t>(opcode) - 1].name) + ": index " + std::to_string(index) +
                " at row " + std::to_string(row) + " of operand " + std::to_string(operand) + " is not " + allowed);
  }
}

// Tasks write the rows that these name, so no two may be one.
void distinct(Opcode opcode, std::vector<int64_t> rows) {
  std::sort(rows.begin(), rows.end());
  const auto twice = std::adjacent_find(rows.begin(), rows.end());
  if (twice == rows.end()) return;
  throw Error(std::string(opTable[static_cast<int32_t>(opcode) - 1].name) + ": two rows are written to row " + std::to_string(*twice));
}

// rowOf(row) of each row that is written; below 0: it is not.
template <class RowOf>
std::vector<int64_t> writtenRows(const Tensor& index, RowOf rowOf) {
  std::vector<int64_t> rows;
  for (int64_t row = 0; row < index.count(); ++row) {
    if (const int64_t to = rowOf(row); to >= 0) rows.push_back(to);
  }
  return rows;
}

}  // namespace

void checkInputs(Opcode opcode, const Call& call) {
  const auto rowsOf = [&](int32_t operand) {
    return [rows = call.operands[operand]->rows()](int64_t) { return rows; };
  };
  const auto ownRow = [](int64_t row) { return row + 1; };
  const auto trained = [&](int64_t row) { return reference::get<double>(*call.operands[3], row) != 0; };
  const auto cachedRows = [&](int32_t cache, int32_t slot) {
    const int64_t* dims = call.operands[cache]->dims;
    within(opcode, call, slot, -1, [=](int64_t) { return dims[0]; });
    within(opcode, call, slot + 1, 0, [=](int64_t) { return dims[1]; },
           [&](int64_t row) { return indexAt(*call.operands[slot], row) >= 0; });
  };
  switch (opcode) {
    case Opcode::embed: return within(opcode, call, 0, 0, rowsOf(1));
    case Opcode::embedBackward: return within(opcode, call, 0, 0, rowsOf(2));
    case Opcode::gatherRows: return within(opcode, call, 1, -1, rowsOf(0));
    case Opcode::scatterRows:
      within(opcode, call, 1, -1, rowsOf(2));
      return distinct(opcode, writtenRows(*call.operands[1], [&](int64_t row) { return indexAt(*call.operands[1], row); }));
    case Opcode::linearCrossEntropy: return within(opcode, call, 2, 0, rowsOf(1), trained);
    case Opcode::attention: return within(opcode, call, 3, 0, ownRow);
    case Opcode::attentionBackward: return within(opcode, call, 6, 0, ownRow);
    case Opcode::cacheAppend:
      cachedRows(4, 2);
      return distinct(opcode, writtenRows(*call.operands[2], [&](int64_t row) -> int64_t {
        const int64_t slot = indexAt(*call.operands[2], row);
        return slot < 0 ? -1 : slot * call.operands[4]->dims[1] + indexAt(*call.operands[3], row);
      }));
    case Opcode::attentionCached: return cachedRows(1, 3);
    default: return;
  }
}

}  // namespace luthier
