// The addon: Executor and info(), typed in trainer/native/addon.ts.
//
// A run happens on the executor's own thread and resolves a promise; JavaScript's thread only posts it. Every native
// exception becomes a JavaScript one here. The views `state` and `io` are detached on close().
#include <malloc.h>
#include <napi.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "../cuda/gpu.h"
#include "../runtime/cores.h"
#include "../runtime/error.h"
#include "../runtime/executor.h"
#include "../runtime/isa.h"
#include "../runtime/quantize.h"
#include "decomposition.h"
#include "driver.h"
#include "javaScriptError.h"

namespace luthier {
namespace {

constexpr int numericsVersion = 1;

template <class Action>
auto guarded(Napi::Env env, Action action) -> decltype(action()) {
  try {
    return action();
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw javaScriptError(env, error.what(), causeOf(error));
  }
}

int64_t integerField(const Napi::Object& object, const char* name, double highest) {
  const Napi::Value value = object.Get(name);
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
  if (!(number >= 0 && number <= highest) || number != static_cast<double>(static_cast<int64_t>(number))) {
    throw Error(std::string(name) + " must be an integer from 0 to " + std::to_string(static_cast<int64_t>(highest)));
  }
  return static_cast<int64_t>(number);
}

ExecutorOptions readOptions(const Napi::Value& value) {
  if (!value.IsObject()) throw Error("createExecutor takes an object of options");
  const auto object = value.As<Napi::Object>();
  constexpr double bytes = 9007199254740991.0;
  ExecutorOptions o;
  if (!object.Get("backend").IsString()) throw Error("backend must be a string");
  o.backend = backendFromName(object.Get("backend").As<Napi::String>());
  o.threads = static_cast<int>(integerField(object, "threads", 1024));
  o.stateBytes = integerField(object, "stateBytes", bytes);
  o.arenaBytes = integerField(object, "arenaBytes", bytes);
  o.ioBytes = integerField(object, "ioBytes", bytes);
  o.threadScratchBytes = integerField(object, "threadScratchBytes", bytes);
  o.sharedScratchBytes = integerField(object, "sharedScratchBytes", bytes);
  if (const Napi::Value paged = object.Get("paged"); paged.IsObject()) {
    o.paged = {integerField(paged.As<Napi::Object>(), "offset", bytes), integerField(paged.As<Napi::Object>(), "bytes", bytes)};
    if (o.paged.offset + o.paged.bytes > o.stateBytes) throw Error("paged must lie in the state");
  }
  o.weights = static_cast<int32_t>(integerField(object, "weights", 1 << 24));
  if (!object.Get("poison").IsBoolean()) throw Error("poison must be a boolean");
  o.poison = object.Get("poison").As<Napi::Boolean>();
  return o;
}

class ExecutorObject final : public Napi::ObjectWrap<ExecutorObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Executor",
                       {InstanceAccessor<&ExecutorObject::state>("state"), InstanceAccessor<&ExecutorObject::io>("io"),
                        InstanceMethod<&ExecutorObject::bind>("bind"), InstanceMethod<&ExecutorObject::load>("load"),
                        InstanceMethod<&ExecutorObject::run>("run"), InstanceMethod<&ExecutorObject::cancel>("cancel"),
                        InstanceMethod<&ExecutorObject::close>("close"),
                        InstanceMethod<&ExecutorObject::instructionSeconds>("instructionSeconds"),
                        InstanceMethod<&ExecutorObject::arenaPeakBytes>("arenaPeakBytes"),
                        InstanceMethod<&ExecutorObject::scratchBytes>("scratchBytes")});
  }

  explicit ExecutorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ExecutorObject>(info) {
    guarded(info.Env(), [&] {
      driver_ = std::make_shared<Driver>(readOptions(info[0]));
      state_ = Napi::Persistent(view(info.Env(), driver_->executor().state()));
      io_ = Napi::Persistent(view(info.Env(), driver_->executor().io()));
    });
  }

 private:
  // The view keeps the driver, hence the mapping, alive.
  Napi::Object view(Napi::Env env, const Mapping& mapping) {
    if (mapping.bytes() == 0) return Napi::Uint8Array::New(env, 0);
    auto* keeper = new std::shared_ptr<Driver>(driver_);  // handed to the finaliser, which frees it
    const auto length = static_cast<size_t>(mapping.bytes());
    const auto buffer = Napi::ArrayBuffer::New(env, mapping.data(), length, [](Napi::Env, void*, std::shared_ptr<Driver>* kept) {
      delete kept;
    }, keeper);
    return Napi::Uint8Array::New(env, length, buffer, 0);
  }

  Driver& open() {
    if (!driver_) throw Error("the executor is closed");
    return *driver_;
  }

  Driver& idle() {
    Driver& driver = open();
    if (driver.running()) throw Error("a program is running");
    return driver;
  }

  Napi::Value state(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value { open(); return state_.Value(); });
  }

  Napi::Value io(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value { open(); return io_.Value(); });
  }

  void bind(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      if (!info[0].IsNumber() || !info[1].IsObject()) throw Error("bind takes a weight's index and a source");
      idle().executor().bind(info[0].As<Napi::Number>().Int32Value(), weightBytes(info[1].As<Napi::Object>()));
    });
  }

  static WeightBytes weightBytes(const Napi::Object& source) {
    if (source.Get("path").IsString()) {
      const std::string path = source.Get("path").As<Napi::String>();
      constexpr double bytes = 9007199254740991.0;
      auto mapping = std::make_shared<Mapping>(
          Mapping::file(path, integerField(source, "offset", bytes), integerField(source, "bytes", bytes)));
      const Mapping& mapped = *mapping;
      return {mapped.data(), mapped.bytes(), std::move(mapping)};
    }
    const Napi::Value data = source.Get("data");
    if (!data.IsTypedArray()) throw Error("a weight's source is { path, offset, bytes } or { data: Uint8Array }");
    const auto array = data.As<Napi::Uint8Array>();
    auto kept = std::make_shared<Napi::ObjectReference>(Napi::Persistent(data.As<Napi::Object>()));
    return {array.Data(), static_cast<int64_t>(array.ByteLength()), std::move(kept)};
  }

  Napi::Value load(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      if (!info[0].IsTypedArray()) throw Error("load takes a program's bytes as a Uint8Array");
      const auto bytes = info[0].As<Napi::Uint8Array>();
      return Napi::Number::New(info.Env(), idle().executor().load({bytes.Data(), bytes.ByteLength()}));
    });
  }

  // Every error of a run rejects its promise.
  Napi::Value run(const Napi::CallbackInfo& info) {
    try {
      if (!info[0].IsNumber()) throw Error("run takes a program's handle");
      return idle().run(info.Env(), info[0].As<Napi::Number>().Int32Value());
    } catch (const Napi::Error& error) {
      return rejected(info.Env(), error);
    } catch (const std::exception& error) {
      return rejected(info.Env(), javaScriptError(info.Env(), error.what(), causeOf(error)));
    }
  }

  void cancel(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] { open().cancel(); });
  }

  static Napi::Value rejected(Napi::Env env, const Napi::Error& error) {
    const auto deferred = Napi::Promise::Deferred::New(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  }

  Napi::Value instructionSeconds(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      if (!info[0].IsNumber()) throw Error("instructionSeconds takes a program's handle");
      const std::vector<double> seconds = idle().executor().secondsOf(info[0].As<Napi::Number>().Int32Value());
      auto array = Napi::Float64Array::New(info.Env(), seconds.size());
      std::copy(seconds.begin(), seconds.end(), array.Data());
      return array;
    });
  }

  Napi::Value arenaPeakBytes(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      return Napi::Number::New(info.Env(), static_cast<double>(open().executor().arenaPeakBytes()));
    });
  }

  Napi::Value scratchBytes(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      return Napi::Number::New(info.Env(), static_cast<double>(idle().executor().scratchBytes()));
    });
  }

  void close(const Napi::CallbackInfo& info) {
    guarded(info.Env(), [&] {
      if (!driver_) return;
      idle();
      for (Napi::ObjectReference* reference : {&state_, &io_}) {
        const auto array = reference->Value().As<Napi::Uint8Array>();
        if (array.ByteLength() > 0) array.ArrayBuffer().Detach();
        reference->Reset();
      }
      driver_.reset();
    });
  }

  std::shared_ptr<Driver> driver_;
  Napi::ObjectReference state_, io_;
};

Napi::Value info(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    auto object = Napi::Object::New(call.Env());
    object.Set("isa", isaName(chooseIsa()));
    auto isas = Napi::Array::New(call.Env());
    for (const Isa isa : availableIsas()) isas.Set(isas.Length(), isaName(isa));
    object.Set("isas", isas);
    object.Set("cores", grantedCores());
    object.Set("numericsVersion", numericsVersion);
    return object;
  });
}

// Opens the GPU on the first call.
Napi::Value gpu(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    const cuda::Gpu& opened = cuda::Gpu::opened();
    const auto& [name, computeCapability, driverVersion] = opened.facts();
    const cuda::GpuMemory memory = opened.memory();
    auto object = Napi::Object::New(call.Env());
    object.Set("name", name);
    object.Set("computeCapability", computeCapability);
    object.Set("driverVersion", driverVersion);
    object.Set("pages", opened.pages());
    object.Set("totalBytes", static_cast<double>(memory.total));
    object.Set("freeBytes", static_cast<double>(memory.free));
    object.Set("peakBytes", static_cast<double>(memory.peak));
    return object;
  });
}

template <class T>
Napi::Value bytesOf(Napi::Env env, const std::vector<T>& values) {
  const auto bytes = values.size() * sizeof(T);
  auto array = Napi::Uint8Array::New(env, bytes);
  if (bytes > 0) std::memcpy(array.Data(), values.data(), bytes);
  return array;
}

Napi::Value quantize(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    if (!call[0].IsTypedArray() || !call[1].IsString() || !call[2].IsBoolean()) {
      throw Error("quantizeNf4 takes the values' bytes, their data type and whether to quantise twice");
    }
    const auto values = call[0].As<Napi::Uint8Array>();
    const std::string type = call[1].As<Napi::String>();
    if (type != "F32" && type != "BF16") throw Error("quantizeNf4 takes F32 or BF16, not " + type);
    const int64_t size = type == "F32" ? 4 : 2, count = static_cast<int64_t>(values.ByteLength()) / size;
    if (count < 1 || count * size != static_cast<int64_t>(values.ByteLength())) throw Error("quantizeNf4: not a whole number of values");
    const Nf4Matrix matrix = quantizeNf4(values.Data(), type == "F32" ? DType::f32 : DType::bf16, count, call[2].As<Napi::Boolean>());
    auto object = Napi::Object::New(call.Env());
    object.Set("packed", bytesOf(call.Env(), matrix.packed));
    object.Set("absmax", matrix.absmax.empty() ? bytesOf(call.Env(), matrix.absmaxCodes) : bytesOf(call.Env(), matrix.absmax));
    if (!matrix.nestedAbsmax.empty()) object.Set("nestedAbsmax", bytesOf(call.Env(), matrix.nestedAbsmax));
    return object;
  });
}

// A file's bytes, mapped read-only for as long as the array is reachable.
Napi::Value mapFile(const Napi::CallbackInfo& call) {
  return guarded(call.Env(), [&]() -> Napi::Value {
    if (!call[0].IsString() || !call[1].IsNumber()) throw Error("mapFile takes a path and the file's size in bytes");
    const std::string path = call[0].As<Napi::String>();
    auto mapping = std::make_unique<Mapping>(Mapping::file(path, 0, call[1].As<Napi::Number>().Int64Value()));
    const auto length = static_cast<size_t>(mapping->bytes());
    const auto buffer = Napi::ArrayBuffer::New(call.Env(), mapping->data(), length, [](Napi::Env, void*, Mapping* kept) { delete kept; },
                                               mapping.get());
    mapping.release();  // the buffer's finaliser owns it now
    return Napi::Uint8Array::New(call.Env(), length, buffer, 0);
  });
}

// Maps blocks of a megabyte and more, so that freeing one returns it to the kernel. By default, glibc raises this
// threshold up to 32 MiB when such blocks are freed, and keeps smaller blocks.
void mapLargeBlocks() {
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

// Returns freed memory of the allocator to the kernel.
Napi::Value trimMemory(const Napi::CallbackInfo& call) {
  malloc_trim(0);
  return call.Env().Undefined();
}

// Each environment has a class of its own, so that the addon also works in worker threads.
struct AddonData {
  Napi::FunctionReference executor;
};

Napi::Value createExecutor(const Napi::CallbackInfo& call) {
  return call.Env().GetInstanceData<AddonData>()->executor.New({call[0]});
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  mapLargeBlocks();
  auto data = std::make_unique<AddonData>();
  data->executor = Napi::Persistent(ExecutorObject::define(env));
  env.SetInstanceData(data.release());  // Node deletes it with the environment
  exports.Set("info", Napi::Function::New(env, info, "info"));
  exports.Set("gpu", Napi::Function::New(env, gpu, "gpu"));
  exports.Set("quantizeNf4", Napi::Function::New(env, quantize, "quantizeNf4"));
  exports.Set("decompose", Napi::Function::New(env, decompose, "decompose"));
  exports.Set("mapFile", Napi::Function::New(env, mapFile, "mapFile"));
  exports.Set("trimMemory", Napi::Function::New(env, trimMemory, "trimMemory"));
  exports.Set("createExecutor", Napi::Function::New(env, createExecutor, "createExecutor"));
  return exports;
}

}  // namespace

NODE_API_MODULE(luthier, initialise)

}  // namespace luthier
