#include "gpu_yardsticks.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace {

constexpr size_t kReadBytes = size_t{2} << 30;  // far beyond every cache
constexpr int kSamples = 15;

// cuBLAS, by its stable C names.
struct Blas {
  int (*create)(void** handle);
  int (*set_stream)(void* handle, void* stream);
  int (*set_pointer_mode)(void* handle, int mode);
  int (*sasum)(void* handle, int n, const float* x, int incx, float* result);
  int (*sdot)(void* handle, int n, const float* x, int incx, const float* y, int incy, float* result);
  int (*sgemv)(void* handle, int op, int m, int n, const float* alpha, const float* a, int lda, const float* x, int incx,
               const float* beta, float* y, int incy);
  int (*gemm)(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha, const void* a, int type_a, int lda,
              const void* b, int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int compute, int algorithm);
  void* handle = nullptr;
};

constexpr int kPointersOfHost = 0;
constexpr int kPointersOfDevice = 1;
constexpr int kNotTransposed = 0;
constexpr int kTransposed = 1;
constexpr int kTypeBf16 = 14;    // CUDA_R_16BF
constexpr int kComputeF32 = 68;  // CUBLAS_COMPUTE_32F
constexpr int kDefaultAlgorithm = -1;

bool open_blas(const GpuRuntime& gpu, Blas* blas) {
  if (!gpu.is_nvidia()) return false;
  void* const library = open_first_library(
      {"libcublas.so.13", "libcublas.so.12", "libcublas.so", "/usr/local/cuda/lib64/libcublas.so"});
  if (library == nullptr) return false;
  bool complete = true;
  const auto find = [&](auto& function, const char* symbol) {
    void* const address = dlsym(library, symbol);
    complete = complete && address != nullptr;
    std::memcpy(&function, &address, sizeof(function));
  };
  find(blas->create, "cublasCreate_v2");
  find(blas->set_stream, "cublasSetStream_v2");
  find(blas->set_pointer_mode, "cublasSetPointerMode_v2");
  find(blas->sasum, "cublasSasum_v2");
  find(blas->sdot, "cublasSdot_v2");
  find(blas->sgemv, "cublasSgemv_v2");
  find(blas->gemm, "cublasGemmEx");
  return complete && blas->create(&blas->handle) == 0 && blas->set_stream(blas->handle, gpu.stream()) == 0;
}

class Memory {
 public:
  Memory(const GpuRuntime& gpu, size_t bytes) : gpu_(gpu), data_(gpu.allocate(bytes)) {}
  ~Memory() { gpu_.release(data_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* bytes() const { return static_cast<char*>(data_); }
  float* floats() const { return static_cast<float*>(data_); }

 private:
  const GpuRuntime& gpu_;
  void* data_;
};

void fill(const GpuRuntime& gpu, char* to, size_t bytes, const std::vector<char>& values) {
  for (size_t done = 0; done < bytes; done += values.size()) {
    gpu.upload(to + done, values.data(), std::min(values.size(), bytes - done));
  }
}

double median_rate(const GpuRuntime& gpu, double work, const std::function<void()>& enqueue) {
  enqueue();
  const std::vector<double> seconds = gpu.time(kSamples, enqueue);
  return work / seconds[seconds.size() / 2];
}

}  // namespace

GpuYardsticks measure_gpu(const GpuRuntime& gpu, const std::vector<char>& bf16_values) {
  GpuYardsticks result;
  const Memory data(gpu, kReadBytes);
  fill(gpu, data.bytes(), kReadBytes, bf16_values);
  Blas blas;
  if (!open_blas(gpu, &blas)) {
    const size_t half = kReadBytes / 2;
    result.read_bandwidth = median_rate(gpu, static_cast<double>(kReadBytes),
                                        [&] { gpu.copy_on_device(data.bytes() + half, data.bytes(), half); });
    result.read_by = "copy on the device, reads and writes counted (no BLAS to read with)";
    return result;
  }
  const auto require = [](int status, const char* call) {
    if (status != 0) throw std::runtime_error(std::string(call) + " gives status " + std::to_string(status));
  };
  // Which of these reads fastest depends on the library's version; none of them writes more than a vector.
  const Memory small(gpu, size_t{1} << 20);
  const auto offer = [&](const char* name, const std::function<void()>& enqueue) {
    const double rate = median_rate(gpu, static_cast<double>(kReadBytes), enqueue);
    if (rate <= result.read_bandwidth) return;
    result.read_bandwidth = rate;
    result.read_by = name;
  };
  const auto count = static_cast<int>(kReadBytes / sizeof(float));
  require(blas.set_pointer_mode(blas.handle, kPointersOfDevice), "cublasSetPointerMode");
  offer("cublasSasum", [&] { require(blas.sasum(blas.handle, count, data.floats(), 1, small.floats()), "cublasSasum"); });
  offer("cublasSdot", [&] {
    require(blas.sdot(blas.handle, count / 2, data.floats(), 1, data.floats() + count / 2, 1, small.floats()), "cublasSdot");
  });
  require(blas.set_pointer_mode(blas.handle, kPointersOfHost), "cublasSetPointerMode");
  const float one = 1, zero = 0;
  constexpr int kRows = 8192;
  for (const int op : {kTransposed, kNotTransposed}) {
    const int columns = count / kRows;
    float* const x = small.floats();
    float* const y = small.floats() + (1 << 17);
    offer("cublasSgemv", [&] {
      require(blas.sgemv(blas.handle, op, kRows, columns, &one, data.floats(), kRows, x, 1, &zero, y, 1), "cublasSgemv");
    });
  }
  // 3 matrices of 128 MiB.
  constexpr int kSize = 8192;
  constexpr size_t kMatrix = size_t{kSize} * kSize * 2;
  result.matrix_flops = median_rate(gpu, 2.0 * kSize * kSize * kSize, [&] {
    require(blas.gemm(blas.handle, kTransposed, kNotTransposed, kSize, kSize, kSize, &one, data.bytes(), kTypeBf16, kSize,
                      data.bytes() + kMatrix, kTypeBf16, kSize, &zero, data.bytes() + 2 * kMatrix, kTypeBf16, kSize, kComputeF32,
                      kDefaultAlgorithm),
            "cublasGemmEx");
  });
  result.matrix_by = "cublasGemmEx, bf16, 8192 x 8192 x 8192";
  return result;
}
