// The reference backends: every op's reference.h, in single and in double precision.
#include "../../native/runtime/kernels.h"
#include "referenceKernels.h"

namespace luthier {
namespace {

template <class Real>
KernelTable makeTable() {
  KernelTable table{};
  table.computesF64 = true;
#define LUTHIER_ENTRY(name, Struct)                           \
  table.of[static_cast<int32_t>(Opcode::name) - 1] =          \
      [](const Call& call, Workers&) { reference::name<Real>(Struct(call)); };
  LUTHIER_OPS(LUTHIER_ENTRY)
#undef LUTHIER_ENTRY
  return table;
}

}  // namespace

const KernelTable& referenceKernels() {
  static const KernelTable table = makeTable<float>();
  return table;
}

const KernelTable& reference64Kernels() {
  static const KernelTable table = makeTable<double>();
  return table;
}

}  // namespace luthier
