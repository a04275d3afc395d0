#include "case.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "../runtime/error.h"

namespace luthier {
namespace {

constexpr int32_t magic = 0x4348544C;
constexpr int32_t version = 3;

class Reader {
 public:
  explicit Reader(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  int32_t word() {
    int32_t value;
    std::memcpy(&value, take(4), 4);
    return value;
  }

  int64_t longWord() {
    const auto low = static_cast<uint32_t>(word());
    return static_cast<int64_t>(static_cast<uint64_t>(static_cast<uint32_t>(word())) << 32 | low);
  }

  float real() {
    float value;
    std::memcpy(&value, take(4), 4);
    return value;
  }

  // A length in bytes, then the bytes, padded to whole words.
  std::vector<uint8_t> block() {
    const int64_t length = longWord();
    if (length < 0) throw Error("the case has a block of negative length");
    const uint8_t* from = take(length);
    take((4 - length % 4) % 4);
    return {from, from + length};
  }

  int32_t count(const char* what) {
    const int32_t value = word();
    if (value < 0 || value > 1 << 20) throw Error(std::string("the case has ") + std::to_string(value) + " " + what);
    return value;
  }

  bool done() const { return at_ == static_cast<int64_t>(bytes_.size()); }

 private:
  const uint8_t* take(int64_t length) {
    if (length > static_cast<int64_t>(bytes_.size()) - at_) throw Error("the case ends early");
    at_ += length;
    return bytes_.data() + at_ - length;
  }

  std::vector<uint8_t> bytes_;
  int64_t at_ = 0;
};

int64_t regionBytes(const Case& c, Region region) {
  if (region == Region::state) return c.stateBytes;
  if (region == Region::io) return c.ioBytes;
  throw Error("a case may fill and check only the regions state and io");
}

void within(const Case& c, Region region, int64_t offset, int64_t bytes) {
  const int64_t limit = regionBytes(c, region);
  if (offset < 0 || offset > limit || bytes < 0 || bytes > limit - offset) throw Error("the case reaches beyond a region");
}

CaseBytes readBytes(Reader& in, const Case& c) {
  const CaseBytes content{in.word(), in.longWord()};
  if (content.pattern < 0 || content.pattern >= static_cast<int64_t>(c.patterns.size())) throw Error("the case names a pattern that it does not have");
  if (content.bytes < 0 || (content.bytes > 0 && c.patterns[static_cast<size_t>(content.pattern)].empty())) throw Error("the case has content of an impossible length");
  return content;
}

std::vector<CaseFill> readFills(Reader& in, const Case& c) {
  std::vector<CaseFill> fills;
  for (int32_t left = in.count("fills"); left > 0; --left) {
    const auto region = static_cast<Region>(in.word());
    const int64_t offset = in.longWord();
    fills.push_back({region, offset, readBytes(in, c)});
    within(c, region, offset, fills.back().content.bytes);
  }
  return fills;
}

CaseCheck readCheck(Reader& in, const Case& c) {
  CaseCheck check{};
  check.region = static_cast<Region>(in.word());
  const int32_t dtype = in.word();
  if (dtype < 0 || dtype >= dtypeCount) throw Error("the case checks an unknown data type");
  check.dtype = static_cast<DType>(dtype);
  check.offset = in.longWord();
  check.count = in.longWord();
  check.relative = in.real();
  check.absolute = in.real();
  const std::vector<uint8_t> name = in.block();
  check.name.assign(name.begin(), name.end());
  if (check.count < 1 || check.count > INT64_MAX / 8) throw Error("the case checks no elements of " + check.name);
  within(c, check.region, check.offset, check.count * bytesOf(check.dtype));
  return check;
}

}  // namespace

void writeBytes(const Case& c, const CaseBytes& content, uint8_t* to) {
  const std::vector<uint8_t>& pattern = c.patterns[static_cast<size_t>(content.pattern)];
  const auto length = static_cast<int64_t>(pattern.size());
  for (int64_t at = 0; at < content.bytes; at += length) {
    std::memcpy(to + at, pattern.data(), static_cast<size_t>(std::min(length, content.bytes - at)));
  }
}

Case readCase(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("cannot read " + path);
  Reader in(std::vector<uint8_t>{std::istreambuf_iterator<char>(file), {}});
  if (in.word() != magic) throw Error(path + " is not a case: the magic LTHC is missing");
  if (const int32_t v = in.word(); v != version) throw Error(path + " is a case of version " + std::to_string(v));
  Case c;
  c.runs = in.count("runs");
  for (int64_t* size : {&c.arenaBytes, &c.stateBytes, &c.ioBytes, &c.threadScratchBytes, &c.sharedScratchBytes}) {
    *size = in.longWord();
    if (*size < 0) throw Error(path + " has a region of negative size");
  }
  for (int32_t left = in.count("patterns"); left > 0; --left) c.patterns.push_back(in.block());
  for (int32_t left = in.count("weights"); left > 0; --left) c.weights.push_back(readBytes(in, c));
  c.fills = readFills(in, c);
  for (int32_t left = in.count("programs"); left > 0; --left) {
    std::vector<uint8_t> program = in.block();
    c.programs.push_back({std::move(program), readFills(in, c)});
  }
  for (int32_t left = in.count("checks"); left > 0; --left) c.checks.push_back(readCheck(in, c));
  if (!in.done()) throw Error(path + " has bytes after its end");
  return c;
}

}  // namespace luthier
