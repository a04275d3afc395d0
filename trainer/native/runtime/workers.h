// The services of the runtime for kernels: running tasks on its threads, and scratch memory.
//
// Tasks are divided by shape, never by the number of threads; threads only pull them. Scratch is uninitialised, kept
// between calls and grown when asked for more. Kernel translation units include this header, so it stays free of the
// standard library.
#pragma once

#include <cstdint>

namespace luthier {

class Workers {
 public:
  using Task = void (*)(void* argument, int64_t task, int32_t thread);

  // Calls task(argument, 0..count-1), each once, on any thread; returns when all are done. Not reentrant.
  virtual void run(int64_t count, Task task, void* argument) = 0;
  // 64-byte-aligned bytes of one thread's own, valid until the next request of the same thread.
  virtual uint8_t* threadScratch(int32_t thread, int64_t bytes) = 0;
  // 64-byte-aligned bytes shared by all threads of one instruction; request it outside of tasks, once per instruction.
  virtual uint8_t* sharedScratch(int64_t bytes) = 0;

 protected:
  ~Workers() = default;
};

}  // namespace luthier
