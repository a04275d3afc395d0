#include "driver.h"

#include <memory>

#include "javaScriptError.h"

namespace luthier {

struct Driver::Request {
  std::shared_ptr<Driver> driver;
  int32_t program;
  Napi::Promise::Deferred deferred;
  Napi::ThreadSafeFunction settle;
  std::stop_token stop;
  bool complete = false;
  std::string error = {};  // empty: no error
  Cause cause = Cause::other;
};

Driver::Driver(const ExecutorOptions& options) : executor_(options), thread_([this] { work(); }) {}

Driver::~Driver() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Napi::Value Driver::run(Napi::Env env, int32_t program) {
  auto settle = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "luthier run", 0, 1);
  stop_ = std::stop_source();
  auto request = std::make_unique<Request>(
      Request{shared_from_this(), program, Napi::Promise::Deferred::New(env), settle, stop_.get_token()});
  const Napi::Promise promise = request->deferred.Promise();
  running_ = true;
  {
    const std::lock_guard lock(mutex_);
    posted_ = request.release();  // finish() takes it back
  }
  changed_.notify_one();
  return promise;
}

void Driver::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return posted_ || stopping_; });
    if (!posted_) return;
    Request* request = std::exchange(posted_, nullptr);
    lock.unlock();
    try {
      request->complete = executor_.run(request->program, request->stop);
    } catch (const std::exception& error) {
      request->error = error.what();
      request->cause = causeOf(error);
    }
    Napi::ThreadSafeFunction settle = request->settle;
    const napi_status delivered =
        settle.BlockingCall(request, [](Napi::Env env, Napi::Function, Request* done) { done->driver->finish(env, *done); });
    // A result is undelivered when the environment is ending. JavaScript's objects must then not be touched, so the
    // request and what it references are leaked until the process ends.
    if (delivered != napi_ok) return;
    settle.Release();
  }
}

void Driver::finish(Napi::Env env, Request& request) {
  const std::unique_ptr<Request> owned(&request);
  running_ = false;
  if (owned->error.empty()) owned->deferred.Resolve(Napi::Boolean::New(env, owned->complete));
  else owned->deferred.Reject(javaScriptError(env, owned->error, owned->cause).Value());
}

}  // namespace luthier
