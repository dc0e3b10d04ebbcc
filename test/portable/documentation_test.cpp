// docs/formats.md tells what the code does.

#include <gtest/gtest.h>

#include "lib/ir/opcode.h"
#include "mlpjit/mlpjit.h"
#include "src/model/symbol_program.h"
#include "test/unit/model/temporary_folder.h"

namespace mlpjit {
namespace {

TEST(Documentation, EveryOpOfTheTableIsDocumented) {
  const std::string page = test::bytes_of(MLPJIT_SOURCE_DIR "/docs/formats.md");
  for (const ir::OpInfo& op : ir::all_ops()) {
    EXPECT_NE(page.find("`" + std::string(op.name) + "`"), std::string::npos) << op.name;
    for (const ir::AttrSpec& attr : op.attrs)
      EXPECT_NE(page.find("`" + std::string(attr.name) + "`"), std::string::npos) << attr.name;
  }
}

TEST(Documentation, TheExamplesOfThePageLoad) {
  std::string page = test::bytes_of(MLPJIT_SOURCE_DIR "/docs/formats.md");
  const TensorMap iris{{"fc1.weight", ones({16, 4})},
                       {"fc1.bias", zeros({16})},
                       {"fc2.weight", ones({3, 16})},
                       {"fc2.bias", zeros({3})}};
  int examples = 0;
  for (std::size_t at = page.find("```json\n"); at != std::string::npos;
       at = page.find("```json\n", at), ++examples) {
    at += 8;
    detail::import_model({"formats.md", page.substr(at, page.find("```", at) - at)},
                         {examples == 0 ? iris : TensorMap(), "formats.md"}, {});
  }
  EXPECT_EQ(examples, 2);
}

}  // namespace
}  // namespace mlpjit
