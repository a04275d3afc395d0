// An error with a message for people. Native code throws it; its edges (addon, luthier-exec) catch it.
#pragma once

#include <stdexcept>
#include <string>

namespace luthier {

// A cause that the trainer tells apart by its code in JavaScript.
enum class Cause { other, noUsableGpu, outOfDeviceMemory };

struct Error : std::runtime_error {
  explicit Error(const std::string& message, Cause why = Cause::other) : std::runtime_error(message), cause(why) {}
  Cause cause;
};

}  // namespace luthier
