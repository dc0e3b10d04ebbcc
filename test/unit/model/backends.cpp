// The same answer as for the tests of networks.
#include "test/unit/nn/backends.cpp"
