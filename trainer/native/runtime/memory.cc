#include "memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error.h"
#include "sanitize.h"

namespace luthier {
namespace {

class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Mapping::~Mapping() {
  if (!base_) return;
  allow(static_cast<const uint8_t*>(base_), wholePages(static_cast<int64_t>(length_)));
  munmap(base_, length_);
}

Mapping Mapping::anonymous(int64_t bytes, const char* what) {
  Mapping m;
  if (bytes <= 0) return m;
  void* base = mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) throw Error("no memory for " + std::to_string(bytes) + " bytes of " + what + ": " + std::strerror(errno));
  madvise(base, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  m.base_ = base;
  m.length_ = static_cast<size_t>(bytes);
  m.data_ = static_cast<uint8_t*>(base);
  m.bytes_ = bytes;
  return m;
}

Mapping Mapping::file(const std::string& path, int64_t offset, int64_t bytes) {
  const Descriptor file(path);
  struct stat status {};
  if (file.get() < 0 || fstat(file.get(), &status) != 0) throw Error("cannot open " + path + ": " + std::strerror(errno));
  if (offset < 0 || bytes < 1 || offset > status.st_size || bytes > status.st_size - offset) {
    throw Error(path + " has " + std::to_string(status.st_size) + " bytes, too few for " + std::to_string(bytes) + " at offset " + std::to_string(offset));
  }
  const int64_t page = sysconf(_SC_PAGESIZE), lead = offset % page;
  Mapping m;
  void* base = mmap(nullptr, static_cast<size_t>(bytes + lead), PROT_READ, MAP_PRIVATE, file.get(), offset - lead);
  if (base == MAP_FAILED) throw Error("cannot map " + path + ": " + std::strerror(errno));
  m.base_ = base;
  m.length_ = static_cast<size_t>(bytes + lead);
  m.data_ = static_cast<uint8_t*>(base) + lead;
  m.bytes_ = bytes;
  return m;
}

}  // namespace luthier
