// The one check that needs data: indices point inside the tensors they index. Run before an instruction executes.
#pragma once

#include "../generated/ops.h"

namespace luthier {

// Throws an Error that names the op, the operand and the row.
void checkInputs(Opcode opcode, const Call& call);

}  // namespace luthier
