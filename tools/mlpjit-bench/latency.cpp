#include "tools/mlpjit-bench/latency.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <thread>
#include <vector>

namespace mlpjit::bench {
namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::nano>(duration).count();
}

// Reads over as many bytes as a cache has, twice, so that it holds nothing else.
class Evictor {
 public:
  explicit Evictor(const std::string& level) {
    if (level.empty()) return;
    const long bytes = sysconf(level == "L2" ? _SC_LEVEL2_CACHE_SIZE : _SC_LEVEL3_CACHE_SIZE);
    if (bytes <= 0) throw UserError("--evict: the system does not say how large that cache is");
    memory_.resize(2 * static_cast<std::size_t>(bytes) / sizeof(std::int64_t), 1);
  }
  void run() {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < memory_.size(); i += 64 / sizeof(std::int64_t)) sum += memory_[i];
    sink_ = sum;
  }

 private:
  std::vector<std::int64_t> memory_;
  volatile std::int64_t sink_ = 0;
};

// A thread that gives the network its weights again and again.
class Swapper {
 public:
  explicit Swapper(nn::HybridBlock& net)
      : thread_([this, &net] {
          TensorMap weights;
          for (const auto& [path, parameter] : net.collect_params())
            weights[path] = parameter.data().copy();
          while (!stop_) {
            net.set_parameters(weights);
            std::this_thread::sleep_for(std::chrono::microseconds(100));
          }
        }) {}
  ~Swapper() {
    stop_ = true;
    thread_.join();
  }
  Swapper(const Swapper&) = delete;
  Swapper& operator=(const Swapper&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// One bound call, on memory that stays where it is.
class Bound {
 public:
  Bound(nn::HybridBlock& net, const Tensors& inputs, const Tensors& results)
      : x_(inputs), y_(results), call_(net.bind(specs_of(inputs))) {
    if (inputs.size() != 1 || results.size() != 1 || inputs[0].dtype() != results[0].dtype())
      throw UserError("--latency is of networks of one input and one result");
    if (inputs[0].dtype() == DType::f32)
      bind<float>();
    else if (inputs[0].dtype() == DType::f64)
      bind<double>();
    else
      throw UserError("--latency is of networks of f32 or f64");
  }
  void run() {
    if (call_.run(&*from_, 1, &*to_, 1) != Status::ok) throw Error("the bound call failed");
  }

 private:
  static std::vector<TensorSpec> specs_of(const Tensors& tensors) {
    std::vector<TensorSpec> specs;
    for (const Tensor& tensor : tensors) specs.push_back({tensor.dtype(), tensor.shape()});
    return specs;
  }
  template <class T>
  void bind() {
    from_.emplace(x_[0].data<T>());
    to_.emplace(y_[0].mutable_data<T>());
  }

  Tensors x_, y_;
  BoundCall call_;
  std::optional<BoundInput> from_;
  std::optional<BoundOutput> to_;
};

std::int64_t calls_of(const LatencySettings& settings) {
  if (settings.calls > 0) return settings.calls;
  if (settings.period_us > 0)
    return std::max<std::int64_t>(20, static_cast<std::int64_t>(5e6 / settings.period_us));
  if (settings.evict == "LLC") return 300;
  return settings.evict.empty() ? 1'000'000 : 10'000;
}

std::vector<double> measure(Bound& bound, const LatencySettings& settings) {
  Evictor evictor(settings.evict);
  const auto period = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::micro>(settings.period_us));
  std::vector<double> times(static_cast<std::size_t>(calls_of(settings)));
  for (int i = 0; i < 1000; ++i) bound.run();
  Clock::time_point next = Clock::now();
  for (double& time : times) {
    if (!settings.evict.empty()) evictor.run();
    if (settings.period_us > 0) std::this_thread::sleep_until(next += period);
    const Clock::time_point start = Clock::now();
    bound.run();
    time = nanoseconds(Clock::now() - start);
  }
  std::sort(times.begin(), times.end());
  return times;
}

// What two looks at the clock take.
double clock_ns() {
  double best = 1e300;
  for (int i = 0; i < 1000; ++i) {
    const Clock::time_point start = Clock::now();
    best = std::min(best, nanoseconds(Clock::now() - start));
  }
  return best;
}

// Bars by quarters of powers of two; each is a share of the calls on a logarithmic scale, so that
// one in a million is seen.
std::string histogram(const std::vector<double>& sorted) {
  std::map<int, std::size_t> counts;
  for (const double time : sorted)
    ++counts[static_cast<int>(std::floor(4 * std::log2(std::max(time, 1.0))))];
  const double all = std::log2(static_cast<double>(sorted.size()) + 1);
  std::string text;
  for (const auto& [bucket, count] : counts) {
    const double share = std::log2(static_cast<double>(count) + 1) / all;
    text += fmt::format("  {:>10.0f} ns {:>9}  {}\n", std::exp2(bucket / 4.0), count,
                        std::string(static_cast<std::size_t>(1 + 50 * share), '#'));
  }
  return text;
}

}  // namespace

std::string latency_text(const Subject& subject, std::int64_t batch,
                         const LatencySettings& settings) {
  const std::shared_ptr<nn::HybridBlock> net = subject.make();
  const Tensors inputs = subject.inputs(batch);
  net->hybridize();
  Bound bound(*net, inputs, (*net)(inputs));
  std::optional<Swapper> swapper;
  if (settings.swap) swapper.emplace(*net);
  const std::vector<double> times = measure(bound, settings);
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
  };
  std::string how = settings.period_us > 0 ? fmt::format("every {:g} us", settings.period_us)
                                           : "one after the other";
  if (!settings.evict.empty()) how += ", " + settings.evict + " read over before each";
  if (settings.swap) how += ", another thread replaces the weights every 100 us";
  std::string text =
      fmt::format("{}, batch {}: {} bound calls, {}\n", subject.name(), batch, times.size(), how);
  text += fmt::format(
      "  p50 {:.0f}  p99 {:.0f}  p99.9 {:.0f}  max {:.0f} ns; the clock's own {:.0f} ns are in "
      "them\n\n",
      at(0.5), at(0.99), at(0.999), times.back(), clock_ns());
  return text + histogram(times);
}

}  // namespace mlpjit::bench
