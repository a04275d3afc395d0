// The thread pool: the calling thread and `threads - 1` others pull tasks from one counter.
//
// A round of tasks has a gate. A thread that arrives while the gate is open counts itself in, pulls tasks, and counts
// itself out. The caller closes the gate when no task is left and waits only for the threads inside, never for a thread
// that is still asleep. Between calls the other threads spin briefly and then sleep, since spinning uses the cgroup's
// quota.
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
  // Reserves `threadBytes` of scratch per thread and `sharedBytes` for all threads together; larger requests get more.
  // With `poison`, every request returns scratch filled with NaN.
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
  std::vector<Mapping> scratch_;  // one per thread, then the shared one
  std::vector<std::thread> threads_;
};

}  // namespace luthier
