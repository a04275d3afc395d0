// The cpu backend of one instruction set: CMakeLists.txt compiles this file once for each, with LUTHIER_ISA its name.
#include "../runtime/kernels.h"
#include "peak.h"

#include "../../ops/adamw/cpu.h"
#include "../../ops/add/cpu.h"
#include "../../ops/argmax/cpu.h"
#include "../../ops/attention/cpu.h"
#include "../../ops/attentionBackward/cpu.h"
#include "../../ops/attentionCached/cpu.h"
#include "../../ops/cacheAppend/cpu.h"
#include "../../ops/cast/cpu.h"
#include "../../ops/clip/cpu.h"
#include "../../ops/dropout/cpu.h"
#include "../../ops/embed/cpu.h"
#include "../../ops/embedBackward/cpu.h"
#include "../../ops/fill/cpu.h"
#include "../../ops/gatherRows/cpu.h"
#include "../../ops/glu/cpu.h"
#include "../../ops/gluBackward/cpu.h"
#include "../../ops/gradWeight/cpu.h"
#include "../../ops/linear/cpu.h"
#include "../../ops/linearCrossEntropy/cpu.h"
#include "../../ops/linearInput/cpu.h"
#include "../../ops/rmsNorm/cpu.h"
#include "../../ops/rmsNormBackward/cpu.h"
#include "../../ops/rope/cpu.h"
#include "../../ops/scatterRows/cpu.h"
#include "../../ops/sumSquares/cpu.h"

namespace luthier::LUTHIER_ISA {

extern const KernelTable kernels;

#define LUTHIER_ENTRY(name, Struct) [](const Call& call, Workers& workers) { name(Struct(call), workers); },
const KernelTable kernels = {{LUTHIER_OPS(LUTHIER_ENTRY) nullptr}, registerPeak, false};
#undef LUTHIER_ENTRY

}  // namespace luthier::LUTHIER_ISA
