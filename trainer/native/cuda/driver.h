// libcuda, loaded when it is first needed, so that the trainer starts on machines without it.
#pragma once

#include <string>

#include "api.h"

namespace luthier::cuda {

struct Driver {
#define LUTHIER_FUNCTION(name, parameters) Result (*name) parameters;
  LUTHIER_DRIVER_FUNCTIONS(LUTHIER_FUNCTION)
#undef LUTHIER_FUNCTION
  // The emulated driver's own function; null for libcuda.
  void (*luthierPermit)(const Touched* touched, int32_t count);

  // Throws an Error that names what was done and the driver's reason, unless the result is success.
  void check(Result result, const std::string& what) const;
};

// LUTHIER_CUDA_DRIVER, else libcuda.so.1. Throws an Error if it cannot be loaded or is too old.
const Driver& driver();

// Opens GPU 0 and makes it the calling thread's. Returns its context. Throws an Error if there is none.
void* openGpu();

}  // namespace luthier::cuda
