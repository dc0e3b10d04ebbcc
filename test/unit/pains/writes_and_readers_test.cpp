// Whoever reads a weight sees every write to it at the next call: each way to write, against each
// kind of reader, from the thread that wrote and from another that called before. A reader that
// went on with what it had (a pack, an old buffer) gives the result from before the write, so that
// must differ. Peers: mlx 2548; tensorflow 31362; jax 1141.

#include <condition_variable>
#include <mutex>
#include <thread>

#include "pains.h"
#include "readers.h"

namespace mlpjit {
namespace {

using test::Reader;
using test::reader_kinds;
using test::ReaderKind;
using test::temporary;
using test::weight_values;

struct Write {
  const char* name;
  std::function<void(const Reader&, int round)> write;
};

const HybridizeOptions kGraph = {.backend = Backend::graph};

template <class T>
void write_elements(const std::span<T>& elements, int round) {
  for (std::size_t i = 0; i < elements.size(); ++i)
    elements[i] += static_cast<T>(0.25) * static_cast<T>(round + 1 + static_cast<int>(i % 3));
}
void write_memory(Tensor w, int round) {
  if (w.dtype() == DType::f32) {
    write_elements(w.mutable_data<float>(), round);
  } else {
    write_elements(w.mutable_data<double>(), round);
  }
}

Tensor other_values(const Reader& reader, int round) {
  const Tensor w = reader.weight.data();
  return w * -0.5 + (0.25 + round);
}

// Updates through a function of the weight as its argument, and as what it captured.
void update_argument(const Reader& reader, const HybridizeOptions& options) {
  jit([](Tensor w) { w += 0.5; }, options)(reader.weight.data());
}
void update_captured(const Reader& reader, const HybridizeOptions& options) {
  const Tensor w = reader.weight.data();
  jit(
      [w](const Tensor& by) {
        Tensor own = w;
        own.assign(own * by + 0.125);
        own.slice(0, 0, 1) += 1;
      },
      options)(full({}, -1.5, w.dtype()));
}
void update_in_a_loop(const Reader& reader, const HybridizeOptions& options) {
  const Tensor w = reader.weight.data();
  jit(
      [w](const Tensor& n) {
        Tensor own = w;
        return while_loop([](const Tensor& i) { return i > 0; },
                          [&](const Tensor& i) {
                            own += 0.25;
                            return i - 1;
                          },
                          {n})[0];
      },
      options)(tensor(3));
}
void update_by_a_block(const Reader& reader, const HybridizeOptions& options) {
  struct Updating : nn::HybridBlock {
    Tensor target;
    explicit Updating(Tensor w) : target(std::move(w)) {}
    Tensor hybrid_forward(const Ops&, const Tensor& x) override {
      target *= x;
      return x * 1;
    }
  };
  Updating block(reader.weight.data());
  block.hybridize(options);
  block(full({}, -0.75, reader.weight.dtype()));
}
void update_by_a_graph(const Reader& reader, const HybridizeOptions& options) {
  const Tensor w = reader.weight.data();
  const Graph graph = trace(
      [w](const Tensor& x) {
        Tensor own = w;
        own -= x;
        return x;
      },
      TensorSpec{w.dtype(), {}});
  compile(graph, options)(full({}, 0.75, w.dtype()));
}

std::vector<Write> writes() {
  const auto tensor_write = [](const char* name, void (*write)(Tensor)) {
    return Write{name, [write](const Reader& reader, int) { write(reader.weight.data()); }};
  };
  const auto program = [](const char* name, void (*update)(const Reader&, const HybridizeOptions&),
                          const HybridizeOptions& options) {
    return Write{name, [=](const Reader& reader, int) { update(reader, options); }};
  };
  return {
      {"assign",
       [](const Reader& r, int round) { r.weight.data().assign(other_values(r, round)); }},
      {"assign of a number",
       [](const Reader& r, int round) { r.weight.data().assign(0.375 + round); }},
      {"set_data", [](const Reader& r,
                      int round) { nn::Parameter(r.weight).set_data(other_values(r, round)); }},
      tensor_write("+=", [](Tensor w) { w += w * 0.5 + 0.25; }),
      tensor_write("-=", [](Tensor w) { w -= w * 2 + 0.25; }),
      tensor_write("*=", [](Tensor w) { w *= w + 2; }),
      tensor_write("/=", [](Tensor w) { w /= w * w + 0.5; }),
      tensor_write("+= of a number", [](Tensor w) { w += 0.5; }),
      tensor_write("-= of a number", [](Tensor w) { w -= 0.75; }),
      tensor_write("*= of a number", [](Tensor w) { w *= -1.5; }),
      tensor_write("/= of a number", [](Tensor w) { w /= -1.25; }),
      tensor_write("+= of a broadcast", [](Tensor w) { w += full({1}, 0.5, w.dtype()); }),
      {"slice().assign",
       [](const Reader& r, int round) { r.weight.data().slice(0, 0, 1).assign(1.5 + round); }},
      {"slice().assign of all",
       [](const Reader& r, int round) {
         r.weight.data().slice(0, 0, 1000).assign(other_values(r, round));
       }},
      {"slice().assign of an inner axis",
       [](const Reader& r, int round) { r.weight.data().slice(-1, 0, 1000, 2).assign(2 + round); }},
      tensor_write("slice() +=", [](Tensor w) { w.slice(0, 0, 1) += 0.5; }),
      tensor_write("slice() -=", [](Tensor w) { w.slice(0, 0, 1) -= 0.5; }),
      tensor_write("slice() *=", [](Tensor w) { w.slice(-1, 0, 1000) *= -0.5; }),
      tensor_write("slice() /=", [](Tensor w) { w.slice(-1, 0, 1000) /= -0.75; }),
      {"load_parameters",
       [](const Reader& r, int round) {
         const std::string file = temporary("params");
         r.save(file);
         TensorMap tensors = load_safetensors(file);
         tensors[r.path] = other_values(r, round);
         save_safetensors(file, tensors);
         r.load(file);
         std::filesystem::remove(file);
       }},
      {"initialize again",
       [](const Reader& r, int round) {
         r.initialize(nn::Initializer([round](const Shape& shape, DType dtype) {
           return full(shape, 0.5 + round, dtype) +
                  reshape(arange(shape.size(), dtype), shape) * 0.001;
         }));
       }},
      program("an update of an argument, as a graph", update_argument, kGraph),
      program("an update of an argument, compiled", update_argument, {}),
      program("an update of a capture, as a graph", update_captured, kGraph),
      program("an update of a capture, compiled", update_captured, {}),
      program("an update in a loop, as a graph", update_in_a_loop, kGraph),
      program("an update in a loop, compiled", update_in_a_loop, {}),
      program("an update by a block", update_by_a_block, {}),
      program("an update by a traced graph", update_by_a_graph, kGraph)};
}

// Another thread, which calls when it is told to: what it keeps from call to call is its own.
class OtherThread {
 public:
  OtherThread() : thread_([this] { work(); }) {}
  ~OtherThread() {
    run({});
    thread_.join();
  }
  OtherThread(const OtherThread&) = delete;
  OtherThread& operator=(const OtherThread&) = delete;
  Tensor call(const std::function<Tensor()>& function) {
    Tensor result;
    run([&] { result = function(); });
    return result;
  }

 private:
  void run(std::function<void()> task) {
    std::unique_lock lock(mutex_);
    task_ = std::move(task);
    pending_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !pending_; });
  }
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return pending_; });
      const bool last = !task_;
      if (!last) task_();
      pending_ = false;
      changed_.notify_all();
      if (last) return;
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool pending_ = false;
  std::thread thread_;
};

class WritesAndReaders : public testing::TestWithParam<std::tuple<Backend, std::size_t>> {
 protected:
  void SetUp() override {
    random::seed(std::get<1>(GetParam()) + 1);
    reader_ = kind().make({.backend = std::get<0>(GetParam())});
    before_ = look("at first");
  }
  static const ReaderKind& kind() { return reader_kinds()[std::get<1>(GetParam())]; }

  // What the reader gives, compared in both threads with the imperative one.
  Tensor look(const std::string& when) {
    const Tensor want = reader_.imperative().copy();
    for (int call = 0; call < 2; ++call) {
      const Tensor here = reader_.compiled(), there = other_.call(reader_.compiled);
      EXPECT_TRUE(identical(here, want)) << kind().name << " " << when;
      EXPECT_TRUE(identical(there, want)) << kind().name << " " << when << ", another thread";
    }
    return want;
  }
  void expect_seen(const Write& write, int round) {
    write.write(reader_, round);
    const std::string when = std::string("after ") + write.name;
    const Tensor now = look(when);
    EXPECT_FALSE(identical(now, before_)) << kind().name << " " << when << ": nothing has changed";
    before_ = now;
    // Back to values of a size that further writes can do with.
    const Tensor w = reader_.weight.data();
    Tensor(w).assign(weight_values(w.shape(), w.dtype()));
    before_ = look(when + " and assign");
  }

  Reader reader_;
  OtherThread other_;
  Tensor before_;
};

TEST_P(WritesAndReaders, EveryWriteIsSeenAtTheNextCall) {
  for (int round = 0; round < 2; ++round) {
    for (const Write& write : writes()) expect_seen(write, round);
  }
}

// A loop that runs imperatively publishes at its end; inside, each call sees what was written before.
TEST_P(WritesAndReaders, WritesInALoopAreSeenByTheCallsInside) {
  for (const Write& write : writes()) {
    int round = 0;
    while_loop([](const Tensor& i) { return i < 3; },
               [&](const Tensor& i) {
                 const std::string when =
                     std::string(write.name) + " in round " + std::to_string(round);
                 Tensor(reader_.weight.data())
                     .assign(weight_values(reader_.weight.data().shape(), reader_.weight.dtype()));
                 const Tensor before = reader_.compiled().copy();
                 write.write(reader_, round++);
                 const Tensor want = reader_.imperative().copy();
                 EXPECT_TRUE(identical(reader_.compiled(), want)) << kind().name << ", " << when;
                 EXPECT_FALSE(identical(before, want)) << kind().name << ", " << when;
                 return i + 1;
               },
               tensor(0));
    look(std::string("after a loop of ") + write.name);
  }
}

// From the first mutable_data() on the memory may change at any time, through the span too.
TEST_P(WritesAndReaders, MemoryThatIsExposedIsReadAtEveryCall) {
  const Write exposed = {"mutable_data", [](const Reader& reader, int round) {
                           write_memory(reader.weight.data(), round);
                         }};
  expect_seen(exposed, 0);
  Tensor w = reader_.weight.data();
  const auto write_later = [&](const auto& span) {
    const Write later = {"a write through the span",
                         [&](const Reader&, int round) { write_elements(span, round); }};
    for (int round = 0; round < 3; ++round) expect_seen(later, round);
  };
  if (w.dtype() == DType::f32) {
    write_later(w.mutable_data<float>());
  } else {
    write_later(w.mutable_data<double>());
  }
  expect_seen(exposed, 1);
  for (const Write& write : writes()) expect_seen(write, 0);
}

// What is made of the weight is independent of it: a copy that is written to changes no reader.
TEST_P(WritesAndReaders, WritesToCopiesAreNotSeen) {
  const Tensor w = reader_.weight.data();
  std::vector<std::pair<const char*, Tensor>> copies = {
      {"copy", w.copy()},
      {"cast to its own dtype", cast(w, w.dtype())},
      {"reshape", reshape(w, {-1})},
      {"squeeze", squeeze(w)},
      {"slice", w.slice(0, 0, 1000)},
      {"broadcast_to", broadcast_to(w, w.shape())},
      {"concat", concat({w})},
      {"the result of a call", reader_.compiled()},
      {"the result of an imperative call", reader_.imperative()}};
  const bool handed_back = std::string(kind().name) == "a captured tensor handed back";
  for (auto& [name, copy] : copies) {
    if (handed_back && std::string(name).find("call") != std::string::npos) continue;
    copy.assign(7);
    EXPECT_TRUE(identical(look(std::string("after a write to ") + name), before_)) << name;
  }
}

// It packs what it reads, and then changes it: whoever reads next needs a new pack, also in a loop
// that has not published yet.
TEST(ProgramThatUpdatesWhatItReads, GivesInALoopWhatItGivesStepByStep) {
  for (const Backend backend : {Backend::graph, Backend::native}) {
    const auto update_of = [](const Tensor& w) {
      return [w](const Tensor& x) {
        Tensor own = w;
        const Tensor y = dense(x, own);
        own *= -0.5;
        return y;
      };
    };
    const auto read_of = [](const Tensor& w) {
      return [w](const Tensor& x) { return dense(x, w); };
    };
    const Tensor expected = weight_values({64, 64}, DType::f32), w = expected.copy();
    const auto update = jit(update_of(w), {.backend = backend});
    const auto read = jit(read_of(w), {.backend = backend});
    Tensor want = arange(64, DType::f32) * 0.01, got = want.copy();
    for (int repeat = 0; repeat < 2; ++repeat) {
      for (int i = 0; i < 3; ++i) want = read_of(expected)(update_of(expected)(want));
      const auto step = [&](const Tensor& h, const Tensor&) {
        return std::pair(read(update(h)), h);
      };
      got = scan(step, got, zeros({3})).first;
      EXPECT_TRUE(identical(got, want)) << to_string(backend);
      EXPECT_TRUE(identical(w, expected)) << to_string(backend);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, WritesAndReaders,
                         testing::Combine(testing::Values(Backend::graph, Backend::native),
                                          testing::Range<std::size_t>(0, reader_kinds().size())),
                         [](const testing::TestParamInfo<std::tuple<Backend, std::size_t>>& info) {
                           std::string name = to_string(std::get<0>(info.param));
                           for (const char c :
                                std::string(" ") + reader_kinds()[std::get<1>(info.param)].name)
                             name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace mlpjit
