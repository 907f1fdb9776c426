// What every object behind a handle has: a tag that tells it from a wrong handle, and a reference count, because
// children keep what they need and any order of destruction is legal.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace fovea {

enum class ObjectKind : uint32_t {
  kDestroyed = 0,
  kContext = 0xf0ea0001,
  kConfig = 0xf0ea0002,
  kReport = 0xf0ea0003,
  kMetadata = 0xf0ea0004,
  kAttention = 0xf0ea0005,
};

class Object {
 public:
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  ObjectKind kind() const { return kind_; }
  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  explicit Object(ObjectKind kind) : kind_(kind) {}
  virtual ~Object() { kind_ = ObjectKind::kDestroyed; }

 private:
  ObjectKind kind_;
  std::atomic<int32_t> references_{1};
};

// A counted reference.
template <class T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }

 private:
  T* object_ = nullptr;
};

}  // namespace fovea
