// Native errors as JavaScript's: `code` is the cause, absent for `other`.
#pragma once

#include <napi.h>

#include <exception>
#include <string>

#include "../runtime/error.h"

namespace luthier {

inline Cause causeOf(const std::exception& error) {
  const auto* own = dynamic_cast<const Error*>(&error);
  return own ? own->cause : Cause::other;
}

inline Napi::Error javaScriptError(Napi::Env env, const std::string& message, Cause cause) {
  const Napi::Error error = Napi::Error::New(env, message);
  if (cause == Cause::noUsableGpu) error.Set("code", Napi::String::New(env, "NoUsableGpu"));
  if (cause == Cause::outOfDeviceMemory) error.Set("code", Napi::String::New(env, "OutOfDeviceMemory"));
  return error;
}

}  // namespace luthier
