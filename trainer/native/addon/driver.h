// The thread that runs an executor's programs, so that JavaScript's thread never waits for one.
//
// Always owned by a shared pointer: a run keeps its driver until its end is delivered, whoever else lets go of it.
// One program at a time: `run` is called only while `running()` is false. A run's end is delivered on JavaScript's
// thread, where its promise settles: with true, or with false when `cancel` ended it early.
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
  // The program that is running starts no further instruction. Nothing where none is running.
  void cancel() { stop_.request_stop(); }

 private:
  struct Request;

  void work();
  void finish(Napi::Env env, Request& request);

  Executor executor_;
  // JavaScript's thread alone reads and writes these.
  bool running_ = false;
  std::stop_source stop_{std::nostopstate};  // of the newest run
  std::mutex mutex_;
  std::condition_variable changed_;
  Request* posted_ = nullptr;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace luthier
