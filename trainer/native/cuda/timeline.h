// The device's time of each instruction of a run: an event in the stream before the first one and after each.
#pragma once

#include <memory>
#include <vector>

#include "driver.h"

namespace luthier::cuda {

class Timeline {
 public:
  // Forgets the marks of the run before.
  void begin() {
    marks_ = 0;
    mark();
  }

  // Ends an instruction.
  void mark() {
    if (marks_ == events_.size()) {
      void* event = nullptr;
      driver().check(driver().cuEventCreate(&event, 0), "an event could not be created");
      events_.emplace_back(event);
    }
    driver().check(driver().cuEventRecord(events_[marks_++].get(), nullptr), "an event could not be recorded");
  }

  // The seconds of each instruction. Call it once the device has ended them.
  std::vector<double> seconds() const {
    std::vector<double> seconds;
    for (size_t i = 1; i < marks_; ++i) {
      float milliseconds = 0;
      driver().check(driver().cuEventElapsedTime(&milliseconds, events_[i - 1].get(), events_[i].get()), "the time between events could not be read");
      seconds.push_back(static_cast<double>(milliseconds) / 1000);
    }
    return seconds;
  }

 private:
  struct Destroy {
    void operator()(void* event) const { driver().cuEventDestroy_v2(event); }
  };
  std::vector<std::unique_ptr<void, Destroy>> events_;
  size_t marks_ = 0;
};

}  // namespace luthier::cuda
