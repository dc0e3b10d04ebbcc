// export_model and SymbolBlock::imports: what comes back from the files is the network that went
// in.

#include <gtest/gtest.h>

#include "mlpjit/mlpjit.h"
#include "test/unit/model/temporary_folder.h"

namespace mlpjit {
namespace {

using Export = test::TemporaryFolder;

TEST_F(Export, AnMlpComesBackInAllModes) {
  nn::HybridSequential net;
  net.add(nn::Dense(5, {.activation = "relu"}), nn::Dense(2));
  net.initialize();
  const Tensor x = random::normal({3, 4});
  const Tensor y = net(x);
  net.export_model(path("net"));
  auto same = nn::SymbolBlock::imports(path("net-symbol.json"), path("net-0000.params"));
  EXPECT_TRUE(identical(y, same(x)));
  same.hybridize({.backend = Backend::graph});
  EXPECT_TRUE(identical(y, same(x)));
}

}  // namespace
}  // namespace mlpjit
