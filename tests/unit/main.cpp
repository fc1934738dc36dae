// SPDX-License-Identifier: Apache-2.0
//
// doctest's implementation and main, in a file of their own since they are slow to compile. The tests
// are beside, in folders that mirror the sources.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
