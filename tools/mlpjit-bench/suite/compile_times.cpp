#include "tools/mlpjit-bench/suite/compile_times.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <iostream>

#include <mlpjit/mlpjit.h>

#include "tools/mlpjit-bench/network.h"

namespace mlpjit::bench {
namespace {

// Of the compile that its next call needs.
double compile(nn::HybridSequential& net, const Tensor& x) {
  net(x);
  const auto ms = net.explain().signatures.at(0).ms;
  return ms.total - ms.load;
}

CompileTimes measure(const Case& one) {
  const auto input = [&](std::int64_t rows) { return make_input(one.network, rows); };
  const auto network = [&] {
    nn::HybridSequential net = make_network(one.network);
    net.hybridize();
    return net;
  };
  const Tensor x = input(one.batch), more = input(one.batch + 1), twice = input(2 * one.batch);
  nn::HybridSequential net = network(), same = network();
  CompileTimes times;
  times.cold = compile(net, x);
  times.one_row_more = compile(net, more);
  const bool twice_is_one_more = one.batch == 1;
  times.twice_the_rows = twice_is_one_more ? times.one_row_more : compile(net, twice);
  times.again = compile(same, x);
  return times;
}

// False where the process ended without a result.
bool measure_apart(const Case& one, CompileTimes& times) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    bool sent = false;
    try {
      const CompileTimes made = measure(one);
      sent = write(ends[1], &made, sizeof made) == sizeof made;
    } catch (const std::exception& error) {
      std::cerr << one.name() << ": " << error.what() << "\n";
    }
    _exit(sent ? 0 : 1);
  }
  close(ends[1]);
  const bool received = child > 0 && read(ends[0], &times, sizeof times) == sizeof times;
  close(ends[0]);
  if (child > 0) waitpid(child, nullptr, 0);
  return received;
}

}  // namespace

CompileTimes compile_times(const Case& one, int processes) {
  CompileTimes best;
  for (int i = 0; i < processes; ++i) {
    CompileTimes times;
    if (!measure_apart(one, times))
      throw UserError("suite: no process to measure the compile times of " + one.name() + " in");
    const auto better = [&](double CompileTimes::* of) {
      best.*of = i == 0 ? times.*of : std::min(best.*of, times.*of);
    };
    better(&CompileTimes::cold);
    better(&CompileTimes::one_row_more);
    better(&CompileTimes::twice_the_rows);
    better(&CompileTimes::again);
  }
  return best;
}

}  // namespace mlpjit::bench
