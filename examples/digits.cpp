// Handwritten digits: loads a network trained elsewhere and classifies 360 images, imperatively and
// compiled.
#include <mlpjit/mlpjit.h>

#include <cstdio>
#include <string>
#include <vector>

#include "data.h"

using namespace mlpjit;

// Images next to each other, each under its answer.
void draw(const Tensor& images, const std::vector<std::int64_t>& labels,
          const std::vector<std::int64_t>& answers, const std::vector<std::size_t>& rows) {
  static const char* const kShades[] = {"  ", "░░", "▒▒", "▓▓", "██"};
  const auto pixels = images.data<float>();
  for (std::size_t row : rows) {
    const bool right = answers[row] == labels[row];
    std::printf("%lld%-17s ", static_cast<long long>(answers[row]),
                right ? "" : (" (it is " + std::to_string(labels[row]) + ")").c_str());
  }
  std::printf("\n");
  for (std::size_t y = 0; y < 8; ++y) {
    for (std::size_t row : rows) {
      for (std::size_t x = 0; x < 8; ++x) {
        const int ink = static_cast<int>(pixels[row * 64 + y * 8 + x]);
        std::printf("%s", kShades[(ink + 3) / 4]);
      }
      std::printf("   ");
    }
    std::printf("\n");
  }
}

int main(int argc, char** argv) try {
  const std::string folder = data_folder(argc, argv) + "/digits/";
  const Digits digits = read_digits(folder);
  const Tensor images = digits.pixels;
  const auto labels = digits.labels.to_vector<std::int64_t>();

  nn::HybridSequential net;
  net.add(nn::Normalize(0, 16), nn::Dense(128, {.activation = "relu"}),
          nn::Dense(64, {.activation = "relu"}), nn::Dense(10));
  net.load_parameters(folder + "digits-mlp.safetensors",
                      {.rename = {{"dense0.", "1."}, {"dense1.", "2."}, {"dense2.", "3."}}});

  // One image at a time, as they would come from a camera; `logits` collects the answers.
  const auto classify = [&](const char* how) {
    Tensors rows;
    for (std::int64_t i = 0; i < images.shape()[0]; ++i) rows.push_back(images.slice(0, i, i + 1));
    net(rows.front());  // traces and compiles, where it is hybridized
    Tensors logits;
    const Timer timer;
    for (const Tensor& row : rows) logits.push_back(net(row));
    std::printf("%-11s %zu images in %.3f ms\n", how, rows.size(), timer.seconds() * 1000);
    return concat(logits);
  };
  const Tensor imperative = classify("imperative:");
  net.hybridize();
  const Tensor compiled = classify("compiled:");

  const auto answers = argmax(compiled, 1).to_vector<std::int64_t>();
  std::size_t correct = 0;
  std::vector<std::size_t> shown{0, 1, 2};
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i] == labels[i]) {
      ++correct;
    } else if (shown.size() == 3) {
      shown.push_back(i);
    }
  }
  const bool same = identical(imperative, compiled);
  const bool same_batch = identical(net(images), compiled);
  std::printf("accuracy: %zu of %zu (%.1f %%)\n", correct, answers.size(),
              100.0 * static_cast<double>(correct) / static_cast<double>(answers.size()));
  std::printf("the same bits imperatively and compiled: %s\n", same ? "yes" : "no");
  std::printf("the same bits one by one and all at once: %s\n\n", same_batch ? "yes" : "no");
  draw(images, labels, answers, shown);
  return same && same_batch ? 0 : 1;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
