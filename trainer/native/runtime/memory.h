// Bytes the executor owns or maps: anonymous memory for the regions and for scratch, read-only file mappings for weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace luthier {

// A mapping, unmapped by the destructor. Movable, not copyable; an empty one has no bytes.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    swap(other);
    return *this;
  }
  ~Mapping();

  // Zeroed, page-aligned. Throws an Error with the size and the purpose if the memory cannot be allocated.
  static Mapping anonymous(int64_t bytes, const char* what);
  // Bytes [offset, offset + bytes) of a file, read-only. Throws an Error that names the file.
  static Mapping file(const std::string& path, int64_t offset, int64_t bytes);

  uint8_t* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  void swap(Mapping& other) {
    std::swap(base_, other.base_);
    std::swap(length_, other.length_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }

  void* base_ = nullptr;
  size_t length_ = 0;
  uint8_t* data_ = nullptr;
  int64_t bytes_ = 0;
};

}  // namespace luthier
