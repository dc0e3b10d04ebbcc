// A call of several threads: the library's, and the host's own. The bits are those of one.
#include <mlpjit/mlpjit.h>

#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

using namespace mlpjit;

// A host's threads. This one starts them when asked, and waits for them at the end.
class Host final : public Executor {
 public:
  void run(const std::function<void()>& task, int count) override {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < count; ++i) threads_.emplace_back(task);
  }

 private:
  std::mutex mutex_;
  std::vector<std::jthread> threads_;
};

int main() {
  nn::HybridSequential net;
  net.add(nn::Dense(512, {.activation = "gelu"}), nn::Dense(512, {.activation = "gelu"}),
          nn::Dense(10));
  net.initialize();
  const Tensor x = random::normal({256, 784});
  net.hybridize();
  const Tensor expected = net(x);

  net.hybridize({.threads = 2});
  bool same = true;
  for (int i = 0; i < 20; ++i) same = same && identical(net(x), expected);
  std::cout << "with two threads the same bits: " << (same ? "yes" : "no") << "\n";

  net.hybridize({.threads = 4, .executor = std::make_shared<Host>()});
  for (int i = 0; i < 20; ++i) same = same && identical(net(x), expected);
  std::cout << "with threads of the host's: " << (same ? "yes" : "no") << "\n";
}
