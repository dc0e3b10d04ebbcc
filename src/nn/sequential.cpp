#include "mlpjit/nn/sequential.h"

#include <fmt/format.h>

#include "src/block/block_state.h"
#include "src/block/clone_map.h"

namespace mlpjit::detail {

BlockList::BlockList() : items_(std::make_shared<std::vector<Item>>()) {}

BlockList::BlockList(const BlockList& other)
    : items_(shared_or_cloned(other.items_, [](const std::vector<Item>& items) {
        auto copies = std::make_shared<std::vector<Item>>();
        for (const Item& item : items)
          copies->push_back({item.copy(*item.block), item.copy, item.type});
        return copies;
      })) {}

std::vector<BlockList::Item>& BlockList::items() const {
  if (!items_) throw UserError("this list of blocks was moved from and stands for none");
  return *items_;
}

void append_items(nn::Block& owner, BlockList& list, std::vector<BlockList::Item> items) {
  const BlockState& state = BlockAccess::state(owner);
  list.items();  // throws for one that was moved from
  for (const BlockList::Item& item : items) {
    if (!state.hybrid || BlockAccess::state(*item.block).hybrid) continue;
    throw UserError(
        fmt::format("HybridSequential::add: {} is a plain Block, whose forward cannot be traced. "
                    "Derive it from HybridBlock and "
                    "override hybrid_forward, or hold it in nn::Sequential, which runs plain "
                    "blocks imperatively and compiles the "
                    "hybrid ones among them",
                    type_of(*item.block)));
  }
  for (BlockList::Item& item : items) {
    BlockAccess::register_child(owner, std::to_string(list.items().size()), *item.block,
                                *item.type);
    list.items().push_back(std::move(item));
  }
}

void replace_item(nn::Block& owner, BlockList& list, std::size_t index, BlockList::Item item) {
  item_at(owner, list, index);
  BlockAccess::register_child(owner, std::to_string(index), *item.block, *item.type);
  list.items()[index] = std::move(item);
}

nn::Block& item_at(const nn::Block& owner, const BlockList& list, std::size_t index) {
  if (index < list.items().size()) return *list.items()[index].block;
  throw UserError(fmt::format("{} has {} blocks, there is none at {}", type_of(owner),
                              list.items().size(), index));
}

Tensor run_items(const BlockList& list, const Tensor& input) {
  Tensor value = input;
  for (const BlockList::Item& item : list.items()) value = (*item.block)(value);
  return value;
}

Tensors run_items(const BlockList& list, const Tensors& inputs) {
  Tensors values = inputs;
  for (const BlockList::Item& item : list.items()) values = (*item.block)(values);
  return values;
}

}  // namespace mlpjit::detail
