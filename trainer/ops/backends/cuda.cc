// The cuda backend: how each op starts its kernels (the ops' cuda.h).
#include "../../native/cuda/accelerator.h"
#include "cudaKernels.h"

namespace luthier::cuda {
namespace {

constexpr KernelTable makeTable() {
  KernelTable table{};
#define LUTHIER_ENTRY(name, Struct)                  \
  table.of[static_cast<int32_t>(Opcode::name) - 1] = \
      [](const Call& call, Launcher& launcher) { name(Struct(call), launcher); };
  LUTHIER_OPS(LUTHIER_ENTRY)
#undef LUTHIER_ENTRY
  return table;
}

}  // namespace

const KernelTable& kernels() {
  static constexpr KernelTable table = makeTable();
  return table;
}

}  // namespace luthier::cuda
