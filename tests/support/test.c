#include "support/test.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum outcome { PASSED, FAILED, SKIPPED };

static struct test *first;
static struct test **last = &first;
static jmp_buf left;

void test_register(struct test *t)
{
    *last = t;
    last = &t->next;
}

void test_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    longjmp(left, FAILED);
}

void test_skip(const char *format, ...)
{
    va_list args;

    fputs("skipped: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    fputc('\n', stdout);
    longjmp(left, SKIPPED);
}

void test_eq_int(const char *file, int line, const char *what, intmax_t got, intmax_t want)
{
    if (got != want) test_fail(file, line, "%s is %jd, not %jd", what, got, want);
}

void test_eq_str(const char *file, int line, const char *what, str got, str want)
{
    if (!str_eq(got, want))
        test_fail(file, line, "%s is \"%" STR_FMT "\", not \"%" STR_FMT "\"", what, STR_ARG(got),
                  STR_ARG(want));
}

uint64_t test_seed(void)
{
    static uint64_t seed;
    const char *given = getenv("SEED");

    if (seed) return seed;
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("SEED=%" PRIu64 "\n", seed);
    return seed;
}

// A function of its own, so that no local of main() is live across longjmp().
static enum outcome outcome_of(const struct test *t)
{
    int how = setjmp(left);

    if (how) return (enum outcome)how;
    t->run();
    return PASSED;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    int counts[3] = {0};

    // A leak that a failed test left ends the program before it would write what it printed.
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    for (struct test *t = first; t; t = t->next) {
        if (strncmp(t->name, only, strlen(only)) != 0) continue;
        enum outcome outcome = outcome_of(t);
        if (outcome == FAILED) printf("FAIL %s\n", t->name);
        counts[outcome]++;
    }
    printf("%d passed, %d failed", counts[PASSED], counts[FAILED]);
    if (counts[SKIPPED]) printf(", %d skipped", counts[SKIPPED]);
    putchar('\n');
    return counts[FAILED] ? 1 : 0;
}
