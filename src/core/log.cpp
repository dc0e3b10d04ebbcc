#include "src/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace mlpjit::detail {

namespace {

constexpr const char* kName = "mlpjit";

std::shared_ptr<spdlog::logger> logger() {
  if (std::shared_ptr<spdlog::logger> named = spdlog::get(kName)) return named;
  // The one that spdlog starts with has no name, and writes to standard output.
  std::shared_ptr<spdlog::logger> standard = spdlog::default_logger();
  if (standard && !standard->name().empty()) return standard;
  static const auto own = std::make_shared<spdlog::logger>(
      kName, std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  return own;
}

}  // namespace

void warn(const std::string& message) {
  logger()->warn(message);
}

}  // namespace mlpjit::detail
