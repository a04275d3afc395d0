#include "decomposition.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "../runtime/decompose.h"
#include "../runtime/error.h"
#include "../runtime/pool.h"

namespace luthier {
namespace {

int64_t countAt(const Napi::CallbackInfo& call, size_t index, const char* name) {
  const double number = call[index].IsNumber() ? call[index].As<Napi::Number>().DoubleValue() : 0;
  if (!(number >= 1 && number <= 2147483647.0) || number != static_cast<double>(static_cast<int64_t>(number))) {
    throw Error(std::string("decompose: ") + name + " must be a positive integer");
  }
  return static_cast<int64_t>(number);
}

Napi::Value arrayOf(Napi::Env env, const std::vector<double>& values) {
  auto array = Napi::Float64Array::New(env, values.size());
  std::memcpy(array.Data(), values.data(), values.size() * sizeof(double));
  return array;
}

class Decomposition final : public Napi::AsyncWorker {
 public:
  explicit Decomposition(const Napi::CallbackInfo& call)
      : Napi::AsyncWorker(call.Env(), "luthier decompose"), deferred_(Napi::Promise::Deferred::New(call.Env())) {
    if (!call[0].IsTypedArray() || call[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
      throw Error("decompose takes the values as a Float32Array");
    }
    const auto values = call[0].As<Napi::Float32Array>();
    matrix_ = {values.Data(), countAt(call, 1, "rows"), countAt(call, 2, "columns")};
    rank_ = countAt(call, 3, "rank");
    const std::string kind = call[4].IsString() ? std::string(call[4].As<Napi::String>()) : "";
    if (kind != "principal" && kind != "qr") throw Error("decompose: the kind is principal or qr");
    isQr_ = kind == "qr";
    threads_ = static_cast<int>(std::min<int64_t>(1024, countAt(call, 5, "threads")));
    if (matrix_.rows * matrix_.columns != static_cast<int64_t>(values.ElementLength())) {
      throw Error("decompose: the matrix has " + std::to_string(values.ElementLength()) + " values, which are not rows · columns");
    }
    if (rank_ > std::min(matrix_.rows, matrix_.columns)) throw Error("decompose: rank is above the matrix's smaller side");
    kept_ = Napi::Persistent(call[0].As<Napi::Object>());
  }

  Napi::Value promise() const { return deferred_.Promise(); }

  void Execute() override {
    Pool pool(threads_);
    factors_ = isQr_ ? leadingQr(matrix_, rank_, pool) : principalPart(matrix_, rank_, pool);
  }

  void OnOK() override {
    auto object = Napi::Object::New(Env());
    object.Set("values", arrayOf(Env(), factors_.values));
    object.Set("left", arrayOf(Env(), factors_.left));
    object.Set("right", arrayOf(Env(), factors_.right));
    deferred_.Resolve(object);
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference kept_;  // the values, while they are read
  MatrixView matrix_{};
  int64_t rank_ = 0;
  bool isQr_ = false;
  int threads_ = 1;
  Factors factors_;
};

}  // namespace

Napi::Value decompose(const Napi::CallbackInfo& call) {
  try {
    auto* work = new Decomposition(call);  // Napi::AsyncWorker deletes itself
    const Napi::Value promise = work->promise();
    work->Queue();
    return promise;
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Napi::Error::New(call.Env(), error.what());
  }
}

}  // namespace luthier
