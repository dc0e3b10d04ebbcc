#pragma once
// The members of kernels, once: the text form is written and read by them, in
// this order. Io has field(name, member), ids(name, member) for buffers, and line(), which breaks
// the text there.

#include "lib/plan/plan.h"

namespace mlpjit::plan {

template <class Io>
void fields(Io& io, EvenSplit& split) {
  io.field("groups", split.groups);
  io.field("size", split.size);
  io.field("larger", split.larger);
}

template <class Io>
void fields(Io& io, PackedLayout& layout) {
  io.field("dtype", layout.dtype);
  io.field("k", layout.k);
  io.field("n", layout.n);
  io.field("panel", layout.panel);
  io.field("panel_stride", layout.panel_stride);
}

template <class Io>
void fields(Io& io, ElementwiseKernel& kernel) {
  io.field("loops", kernel.loops);
  io.field("lanes", kernel.lanes);
  io.field("shared_tail", kernel.shared_tail);
  io.field("streams", kernel.streams);
  io.line();
  io.field("in", kernel.inputs);
  io.field("out", kernel.outputs);
  io.line();
  io.field("body", kernel.body);
}

template <class Io>
void fields(Io& io, TransposeKernel& kernel) {
  io.field("outer", kernel.outer);
  io.field("rows", kernel.rows);
  io.field("columns", kernel.columns);
  io.field("lanes", kernel.lanes);
  io.line();
  io.field("in", kernel.in);
  io.field("out", kernel.out);
}

template <class Io>
void fields(Io& io, DenseProduct& product) {
  io.field("dtype", product.dtype);
  io.field("m", product.m);
  io.field("k", product.k);
  io.field("n", product.n);
  io.field("lanes", product.lanes);
  io.line();
  io.id("x", product.x);
  io.field("x_stride", product.x_stride);
  io.id("weight", product.weight);
  io.id("bias", product.bias);
  io.field("batch", product.batch);
  io.field("x_batch", product.x_batch);
  io.field("weight_batch", product.weight_batch);
  io.field("extras", product.extras);
  io.field("out", product.out);
  io.line();
  io.field("epilogue", product.epilogue);
}

template <class Io>
void fields(Io& io, MicroKernel& micro) {
  io.field("rows", micro.rows);
  io.field("panels", micro.panels);
  io.field("partial", micro.partial);
  io.field("live", micro.live);
  io.field("steps", micro.steps);
  io.field("looped_epilogue", micro.looped_epilogue);
}

template <class Io>
void fields(Io& io, Tiling& tiling) {
  io.field("rows", tiling.rows);
  io.field("panels", tiling.panels);
}

template <class Io>
void fields(Io& io, DenseKernel& kernel) {
  fields(io, static_cast<DenseProduct&>(kernel));
  io.line();
  io.field("chains", kernel.chains);
  io.field("panel", kernel.panel);
  io.field("panel_step", kernel.panel_step);
  io.field("k_step", kernel.k_step);
  io.field("packed", kernel.packed);
  io.field("columns_outer", kernel.columns_outer);
  io.field("divides_panels", kernel.divides_panels);
  io.field("prefetch_steps", kernel.prefetch_steps);
  io.field("prefetch_panels", kernel.prefetch_panels);
  io.field("epilogue_lanes", kernel.epilogue_lanes);
  io.line();
  io.field("tilings", kernel.tilings);
  io.line();
  io.field("micro_kernels", kernel.micro_kernels);
}

template <class Io>
void fields(Io& io, NarrowDenseKernel& kernel) {
  fields(io, static_cast<DenseProduct&>(kernel));
  io.line();
  io.field("rows", kernel.rows);
  io.field("columns", kernel.columns);
  io.field("finished_at_once", kernel.finished_at_once);
}

template <class Io>
void fields(Io& io, MatrixVectorKernel& kernel) {
  fields(io, static_cast<DenseProduct&>(kernel));
  io.line();
  io.field("vectors", kernel.vectors);
}

template <class Io>
void fields(Io& io, ReductionKernel& kernel) {
  io.field("op", kernel.op);
  io.field("outer", kernel.outer);
  io.field("inner", kernel.inner);
  io.field("lanes", kernel.lanes);
  io.field("rows", kernel.rows);
  io.line();
  io.field("in", kernel.inputs);
  io.field("extras", kernel.extras);
  io.field("out", kernel.out);
  io.line();
  io.field("producer", kernel.producer);
  io.line();
  io.field("consumer", kernel.consumer);
}

template <class Io>
void fields(Io& io, ColumnReductionKernel& kernel) {
  io.field("columns", kernel.columns);
  fields(io, static_cast<ReductionKernel&>(kernel));
}

template <class Io>
void fields(Io& io, RowKernel& kernel) {
  io.field("op", kernel.op);
  io.field("outer", kernel.outer);
  io.field("columns", kernel.columns);
  io.field("lanes", kernel.lanes);
  io.field("rows", kernel.rows);
  io.field("kept", kernel.kept);
  io.line();
  io.field("in", kernel.inputs);
  io.id("gamma", kernel.gamma);
  io.id("beta", kernel.beta);
  io.field("epsilon", kernel.epsilon);
  io.id("scratch", kernel.scratch);
  io.field("extras", kernel.extras);
  io.field("out", kernel.out);
  io.line();
  io.field("producer", kernel.producer);
  io.line();
  io.field("consumer", kernel.consumer);
}

template <class Io>
void fields(Io& io, LibraryKernel& kernel) {
  io.field("op", kernel.op);
  io.ids("in", kernel.inputs);
  io.ids("out", kernel.outputs);
}

template <class Io>
void fields(Io& io, GatherKernel& kernel) {
  fields(io, static_cast<LibraryKernel&>(kernel));
  io.field("outer", kernel.outer);
  io.field("size", kernel.size);
  io.field("count", kernel.count);
  io.field("inner", kernel.inner);
  io.field("lanes", kernel.lanes);
}

template <class Io>
void fields(Io& io, OneHotKernel& kernel) {
  fields(io, static_cast<LibraryKernel&>(kernel));
  io.field("depth", kernel.depth);
  io.field("count", kernel.count);
  io.field("lanes", kernel.lanes);
}

template <class Io>
void fields(Io& io, CopyKernel& kernel) {
  io.id("from", kernel.from);
  io.id("to", kernel.to);
  io.field("vector_bytes", kernel.vector_bytes);
}

template <class Io>
void fields(Io& io, StepRange& range) {
  io.field("begin", range.begin);
  io.field("end", range.end);
}

template <class Io>
void fields(Io& io, CondKernel& kernel) {
  io.id("predicate", kernel.predicate);
  io.field("then", kernel.then_steps);
  io.field("else", kernel.else_steps);
}

template <class Io>
void fields(Io& io, Carried& carried) {
  io.id("initial", carried.initial);
  io.id("current", carried.current);
  io.id("next", carried.next);
  io.id("memory_0", carried.memory[0]);
  io.id("memory_1", carried.memory[1]);
}

template <class Io>
void fields(Io& io, WhileKernel& kernel) {
  io.field("condition", kernel.condition_steps);
  io.id("predicate", kernel.condition);
  io.field("body", kernel.body_steps);
  io.field("max_iterations", kernel.max_iterations);
  io.line();
  io.field("carried", kernel.carried);
}

template <class Io>
void fields(Io& io, Sliced& sliced) {
  io.id("whole", sliced.whole);
  io.id("entry", sliced.entry);
}

template <class Io>
void fields(Io& io, ScanKernel& kernel) {
  io.field("length", kernel.length);
  io.field("body", kernel.body_steps);
  io.line();
  io.field("carried", kernel.carried);
  io.line();
  io.field("xs", kernel.xs);
  io.field("ys", kernel.ys);
}

}  // namespace mlpjit::plan
