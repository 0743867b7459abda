// Runs CUDA C++ on the CPU: one block at a time, each thread of it on a stack of its own, switched at barriers.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <ucontext.h>
#include <utility>

#define __global__
#define __device__
#define __launch_bounds__(threads)
#define __shared__ static __attribute__((section("shared_memory")))
#define __syncthreads() host::barrier(__LINE__)

extern "C" char __start_shared_memory[] __attribute__((weak)), __stop_shared_memory[] __attribute__((weak));

static struct { unsigned x; } threadIdx, blockIdx;

namespace host {
enum { STACK = 64 << 10, MAX_THREADS = 1024 };
struct Thread { ucontext_t context; int waits_at; bool done; };
static Thread threads[MAX_THREADS];
static ucontext_t scheduler;
static char* stacks;
static void (*body)(void*);
static void* arguments;

inline void barrier(int line) {
  Thread& self = threads[threadIdx.x];
  self.waits_at = line;
  swapcontext(&self.context, &scheduler);
}

inline void start() {
  body(arguments);
  threads[threadIdx.x].done = true;
}

// 0, or the line of a barrier that some threads of a block reach and others do not.
inline int run_block(unsigned count, bool reverse) {
  if (__start_shared_memory) memset(__start_shared_memory, 0xff, __stop_shared_memory - __start_shared_memory);
  for (unsigned i = 0; i < count; ++i) {
    threads[i] = Thread();
    getcontext(&threads[i].context);
    threads[i].context.uc_stack.ss_sp = stacks + i * STACK;
    threads[i].context.uc_stack.ss_size = STACK;
    threads[i].context.uc_link = &scheduler;
    makecontext(&threads[i].context, start, 0);
  }
  while (true) {
    for (unsigned i = 0; i < count; ++i) {
      threadIdx.x = reverse ? count - 1 - i : i;
      swapcontext(&scheduler, &threads[threadIdx.x].context);
    }
    for (unsigned i = 1; i < count; ++i)
      if (threads[i].done != threads[0].done || threads[i].waits_at != threads[0].waits_at)
        return threads[i].done ? threads[0].waits_at : threads[i].waits_at;
    if (threads[0].done) return 0;
  }
}

template <class F, class... A, size_t... I>
void apply(F* kernel, void** pointers, std::tuple<A...>*, std::index_sequence<I...>) {
  kernel(*static_cast<A*>(pointers[I])...);
}

template <class... A> int launch(void (*kernel)(A...), void** pointers, int64_t blocks, unsigned count, bool reverse) {
  if (!stacks) stacks = static_cast<char*>(malloc(size_t(MAX_THREADS) * STACK));
  auto call = [=] { apply(kernel, pointers, static_cast<std::tuple<A...>*>(nullptr), std::index_sequence_for<A...>()); };
  body = [](void* closure) { (*static_cast<decltype(call)*>(closure))(); };
  arguments = &call;
  for (int64_t block = 0; block < blocks; ++block) {
    blockIdx.x = reverse ? blocks - 1 - block : block;
    if (int line = run_block(count, reverse)) return line;
  }
  return 0;
}

template <class To, class From> To bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "");
  To to;
  memcpy(&to, &from, sizeof to);
  return to;
}
}

#define HOST_KERNEL(name) \
  extern "C" int launch_##name(void** pointers, int64_t blocks, unsigned count, int reverse) { \
    return host::launch(&name, pointers, blocks, count, reverse); }

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return sqrtf(a); }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __dsqrt_rn(double a) { return sqrt(a); }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline int __float_as_int(float a) { return host::bits<int>(a); }
inline float __int_as_float(int a) { return host::bits<float>(a); }
inline long long __double_as_longlong(double a) { return host::bits<long long>(a); }
inline double __longlong_as_double(long long a) { return host::bits<double>(a); }
inline unsigned __umulhi(unsigned a, unsigned b) { return uint64_t(a) * b >> 32; }
inline void atomicMin(long long* place, long long value) { if (value < *place) *place = value; }

struct __half { _Float16 value; };
inline float __half2float(__half a) { return a.value; }
inline __half __float2half_rn(float a) { return {_Float16(a)}; }
inline __half __double2half(double a) { return {_Float16(a)}; }
inline short __half_as_short(__half a) { return host::bits<short>(a); }
inline __half __short_as_half(short a) { return host::bits<__half>(a); }

struct __nv_bfloat16 { uint16_t value; };
inline float __bfloat162float(__nv_bfloat16 a) { return host::bits<float>(uint32_t(a.value) << 16); }
inline __nv_bfloat16 __float2bfloat16_rn(float a) {
  uint32_t all = host::bits<uint32_t>(a);
  return {uint16_t(a != a ? 0x7fc0 : (all + 0x7fff + (all >> 16 & 1)) >> 16)};
}
inline __nv_bfloat16 __double2bfloat16(double a) {  // through a float rounded to odd, so that only one rounding counts
  float near = float(a);
  uint32_t all = host::bits<uint32_t>(near);
  if (double(near) != a && a == a) all = (all - (fabs(double(near)) > fabs(a))) | 1;
  return __float2bfloat16_rn(host::bits<float>(all));
}
inline short __bfloat16_as_short(__nv_bfloat16 a) { return host::bits<short>(a); }
inline __nv_bfloat16 __short_as_bfloat16(short a) { return host::bits<__nv_bfloat16>(a); }
