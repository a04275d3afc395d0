// Checks integers that index rows, for one op. The generated checks (generated/indices.h) call it.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor.h"

namespace luthier {

class IndexCheck {
 public:
  explicit IndexCheck(const char* op) : op_(op) {}

  // Requires lowest ≤ index < behind. With `where`, only rows count whose `where` is nonzero (a float) or not negative
  // (an index). Throws an Error that names the op, the operand and the row.
  void within(const char* operand, const Tensor& index, int64_t lowest, int64_t behind, const Tensor* where = nullptr) const;

  // Requires that no index exceeds the row in which it stands.
  void upToOwnRow(const char* operand, const Tensor& index) const;

  // Requires 0 ≤ each index ≤ the next ≤ end.
  void ascending(const char* operand, const Tensor& index, int64_t end) const;

  struct Part {
    const Tensor* index;
    int64_t rows;  // number of rows that it may name
  };

  // Requires distinct tuples of indices, since tasks write these rows in parallel. A negative index writes no row.
  void distinct(const std::vector<Part>& parts) const;

 private:
  [[noreturn]] void refuse(const char* operand, int64_t index, int64_t row, int64_t lowest, int64_t behind) const;

  const char* op_;
};

}  // namespace luthier
