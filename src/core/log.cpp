#include "src/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>

namespace mlpjit::detail {

namespace {

constexpr const char* kName = "mlpjit";

constinit std::atomic<bool> registry_gone{false};

// spdlog's registry is an object of static lifetime; warnings may come after its end. It is made
// here, so that what is made next ends before it.
void follow_registry() {
  static_cast<void>(spdlog::default_logger_raw());
  static const struct AtEnd {
    ~AtEnd() { registry_gone = true; }
  } at_end;
}

std::shared_ptr<spdlog::logger> logger() {
  static const auto& own = *new auto(std::make_shared<spdlog::logger>(
      kName, std::make_shared<spdlog::sinks::stderr_color_sink_mt>()));  // to the very end
  if (registry_gone) return own;
  if (std::shared_ptr<spdlog::logger> named = spdlog::get(kName)) return named;
  // The one that spdlog starts with has no name, and writes to standard output.
  std::shared_ptr<spdlog::logger> standard = spdlog::default_logger();
  return standard && !standard->name().empty() ? standard : own;
}

}  // namespace

void warn(const std::string& message) {
  follow_registry();
  logger()->warn(message);
}

}  // namespace mlpjit::detail
