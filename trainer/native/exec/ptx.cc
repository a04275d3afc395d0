// luthier-ptx: runs one entry of a PTX file on a buffer, on the GPU or on the emulated driver (LUTHIER_CUDA_DRIVER).
//
// usage: luthier-ptx FILE ENTRY BLOCKS THREADS < BUFFER > RESULT
// The entry's parameters are the buffer's address (u64) and its number of bytes (u32).
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "../cuda/deviceBuffer.h"
#include "../runtime/error.h"

namespace luthier {
namespace {

std::vector<uint8_t> readAll(std::FILE* file) {
  std::vector<uint8_t> bytes;
  uint8_t part[4096];
  for (size_t count = 0; (count = std::fread(part, 1, sizeof part, file)) > 0;) bytes.insert(bytes.end(), part, part + count);
  return bytes;
}

std::string textOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw Error("cannot read " + path);
  return text.str();
}

int run(int count, char** values) {
  if (count != 5) throw Error("usage: luthier-ptx FILE ENTRY BLOCKS THREADS < BUFFER > RESULT");
  const cuda::Driver& d = cuda::driver();
  cuda::openGpu();
  void *module = nullptr, *function = nullptr;
  const std::string text = textOf(values[1]);
  d.check(d.cuModuleLoadData(&module, text.c_str()), values[1]);
  d.check(d.cuModuleGetFunction(&function, module, values[2]), values[2]);
  std::vector<uint8_t> buffer = readAll(stdin);
  auto bytes = static_cast<uint32_t>(buffer.size());
  const cuda::DeviceBuffer onGpu(bytes, "the buffer");
  onGpu.upload(buffer.data(), bytes);
  cuda::DeviceAddress address = onGpu.address();
  void* parameters[] = {&address, &bytes};
  const auto number = [](const char* word) { return static_cast<unsigned>(std::strtoul(word, nullptr, 10)); };
  d.check(d.cuLaunchKernel(function, number(values[3]), 1, 1, number(values[4]), 1, 1, 0, nullptr, parameters, nullptr), "the launch failed");
  d.check(d.cuCtxSynchronize(), "the kernel failed");
  onGpu.download(buffer.data(), bytes);
  std::fwrite(buffer.data(), 1, buffer.size(), stdout);
  return 0;
}

}  // namespace
}  // namespace luthier

int main(int count, char** values) {
  try {
    return luthier::run(count, values);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "luthier-ptx: %s\n", error.what());
    return 1;
  }
}
