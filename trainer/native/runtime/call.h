// One instruction with its operands resolved: what a generated op struct is built from.
#pragma once

#include "tensor.h"

namespace luthier {

struct Call {
  const Tensor* const* operands;  // null where absent
  int32_t operandCount;
  const int32_t* attributes;

  LUTHIER_EVERYWHERE int32_t integer(int32_t index) const { return attributes[index]; }

  LUTHIER_EVERYWHERE float real(int32_t index) const {
    float value;
    __builtin_memcpy(&value, &attributes[index], sizeof value);
    return value;
  }
};

}  // namespace luthier
