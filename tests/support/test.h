// test: the smallest harness that reads well.
//
//     TEST(str_cut_without_separator_returns_the_whole)
//     {
//         CHECK_EQ(len, 3);
//     }
//
// A test registers itself, runs in its order of definition and stops at its first failed check,
// which prints the values it saw. `x_test NAME` runs the tests whose names begin with NAME.
#pragma once

#include "base/str.h"

#include <stdint.h>

struct test {
    const char *name;
    void (*run)(void);
    struct test *next;
};

void test_register(struct test *t);
[[gnu::noreturn, gnu::format(printf, 3, 4)]] void test_fail(const char *file, int line,
                                                            const char *format, ...);
// Marks the running test as skipped, with the reason; it does not count as passed.
[[gnu::noreturn, gnu::format(printf, 1, 2)]] void test_skip(const char *format, ...);
void test_eq_int(const char *file, int line, const char *what, intmax_t got, intmax_t want);
void test_eq_str(const char *file, int line, const char *what, str got, str want);

// A seed for random splits, printed once so that a failure can be run again: SEED=n in the
// environment overrides it.
uint64_t test_seed(void);

#define TEST(name)                                                                                 \
    static void name(void);                                                                        \
    [[gnu::constructor]] static void name##_register(void)                                         \
    {                                                                                              \
        static struct test t = {#name, name, NULL};                                                \
        test_register(&t);                                                                         \
    }                                                                                              \
    static void name(void)

#define CHECK(cond) ((cond) ? (void)0 : test_fail(__FILE__, __LINE__, "not true: %s", #cond))
#define CHECK_EQ(got, want) test_eq_int(__FILE__, __LINE__, #got, (intmax_t)(got), (intmax_t)(want))
#define CHECK_STR(got, want) test_eq_str(__FILE__, __LINE__, #got, (got), STR(want))
#define CHECK_SAME(got, want) test_eq_str(__FILE__, __LINE__, #got, (got), (want))
