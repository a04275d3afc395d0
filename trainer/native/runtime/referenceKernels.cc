// The reference backends: every op's reference.h, in single and in double precision.
#include "kernels.h"

#include "../../ops/adamw/reference.h"
#include "../../ops/add/reference.h"
#include "../../ops/argmax/reference.h"
#include "../../ops/attention/reference.h"
#include "../../ops/attentionBackward/reference.h"
#include "../../ops/attentionCached/reference.h"
#include "../../ops/cacheAppend/reference.h"
#include "../../ops/cast/reference.h"
#include "../../ops/clip/reference.h"
#include "../../ops/dropout/reference.h"
#include "../../ops/embed/reference.h"
#include "../../ops/embedBackward/reference.h"
#include "../../ops/fill/reference.h"
#include "../../ops/gatherRows/reference.h"
#include "../../ops/glu/reference.h"
#include "../../ops/gluBackward/reference.h"
#include "../../ops/gradWeight/reference.h"
#include "../../ops/linear/reference.h"
#include "../../ops/linearCrossEntropy/reference.h"
#include "../../ops/linearInput/reference.h"
#include "../../ops/rmsNorm/reference.h"
#include "../../ops/rmsNormBackward/reference.h"
#include "../../ops/rope/reference.h"
#include "../../ops/scatterRows/reference.h"
#include "../../ops/sumSquares/reference.h"

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
