// Any bytes as a script of the mock, and as a model's name: rules or findings, never both; and
// waits drawn from what was read stay within their bound.
#include "assess/mock/mock_name.h"
#include "assess/mock/mock_script.h"

#include <stdlib.h>

enum { DRAWS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void must(bool holds)
{
    if (!holds) abort();
}

static void check_pace(const struct mock_pace *p)
{
    struct random random;

    random_init(&random, 1);
    for (size_t i = 0; i < DRAWS; i++) {
        int64_t us = mock_pace_next(p, &random, i);
        must(us >= 0 && us <= MOCK_PACE_MAX_US);
    }
}

static void check_script(str text, struct arena *arena)
{
    struct mock_rule base;
    struct mock_rule *rules = NULL;
    size_t count = 0;
    struct diag d;

    diag_init(&d);
    mock_rule_init(&base);
    err e = mock_script_read(text, &base, arena, &d, &rules, &count);
    must((e == OK) == (d.count == 0));
    must(e == OK || count == 0);
    for (size_t i = 0; i < count; i++) {
        check_pace(&rules[i].timing.head);
        check_pace(&rules[i].timing.ttft);
        check_pace(&rules[i].timing.gap);
        must(rules[i].error.status <= 599);
        must(rules[i].match.probability >= 0 && rules[i].match.probability <= 1);
    }
    diag_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};
    struct mock_rule rule;
    struct arena arena;

    if (len == 0) text = STR("");
    arena_init(&arena, 4096);
    mock_rule_init(&rule);
    check_script(text, &arena);
    err e = mock_name_apply(text, &arena, &rule);
    must(e == OK || e == ERR_ABSENT || e == ERR_RANGE);
    arena_reset(&arena);
    return 0;
}
