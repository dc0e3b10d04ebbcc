#pragma once
// What most tests include, compiled once for all of them. Each includes what it uses all the same.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "lib/ir/text.h"
#include "mlpjit/mlpjit.h"
