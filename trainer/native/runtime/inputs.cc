#include "inputs.h"

#include "../generated/indices.h"

namespace luthier {

void checkInputs(Opcode opcode, const Call& call) {
  switch (opcode) {
#define LUTHIER_CHECK(name, Struct) \
  case Opcode::name: return checkIndices(Struct(call));
    LUTHIER_INDEXED_OPS(LUTHIER_CHECK)
#undef LUTHIER_CHECK
    default: return;
  }
}

}  // namespace luthier
