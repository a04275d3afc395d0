// The shapes and data types that kernels rely on, as one line an op, and their check.
#pragma once

#include <string>

#include "../generated/ops.h"

namespace luthier {

// Throws an Error that starts with `where` and names the operand when the call does not fit its op's signature.
void checkSignature(Opcode opcode, const Call& call, bool allowF64, const std::string& where);

}  // namespace luthier
