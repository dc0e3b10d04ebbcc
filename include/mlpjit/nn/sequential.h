#pragma once
/// @file
/// Blocks one after the other.

#include <concepts>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "mlpjit/nn/block.h"

namespace mlpjit {
namespace detail {

/// Blocks of any types, owned, shared by the copies of the list; deep within a clone.
class MLPJIT_API BlockList {
 public:
  BlockList();
  BlockList(const BlockList& other);
  BlockList(BlockList&&) noexcept = default;
  BlockList& operator=(const BlockList&) = default;
  BlockList& operator=(BlockList&&) noexcept = default;
  ~BlockList() = default;

  struct Item {
    std::shared_ptr<nn::Block> block;
    std::shared_ptr<nn::Block> (*copy)(const nn::Block&) = nullptr;
    const std::type_info* type = nullptr;
  };
  template <class B>
  static Item own(B&& block) {
    using Type = std::remove_cvref_t<B>;
    return {std::make_shared<Type>(std::forward<B>(block)),
            [](const nn::Block& original) -> std::shared_ptr<nn::Block> {
              return std::make_shared<Type>(static_cast<const Type&>(original));
            },
            &typeid(Type)};
  }

  /// @throws UserError on the list of a block that was moved from.
  std::vector<Item>& items() const;

 private:
  std::shared_ptr<std::vector<Item>> items_;
};

template <class B>
concept BlockType = std::derived_from<std::remove_cvref_t<B>, nn::Block>;

/// Registers the items under their indices, all or none.
MLPJIT_API void append_items(nn::Block& owner, BlockList& list, std::vector<BlockList::Item> items);
MLPJIT_API void replace_item(nn::Block& owner, BlockList& list, std::size_t index,
                             BlockList::Item item);
MLPJIT_API nn::Block& item_at(const nn::Block& owner, const BlockList& list, std::size_t index);
MLPJIT_API Tensor run_items(const BlockList& list, const Tensor& input);
MLPJIT_API Tensors run_items(const BlockList& list, const Tensors& inputs);
}  // namespace detail

namespace nn {

/// Runs its blocks one after the other, each on the results of the one before. Blocks of every kind
/// may be added; when hybridized, the hybrid ones among them are compiled, each by itself. Names of
/// children are "0", "1", ...
class MLPJIT_API Sequential final : public Block {
 public:
  Sequential() : Block("Sequential", "") {}

  /// Appends blocks (copies of the handles).
  template <detail::BlockType... B>
  Sequential& add(B&&... blocks) {
    detail::append_items(*this, list_, {detail::BlockList::own(std::forward<B>(blocks))...});
    return *this;
  }
  /// Puts another block in the place of one. @throws UserError when there is none.
  template <detail::BlockType B>
  void replace(std::size_t index, B&& block) {
    detail::replace_item(*this, list_, index, detail::BlockList::own(std::forward<B>(block)));
  }
  std::size_t size() const { return list_.items().size(); }
  /// @throws UserError when there is none.
  Block& operator[](std::size_t index) const MLPJIT_LIFETIMEBOUND {
    return detail::item_at(*this, list_, index);
  }
  Sequential clone() const { return nn::clone(*this); }

 private:
  Tensor forward(const Tensor& input) override { return detail::run_items(list_, input); }
  Tensors forward_n(const Tensors& inputs) override { return detail::run_items(list_, inputs); }
  detail::BlockList list_;
};

/// Sequential of hybrid blocks: hybridized, it is traced and compiled as one program.
class MLPJIT_API HybridSequential final : public HybridBlock {
 public:
  HybridSequential() : HybridBlock("HybridSequential", "") {}

  /// Appends blocks (copies of the handles). @throws UserError on a plain Block.
  template <detail::BlockType... B>
  HybridSequential& add(B&&... blocks) {
    detail::append_items(*this, list_, {detail::BlockList::own(std::forward<B>(blocks))...});
    return *this;
  }
  /// Puts another block in the place of one. @throws UserError when there is none, or on a plain
  /// Block.
  template <detail::BlockType B>
  void replace(std::size_t index, B&& block) {
    detail::replace_item(*this, list_, index, detail::BlockList::own(std::forward<B>(block)));
  }
  std::size_t size() const { return list_.items().size(); }
  /// @throws UserError when there is none.
  Block& operator[](std::size_t index) const MLPJIT_LIFETIMEBOUND {
    return detail::item_at(*this, list_, index);
  }
  HybridSequential clone() const { return nn::clone(*this); }

 private:
  Tensor hybrid_forward(const Ops&, const Tensor& input) override {
    return detail::run_items(list_, input);
  }
  Tensors hybrid_forward_n(const Ops&, const Tensors& inputs) override {
    return detail::run_items(list_, inputs);
  }
  detail::BlockList list_;
};

}  // namespace nn
}  // namespace mlpjit
