// The thread pool: the calling thread and `threads - 1` others pull tasks from one counter.
//
// A round of tasks has a gate: a thread that comes while it is open counts itself in, pulls, and counts itself out. The
// caller closes it when no task is left and waits for those inside alone, never for a thread that is still asleep.
// Between calls the others spin briefly and then sleep, since a cgroup's quota pays for spinning.
// A task that throws ends its round: no further task is started, and `run` throws the first exception on its own thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "memory.h"
#include "workers.h"

namespace luthier {

class Pool final : public Workers {
 public:
  // Scratch of `threadBytes` for each thread and `sharedBytes` for all is reserved; what needs more gets more.
  // With `poison` it is full of NaN whenever it is asked for.
  explicit Pool(int threads, int64_t threadBytes = 0, int64_t sharedBytes = 0, bool poison = false);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  void run(int64_t count, Task task, void* argument) override;
  uint8_t* threadScratch(int32_t thread, int64_t bytes) override;
  uint8_t* sharedScratch(int64_t bytes) override;

  int64_t scratchBytes() const;

 private:
  uint8_t* handOut(Mapping& scratch, int64_t bytes) const;
  void work(int32_t thread);
  void pull(int32_t thread);
  void end();
  bool enter();
  uint32_t waitForNext(uint32_t seen) const;

  Task task_ = nullptr;
  void* argument_ = nullptr;
  int64_t count_ = 0;
  std::atomic<int64_t> next_{0};
  std::atomic<uint32_t> gate_{0};  // `open`, and how many others are inside
  std::atomic<uint32_t> round_{0};
  std::atomic<bool> stopping_{false};
  std::mutex failureMutex_;
  std::exception_ptr failure_;  // the round's first
  bool poison_;
  std::vector<Mapping> scratch_;  // one a thread, then the shared one
  std::vector<std::thread> threads_;
};

}  // namespace luthier
