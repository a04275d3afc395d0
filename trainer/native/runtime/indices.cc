#include "indices.h"

#include <algorithm>
#include <string>

#include "error.h"
#include "reference.h"

namespace luthier {
namespace {

int64_t indexAt(const Tensor& t, int64_t row) { return reference::loadAs<int32_t>(t.data + 4 * row); }

bool counts(const Tensor& where, int64_t row) {
  return where.dtype == DType::i32 ? indexAt(where, row) >= 0 : reference::get<double>(where, row) != 0;
}

}  // namespace

void IndexCheck::within(const char* operand, const Tensor& index, int64_t lowest, int64_t behind, const Tensor* where) const {
  for (int64_t row = 0; row < index.count(); ++row) {
    const int64_t value = indexAt(index, row);
    if ((value >= lowest && value < behind) || (where && !counts(*where, row))) continue;
    refuse(operand, value, row, lowest, behind);
  }
}

void IndexCheck::upToOwnRow(const char* operand, const Tensor& index) const {
  for (int64_t row = 0; row < index.count(); ++row) {
    const int64_t value = indexAt(index, row);
    if (value < 0 || value > row) refuse(operand, value, row, 0, row + 1);
  }
}

void IndexCheck::ascending(const char* operand, const Tensor& index, int64_t end) const {
  int64_t lowest = 0;
  for (int64_t row = 0; row < index.count(); ++row) {
    const int64_t value = indexAt(index, row);
    if (value < lowest || value > end) refuse(operand, value, row, lowest, end + 1);
    lowest = value;
  }
}

void IndexCheck::distinct(const std::vector<Part>& parts) const {
  std::vector<int64_t> written;
  for (int64_t row = 0; row < parts.front().index->count(); ++row) {
    int64_t to = 0;
    for (const Part& part : parts) {
      const int64_t index = indexAt(*part.index, row);
      to = index < 0 || to < 0 ? -1 : to * part.rows + index;
    }
    if (to >= 0) written.push_back(to);
  }
  std::sort(written.begin(), written.end());
  const auto twice = std::adjacent_find(written.begin(), written.end());
  if (twice == written.end()) return;
  throw Error(std::string(op_) + ": two rows are written to row " + std::to_string(*twice));
}

void IndexCheck::refuse(const char* operand, int64_t index, int64_t row, int64_t lowest, int64_t behind) const {
  const std::string allowed = std::to_string(lowest) + " to " + std::to_string(behind - 1);
  throw Error(std::string(op_) + ": index " + std::to_string(index) + " at row " + std::to_string(row) + " of " + operand + " is not " + allowed);
}

}  // namespace luthier
