#include "lib/support/call_gate.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

namespace mlpjit::support {
namespace {

using Inside = CallGate::Inside;
using std::chrono::milliseconds;

// Memory that programs read and write, with two words that no reader may see apart.
struct Memory {
  std::shared_ptr<Storage> storage = Storage::allocate(2 * sizeof(int));
  const Storage* handle = storage.get();
  Memory() { set(0); }
  int* words() const { return static_cast<int*>(storage->data()); }
  void set(int value) const { words()[0] = words()[1] = value; }
  std::span<const Storage* const> list() const { return {&handle, 1}; }
};

std::shared_ptr<CallGate> gate_of(Inside inside, const std::vector<const Memory*>& read) {
  auto gate = CallGate::make(inside);
  for (const Memory* memory : read) guard(gate, *memory->storage);
  return gate;
}

TEST(CallGate, AWriterWaitsForTheCallsInsideAndNewOnesWaitForIt) {
  const Memory memory;
  const auto gate = gate_of(Inside::program, {&memory});
  std::latch entered(1);
  std::thread caller([&] {
    const CallGate::Scope call(*gate);
    entered.count_down();
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(memory.words()[0], 0);
  });
  entered.wait();
  const WriteScope alone(memory.list());
  memory.set(1);
  caller.join();
}

TEST(CallGate, UpdatesOfOneMemoryAreSerialWhicheverProgramMakesThem) {
  const Memory memory;
  const auto first = gate_of(Inside::program, {&memory}),
             second = gate_of(Inside::program, {&memory});
  const auto reader = gate_of(Inside::program, {&memory});
  constexpr int kCalls = 2000;
  std::vector<std::thread> threads;
  for (CallGate* program :
       {first.get(), first.get(), second.get(), static_cast<CallGate*>(nullptr)}) {
    threads.emplace_back([&, program] {
      for (int i = 0; i < kCalls; ++i) {
        const WriteScope call(program, memory.list());
        memory.set(memory.words()[0] + 1);
      }
    });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kCalls; ++i) {
      const CallGate::Scope call(*reader);
      EXPECT_EQ(memory.words()[0], memory.words()[1]);
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.words()[0], 4 * kCalls);
}

TEST(CallGate, WhatAProgramReadsBesidesWhatItUpdatesStaysAsItIs) {
  const Memory read, argument;
  const auto program = gate_of(Inside::program, {&read});
  std::latch inside(1);
  std::thread caller([&] {
    const WriteScope call(program.get(), argument.list());
    inside.count_down();
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(read.words()[0], 0);
  });
  inside.wait();
  {
    const WriteScope alone(read.list());
    read.set(1);
  }
  caller.join();
}

TEST(CallGate, UpdatesOfDifferentArgumentsDoNotWaitForEachOther) {
  const Memory read, one, two;
  const auto program = gate_of(Inside::program, {&read});
  std::latch both(2);
  std::vector<std::thread> threads;
  for (const Memory* argument : {&one, &two}) {
    threads.emplace_back([&, argument] {
      const WriteScope call(program.get(), argument->list());
      both.arrive_and_wait();
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(CallGate, UpdatesWithinANetworkDoNotWaitForTheNetwork) {
  const Memory memory;
  const auto network = gate_of(Inside::network, {&memory});
  const auto program = gate_of(Inside::program, {&memory});
  std::latch both(2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      const CallGate::Scope outer(*network);
      both.arrive_and_wait();
      const WriteScope call(program.get(), memory.list());
      memory.set(memory.words()[0] + 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.words()[0], 2);
}

// To a stream that it prints to, say.
TEST(CallGate, AProgramThatCallsOutIsLetThrough) {
  const Memory memory;
  const auto program = gate_of(Inside::program, {&memory});
  {
    const CallGate::Scope reads(*program);
    const WriteScope call(program.get(), memory.list());
    const CallGate::Scope again(*program);
  }
  const WriteScope call(program.get(), memory.list());
  const CallGate::Scope again(*program);
  const WriteScope once_more(program.get(), memory.list());
  const WriteScope set(memory.list());
}

// A network that waits for calls of other threads, while a writer waits for the network: in either
// order of the gates, and when the calls pass the network's own.
TEST(CallGate, ANetworkMayWaitForCallsOfOtherThreadsWhileSomebodyWrites) {
  const Memory first, second;
  for (const bool own : {false, true}) {
    for (const bool swapped : {false, true}) {
      const auto network = gate_of(Inside::network, {swapped ? &second : &first});
      const auto program = gate_of(Inside::program, {swapped ? &first : &second});
      const std::array<const Storage*, 2> all = {first.handle, second.handle};
      std::latch entered(1);
      std::thread caller([&] {
        const CallGate::Scope outer(*network);
        entered.count_down();
        std::this_thread::sleep_for(milliseconds(10));  // the writer waits by now
        std::thread worker([&] { const CallGate::Scope call(own ? *network : *program); });
        worker.join();
      });
      entered.wait();
      {
        const WriteScope alone(all);
      }
      caller.join();
    }
  }
}

TEST(CallGate, AWriterGetsItsTurnWhileCallsNeverStop) {
  const Memory memory;
  const auto first = gate_of(Inside::program, {&memory}),
             second = gate_of(Inside::program, {&memory});
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      while (!stop) {
        if (t == 3) {
          const WriteScope call(first.get(), memory.list());
          EXPECT_EQ(memory.words()[0], memory.words()[1]);
        } else {
          const CallGate::Scope call(t % 2 == 0 ? *first : *second);
          EXPECT_EQ(memory.words()[0], memory.words()[1]);
        }
      }
    });
  }
  for (int i = 1; i <= 50; ++i) {
    const WriteScope alone(memory.list());
    memory.set(i);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(memory.words()[0], 50);
}

TEST(CallGate, AProgramThatStartsToReadWaitsForWhoWrites) {
  const Memory memory;
  std::latch writing(1);
  std::thread writer([&] {
    const WriteScope alone(memory.list());
    writing.count_down();
    std::this_thread::sleep_for(milliseconds(20));
    memory.set(7);
  });
  writing.wait();
  const auto gate = gate_of(Inside::program, {&memory});
  EXPECT_EQ(memory.words()[0], 7);
  writer.join();
}

}  // namespace
}  // namespace mlpjit::support
