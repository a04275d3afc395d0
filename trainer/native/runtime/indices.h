// The check of integers that index rows, for one op: what the generated checks (generated/indices.h) are made of.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor.h"

namespace luthier {

class IndexCheck {
 public:
  explicit IndexCheck(const char* op) : op_(op) {}

  // Every index is lowest ≤ index < behind; with `where` in those rows alone that it counts: where it is not 0 (a float) or
  // not negative (an index). Throws an Error that names the op, the operand and the row.
  void within(const char* operand, const Tensor& index, int64_t lowest, int64_t behind, const Tensor* where = nullptr) const;

  // No index points behind the row in which it stands.
  void upToOwnRow(const char* operand, const Tensor& index) const;

  struct Part {
    const Tensor* index;
    int64_t rows;  // that it may name
  };

  // Tasks write the rows that these name together, so no two may be one. A row with a negative index is not written.
  void distinct(const std::vector<Part>& parts) const;

 private:
  [[noreturn]] void refuse(const char* operand, int64_t index, int64_t row, int64_t lowest, int64_t behind) const;

  const char* op_;
};

}  // namespace luthier
