#include "src/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace mlpjit::detail {

namespace {

constexpr const char* kName = "mlpjit";

std::shared_ptr<spdlog::logger> logger() {
  if (std::shared_ptr<spdlog::logger> known = spdlog::get(kName)) return known;
  try {
    return spdlog::stderr_color_mt(kName);
  } catch (const spdlog::spdlog_ex&) {  // another thread was faster
    return spdlog::get(kName);
  }
}

}  // namespace

void warn(const std::string& message) {
  if (const std::shared_ptr<spdlog::logger> target = logger()) target->warn(message);
}

}  // namespace mlpjit::detail
