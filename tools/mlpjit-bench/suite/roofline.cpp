// The roofline plot: what is reached, under what the machine allows, both on logarithmic axes.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "tools/mlpjit-bench/suite/suite.h"

namespace mlpjit::bench {
namespace {

constexpr double kWidth = 960, kHeight = 600;
constexpr double kLeft = 80, kRight = 220, kTop = 56, kBottom = 64;
constexpr double kLeast = 0.25;  // flops per byte at the left

// One line of SVG from its template; for text, < and & are written as entities.
std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  return safe;
}

class Plot {
 public:
  explicit Plot(const SuiteResult& result) : result_(result) {
    const Machine& machine = result.machine;
    peak_ = machine.gflops_f32;
    for (const CaseResult& one : result.cases) {
      most_ = std::max(most_, 2 * intensity(one));
      lowest_ = std::min(lowest_, one.measured.flops() / one.ours().minimum / 1e3 / 1.5);
      if (const Timing* peer = one.best_peer())
        lowest_ = std::min(lowest_, one.measured.flops() / peer->minimum / 1e3 / 1.5);
    }
  }

  std::string svg() {
    text_ = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
        "font-family=\"system-ui, sans-serif\" font-size=\"13\">\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fcfcfa\"/>\n"
        "<text x=\"{:.0f}\" y=\"28\" font-size=\"17\" font-weight=\"600\" fill=\"#222\">"
        "mlpjit on one core: GFLOP/s by flops per byte</text>\n"
        "<text x=\"{:.0f}\" y=\"46\" fill=\"#666\">{}</text>\n",
        kWidth, kHeight, kLeft, kLeft, escaped(result_.processor));
    grid();
    roofs();
    for (const CaseResult& one : result_.cases) points(one);
    legend();
    return text_ + "</svg>\n";
  }

 private:
  static double intensity(const CaseResult& one) {
    return one.measured.flops() / one.measured.bytes();
  }
  double x(double flops_per_byte) const {
    return kLeft +
           (kWidth - kLeft - kRight) * std::log(flops_per_byte / kLeast) / std::log(most_ / kLeast);
  }
  double y(double gflops) const {
    return kHeight - kBottom -
           (kHeight - kTop - kBottom) * std::log(gflops / lowest_) /
               std::log(1.6 * peak_ / lowest_);
  }

  void line(double x1, double y1, double x2, double y2, const char* style) {
    text_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1,
                         y1, x2, y2, style);
  }
  void label(double at_x, double at_y, const std::string& words, const char* style) {
    text_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", at_x, at_y, style,
                         escaped(words));
  }

  void grid() {
    constexpr const char* kThin = "stroke=\"#e4e4de\"";
    const double bottom = kHeight - kBottom, right = kWidth - kRight;
    for (double at = kLeast; at <= most_; at *= 4) {
      line(x(at), kTop, x(at), bottom, kThin);
      label(x(at), bottom + 18, fmt::format("{:g}", at), "text-anchor=\"middle\" fill=\"#666\"");
    }
    for (double decade = std::pow(10, std::floor(std::log10(lowest_))); decade < 1.6 * peak_;
         decade *= 10) {
      for (const double step : {1, 2, 5}) {
        const double at = decade * step;
        if (at < lowest_ || at > 1.6 * peak_) continue;
        line(kLeft, y(at), right, y(at), kThin);
        label(kLeft - 8, y(at) + 4, fmt::format("{:g}", at), "text-anchor=\"end\" fill=\"#666\"");
      }
    }
    label((kLeft + right) / 2, kHeight - 20,
          "floating-point operations per byte of weights, input and output",
          "text-anchor=\"middle\" fill=\"#444\"");
    label(20, (kTop + bottom) / 2, "GFLOP/s",
          fmt::format("text-anchor=\"middle\" fill=\"#444\" transform=\"rotate(-90 20 {:.0f})\"",
                      (kTop + bottom) / 2)
              .c_str());
  }

  // A slope for each of some footprints, and the peak above them.
  void roofs() {
    const Machine& machine = result_.machine;
    constexpr std::array<std::pair<double, const char*>, 3> kFootprints = {
        {{32e3, "32 KB"}, {512e3, "512 KB"}, {16e6, "16 MB"}}};
    for (const auto& [bytes, name] : kFootprints) {
      const double rate = machine.gb_per_s(bytes), ridge = peak_ / rate,
                   begin = std::max(kLeast, lowest_ / rate);
      line(x(begin), y(begin * rate), x(std::min(ridge, most_)), y(std::min(peak_, most_ * rate)),
           "stroke=\"#9aa5b1\" stroke-width=\"1.5\"");
      label(x(begin) + 26, y(begin * rate) - 2, fmt::format("{}: {:.0f} GB/s", name, rate),
            "fill=\"#7b8794\" font-size=\"11\"");
    }
    line(x(peak_ / machine.gb_per_s(32e3)), y(peak_), kWidth - kRight, y(peak_),
         "stroke=\"#52606d\" stroke-width=\"2\"");
    label(kWidth - kRight - 4, y(peak_) - 7, fmt::format("FMA peak {:.0f} GFLOP/s", peak_),
          "text-anchor=\"end\" fill=\"#52606d\" font-size=\"12\"");
  }

  void points(const CaseResult& one) {
    const auto gflops = [&](const Timing& timing) {
      return one.measured.flops() / timing.minimum / 1e3;
    };
    const double at = x(intensity(one));
    if (const Timing* peer = one.best_peer()) {
      line(at, y(gflops(*peer)), at, y(gflops(one.ours())), "stroke=\"#d9822b\" opacity=\"0.4\"");
      text_ += fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"#fcfcfa\" stroke=\"#d9822b\" "
          "stroke-width=\"1.5\"><title>{}: {} {:.1f} GFLOP/s</title></circle>\n",
          at, y(gflops(*peer)), escaped(one.measured.name()), escaped(peer->name), gflops(*peer));
    }
    text_ += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"#1f6feb\"><title>{}: {:.1f} GFLOP/s, "
        "{:.2f} of the limit</title></circle>\n",
        at, y(gflops(one.ours())), escaped(one.measured.name()), gflops(one.ours()),
        one.limit.microseconds() / one.ours().minimum);
  }

  void legend() {
    const double left = kWidth - kRight + 20;
    text_ += fmt::format(
        "<circle cx=\"{0:.0f}\" cy=\"70\" r=\"5\" fill=\"#1f6feb\"/>\n"
        "<circle cx=\"{0:.0f}\" cy=\"92\" r=\"4\" fill=\"#fcfcfa\" stroke=\"#d9822b\" "
        "stroke-width=\"1.5\"/>\n",
        left);
    label(left + 12, 74, "mlpjit, net(x)", "fill=\"#222\"");
    label(left + 12, 96, "the best peer", "fill=\"#222\"");
    label(left - 5, 122, "Far below its roof is what", "fill=\"#888\" font-size=\"11\"");
    label(left - 5, 137, "a call costs: tiny networks.", "fill=\"#888\" font-size=\"11\"");
  }

  const SuiteResult& result_;
  double peak_ = 1, most_ = 4, lowest_ = 1e300;
  std::string text_;
};

}  // namespace

std::string roofline_svg(const SuiteResult& result) {
  return Plot(result).svg();
}

}  // namespace mlpjit::bench
