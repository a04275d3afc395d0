// An error with a message for people. Native code throws it; its edges (addon, luthier-exec) catch it.
#pragma once

#include <stdexcept>
#include <string>

namespace luthier {

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace luthier
