#include "pool.h"

#include <cstring>
#include <system_error>
#include <utility>

#include "error.h"
#include "sanitize.h"

namespace luthier {
namespace {

constexpr int spins = 4000;  // about 40 µs
constexpr uint32_t open = 1u << 31;

}  // namespace

Pool::Pool(int threads, int64_t threadBytes, int64_t sharedBytes, bool poison)
    : poison_(poison), scratch_(static_cast<size_t>(threads) + 1) {
  for (int32_t thread = 0; thread < threads; ++thread) threadScratch(thread, threadBytes);
  sharedScratch(sharedBytes);
  try {
    for (int32_t thread = 1; thread < threads; ++thread) {
      threads_.emplace_back([this, thread] { work(thread); });
    }
  } catch (const std::system_error& error) {
    end();
    throw Error("cannot start " + std::to_string(threads) + " threads: " + error.what());
  }
}

Pool::~Pool() { end(); }

void Pool::end() {
  stopping_ = true;
  round_.fetch_add(1);
  round_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::run(int64_t count, Task task, void* argument) {
  if (threads_.empty() || count < 2) {
    for (int64_t i = 0; i < count; ++i) task(argument, i, 0);
    return;
  }
  task_ = task;
  argument_ = argument;
  count_ = count;
  next_.store(0, std::memory_order_relaxed);
  gate_.store(open, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  pull(0);
  gate_.fetch_and(~open, std::memory_order_relaxed);
  for (int i = 0; gate_.load(std::memory_order_acquire) != 0; ++i) {
    if (i < spins) __builtin_ia32_pause();
    else std::this_thread::yield();
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

void Pool::pull(int32_t thread) {
  try {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count_;) task_(argument_, i, thread);
  } catch (...) {
    next_.store(count_, std::memory_order_relaxed);
    const std::lock_guard lock(failureMutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

bool Pool::enter() {
  uint32_t gate = gate_.load(std::memory_order_relaxed);
  while ((gate & open) != 0) {
    if (gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  }
  return false;
}

uint32_t Pool::waitForNext(uint32_t seen) const {
  for (int i = 0; i < spins; ++i) {
    const uint32_t round = round_.load(std::memory_order_acquire);
    if (round != seen) return round;
    __builtin_ia32_pause();
  }
  round_.wait(seen, std::memory_order_acquire);
  return round_.load(std::memory_order_acquire);
}

void Pool::work(int32_t thread) {
  for (uint32_t seen = 0;;) {
    seen = waitForNext(seen);
    if (stopping_) return;
    if (!enter()) continue;
    pull(thread);
    gate_.fetch_sub(1, std::memory_order_release);
  }
}

uint8_t* Pool::handOut(Mapping& scratch, int64_t bytes) const {
  if (scratch.bytes() < bytes) {
    scratch = Mapping();
    scratch = Mapping::anonymous(bytes, "scratch");
  }
  allow(scratch.data(), bytes);
  forbid(scratch.data() + bytes, scratch.bytes() - bytes);
  if (poison_ && bytes > 0) std::memset(scratch.data(), 0xff, static_cast<size_t>(bytes));
  return scratch.data();
}

uint8_t* Pool::threadScratch(int32_t thread, int64_t bytes) { return handOut(scratch_[static_cast<size_t>(thread)], bytes); }

uint8_t* Pool::sharedScratch(int64_t bytes) { return handOut(scratch_.back(), bytes); }

int64_t Pool::scratchBytes() const {
  int64_t bytes = 0;
  for (const Mapping& scratch : scratch_) bytes += scratch.bytes();
  return bytes;
}

}  // namespace luthier
