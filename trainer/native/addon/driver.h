// The thread that runs an executor's programs, so that JavaScript's thread never waits for one.
//
// A driver is always owned by a shared pointer: a run holds a reference until its result is delivered. One program runs
// at a time: `run` is called only while `running()` is false. The result is delivered on JavaScript's thread, where the
// promise settles: with true, or with false when `cancel` ended the run early.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "../runtime/executor.h"

namespace luthier {

class Driver : public std::enable_shared_from_this<Driver> {
 public:
  explicit Driver(const ExecutorOptions& options);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  Executor& executor() { return executor_; }
  bool running() const { return running_; }
  Napi::Value run(Napi::Env env, int32_t program);
  // Stops the running program before its next instruction. Has no effect when no program is running.
  void cancel() { stop_.request_stop(); }

 private:
  struct Request;

  void work();
  void finish(Napi::Env env, Request& request);

  Executor executor_;
  // Only JavaScript's thread reads and writes these.
  bool running_ = false;
  std::stop_source stop_{std::nostopstate};  // of the newest run
  std::mutex mutex_;
  std::condition_variable changed_;
  Request* posted_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace luthier
