#pragma once
// From program text to machine code and back, beside the interpreter on the same inputs.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "lib/codegen/compiler.h"
#include "lib/interp/interp.h"
#include "lib/ir/text.h"
#include "lib/passes/passes.h"
#include "lib/plan/plan.h"
#include "lib/plan/text.h"
#include "lib/plan/verify.h"
#include "lib/runtime/library_steps.h"
#include "lib/runtime/loader.h"
#include "mlpjit/error.h"
#include "test/unit/interp/helpers.h"

namespace mlpjit::test {

// Memory that ends right before a page that cannot be read: aligned to an element only where
// `exact`, else to 64 bytes with the gap behind filled.
class Memory {
 public:
  Memory(std::size_t bytes, bool exact)
      : bytes_(bytes), room_(exact ? bytes : (bytes + 63) / 64 * 64), memory_(room_) {
    if (room_ > 0) std::memset(memory_.data(), 0x5a, room_);
  }
  std::byte* data() const { return memory_.data(); }
  std::size_t bytes() const { return bytes_; }
  bool intact() const {
    return std::all_of(data() + bytes_, data() + room_,
                       [](std::byte b) { return b == std::byte{0x5a}; });
  }

 private:
  std::size_t bytes_, room_;
  interp::GuardedMemory memory_;
};

using Memories = std::vector<std::unique_ptr<Memory>>;

inline Memories memories(const std::vector<ir::Type>& types) {
  Memories made;
  for (const ir::Type& type : types) {
    const auto count = static_cast<std::size_t>(type.shape.size());
    made.push_back(std::make_unique<Memory>(count * size_of(type.dtype), true));
  }
  return made;
}

inline std::vector<interp::View> views(const std::vector<ir::Type>& types, const Memories& memory) {
  std::vector<interp::View> made;
  for (std::size_t i = 0; i < types.size(); ++i) {
    made.push_back({types[i].dtype, types[i].shape, memory[i]->data()});
  }
  return made;
}

// An optimised graph, its plan and its code.
class Program {
 public:
  Program(const std::string& text, support::Isa isa, bool optimize = true,
          double divide_above = plan::kCyclesWorthDividing)
      : Program(ir::parse(text), isa, optimize, divide_above) {}
  Program(const ir::Graph& given, support::Isa isa, bool optimize = true,
          double divide_above = plan::kCyclesWorthDividing)
      : isa_(isa) {
    auto graph = std::make_shared<ir::Graph>(given.clone());
    original_ = std::make_shared<const ir::Graph>(graph->clone());
    if (optimize) {
      passes::PipelineSettings settings;
      settings.isa = isa;
      settings.verify = true;
      passes::run_pipeline(*graph, settings);
    }
    plan_ =
        std::make_unique<plan::Plan>(plan::make_plan(graph, plan::make_target(isa), divide_above));
    if (const std::string fault = plan::verify(*plan_); !fault.empty())
      throw InternalError(fault + "\n" + plan::to_string(*plan_));
    if (plan::parse(plan::to_string(*plan_), plan_->graph) != *plan_)
      throw InternalError("another plan than the text of\n" + plan::to_string(*plan_));
    const codegen::Toolchain& toolchain = runtime::load_toolchain();
    code_ = toolchain.linker().link(toolchain.compiler().compile(*plan_, {}, report_));
    steps_ = std::make_unique<runtime::LibrarySteps>(*plan_);
  }

  const plan::Plan& plan() const { return *plan_; }
  const codegen::CompileReport& report() const { return report_; }
  const ir::Graph& original() const { return *original_; }
  // `batch`: the value of the symbol, where sizes have one.
  std::vector<ir::Type> input_types(std::int64_t batch = 0) const {
    return types(original_->main().body().arguments, batch);
  }
  std::vector<ir::Type> result_types(std::int64_t batch = 0) const {
    return types(original_->main().body().results, batch);
  }

  // A call: slots filled, weights packed.
  class Call {
   public:
    Call(const Program& program, const Memories& inputs, const Memories& results,
         std::int64_t batch = 0)
        : program_(program),
          workspace_(program.plan().workspace(batch), false),
          library_(*program.steps_, batch) {
      for (const plan::Slot& slot : program.plan().slots) {
        switch (slot.kind) {
          case plan::SlotKind::input: slots_.push_back(inputs[slot.index]->data()); break;
          case plan::SlotKind::output: slots_.push_back(results[slot.index]->data()); break;
          case plan::SlotKind::update: slots_.push_back(inputs[slot.index]->data()); break;
          case plan::SlotKind::constant:
            constants_.push_back(std::make_unique<Memory>(slot.literal.bytes->size(), false));
            std::memcpy(constants_.back()->data(), slot.literal.data(), slot.literal.bytes->size());
            slots_.push_back(constants_.back()->data());
            break;
          case plan::SlotKind::packed:
            constants_.push_back(std::make_unique<Memory>(slot.layout.bytes(), false));
            plan::pack(slot.layout, inputs[slot.index]->data(), constants_.back()->data());
            slots_.push_back(constants_.back()->data());
            break;
        }
      }
    }
    // `parallel`: of the runtime table.
    std::int64_t run(decltype(codegen::Runtime::parallel) parallel = nullptr) {
      codegen::Runtime runtime = *library_.runtime();
      runtime.parallel = parallel;
      return program_.code_->entry()(&runtime, slots_.data(), workspace_.data(), library_.batch());
    }
    bool intact() const { return workspace_.intact(); }
    std::exception_ptr error() const { return library_.error(); }

   private:
    const Program& program_;
    Memory workspace_;
    runtime::LibraryCall library_;
    Memories constants_;
    std::vector<void*> slots_;
  };

  // The interpreter on the graph as it was written.
  void interpret(const Memories& inputs, const Memories& results, std::int64_t batch = 0) const {
    const auto in = views(input_types(batch), inputs), out = views(result_types(batch), results);
    interp::run(*original_, original_->main(), in, out, isa_);
  }

 private:
  std::vector<ir::Type> types(std::span<const ir::ValueId> values, std::int64_t batch) const {
    std::vector<ir::Type> types = original_->main().types(values);
    for (ir::Type& type : types) type.shape = ir::sized(type.shape, batch);
    return types;
  }

  support::Isa isa_;
  std::shared_ptr<const ir::Graph> original_;
  std::unique_ptr<plan::Plan> plan_;
  codegen::CompileReport report_;
  std::unique_ptr<codegen::Code> code_;
  std::unique_ptr<runtime::LibrarySteps> steps_;
};

// Values that are hard on vector code beside ordinary ones.
inline void fill(const std::vector<ir::Type>& types, const Memories& memory, std::uint32_t seed,
                 bool special) {
  std::mt19937 random(seed);
  const double odd[] = {0.0,    -0.0, INFINITY, -INFINITY, NAN,          1e-42,
                        -1e-42, 3e38, 1e-310,   0.5,       2147483648.0, -9.3e18};
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::int64_t size = types[i].shape.size();
    for (std::int64_t j = 0; j < size; ++j) {
      double value = std::uniform_real_distribution<double>(-3, 3)(random);
      if (special && random() % 7 == 0) value = odd[random() % std::size(odd)];
      std::byte* at = memory[i]->data() + static_cast<std::size_t>(j) * size_of(types[i].dtype);
      const auto put = [&](auto element) { std::memcpy(at, &element, sizeof element); };
      const auto whole = static_cast<std::int64_t>(random() % 41) - 20;
      switch (types[i].dtype) {
        case DType::f32: put(static_cast<float>(value)); break;
        case DType::f64: put(value); break;
        case DType::i32:
          put(static_cast<std::int32_t>(special && random() % 9 == 0 ? INT32_MIN : whole));
          break;
        case DType::i64: put(special && random() % 9 == 0 ? INT64_MIN : whole); break;
        case DType::boolean: put(static_cast<unsigned char>(random() % 2)); break;
      }
    }
  }
}

// The place of the first difference on the bits (NaN equals NaN), or "".
inline std::string difference(const std::vector<ir::Type>& types, const Memories& a,
                              const Memories& b) {
  const auto differs = [](auto x, auto y) {
    if (x != x && y != y) return false;
    return std::memcmp(&x, &y, sizeof x) != 0;
  };
  for (std::size_t i = 0; i < types.size(); ++i) {
    const std::size_t size = size_of(types[i].dtype);
    for (std::int64_t j = 0; j < types[i].shape.size(); ++j) {
      const std::byte* x = a[i]->data() + static_cast<std::size_t>(j) * size;
      const std::byte* y = b[i]->data() + static_cast<std::size_t>(j) * size;
      bool different = std::memcmp(x, y, size) != 0;
      std::string values;
      const auto compare = [&](auto kind) {
        decltype(kind) u, v;
        std::memcpy(&u, x, sizeof u);
        std::memcpy(&v, y, sizeof v);
        different = differs(u, v);
        values = std::to_string(u) + " against " + std::to_string(v);
      };
      if (types[i].dtype == DType::f32) compare(float{});
      if (types[i].dtype == DType::f64) compare(double{});
      if (different)
        return "result " + std::to_string(i) + " element " + std::to_string(j) + ": " + values;
    }
  }
  return {};
}

// Runs both ways; "" when every bit of results and inputs (updates) agrees and no memory around was
// touched.
inline std::string compare(const Program& program, bool special = true, std::int64_t batch = 0,
                           decltype(codegen::Runtime::parallel) parallel = nullptr) {
  const auto inputs = program.input_types(batch), results = program.result_types(batch);
  const Memories in_a = memories(inputs), in_b = memories(inputs);
  const Memories out_a = memories(results), out_b = memories(results);
  fill(inputs, in_a, 7, special);
  fill(inputs, in_b, 7, special);
  program.interpret(in_a, out_a, batch);
  Program::Call call(program, in_b, out_b, batch);
  if (const std::int64_t status = call.run(parallel); status != 0)
    return "status " + std::to_string(status);
  if (!call.intact()) return "wrote behind the workspace";
  const std::string in_results = difference(results, out_b, out_a);
  if (!in_results.empty()) return in_results + "\n" + plan::to_string(program.plan());
  return difference(inputs, in_b, in_a);
}
inline std::string compare(const ir::Graph& graph, support::Isa isa, bool special = true,
                           bool optimize = true) {
  return compare(Program(graph, isa, optimize), special);
}

// A graph of one function under construction; op() gives the first result of a new op.
struct Builder {
  ir::Graph graph;
  ir::Function& main = graph.add_function("main");

  ir::ValueId input(DType dtype, Shape shape) {
    const std::string name = "x" + std::to_string(main.inputs().size());
    return main.add_input({ir::InputKind::argument, name}, {dtype, std::move(shape), false}, name);
  }
  ir::ValueId op(ir::Opcode opcode, std::vector<ir::ValueId> operands, ir::Attrs attrs = {}) {
    return main.result(
        main.append(ir::Function::kBody, opcode, std::move(operands), std::move(attrs)));
  }
  ir::ValueId scalar(DType dtype, double value) {
    return op(ir::Opcode::constant, {}, {{"value", ir::scalar_literal(dtype, value)}});
  }
  void result(ir::ValueId value) { main.body().results.push_back(value); }
};

inline std::vector<support::Isa> isas() {
  std::vector<support::Isa> all;
  for (const support::Isa isa :
       {support::Isa::baseline, support::Isa::avx2, support::Isa::avx512}) {
    if (isa <= support::detect_isa()) all.push_back(isa);
  }
  return all;
}

}  // namespace mlpjit::test
