// What went wrong, in words for a person. Thrown inside native code, caught at its edges (addon, luthier-exec).
#pragma once

#include <stdexcept>
#include <string>

namespace luthier {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace luthier
