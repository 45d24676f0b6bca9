#include "config/expand.h"

#include "base/memory.h"

#include "support/test.h"

#include <string.h>

static const char *const environment[] = {"HOST=example.com", "EMPTY=",      "ODD", "A=1=2",
                                          "NEST=${HOST}",     "HOST=second", NULL};

static void check_expands(str text, const char *want)
{
    struct arena a;
    str out;
    str missing;

    arena_init(&a, 1024);
    CHECK_EQ(expand(text, environment, &a, &out, &missing), OK);
    CHECK_SAME(out, str_from_c(want));
    arena_reset(&a);
}

TEST(expand_puts_variables_in)
{
    check_expands(STR(""), "");
    check_expands(STR("plain"), "plain");
    check_expands(STR("${HOST}"), "example.com");
    check_expands(STR("https://${HOST}:${PORT:-443}/v${A}"), "https://example.com:443/v1=2");
    check_expands(STR("${EMPTY}"), "");
}

TEST(expand_defaults_stand_in_for_unset_and_empty)
{
    check_expands(STR("${NONE:-x}"), "x");
    check_expands(STR("${EMPTY:-x}"), "x");
    check_expands(STR("${HOST:-x}"), "example.com");
    check_expands(STR("${NONE:-}"), "");
    check_expands(STR("${NONE:-a:-b}"), "a:-b");
}

TEST(expand_leaves_other_dollars_alone)
{
    check_expands(STR("$"), "$");
    check_expands(STR("$HOST $$ 5$"), "$HOST $$ 5$");
    check_expands(STR("$${HOST}"), "${HOST}");
    check_expands(STR("a$${b}${HOST}"), "a${b}example.com");
    check_expands(STR("$$${HOST}"), "$${HOST}");
}

TEST(expand_does_not_expand_what_came_in)
{
    check_expands(STR("${NEST}"), "${HOST}");
    check_expands(STR("${NONE:-$HOST}"), "$HOST");
}

TEST(expand_names_what_is_missing)
{
    struct arena a;
    str out = STR("before");
    str missing;

    arena_init(&a, 1024);
    CHECK_EQ(expand(STR("${HOST}${GONE}"), environment, &a, &out, &missing), ERR_ABSENT);
    CHECK_STR(missing, "GONE");
    CHECK_EQ(expand(STR("${ODD}"), environment, &a, &out, &missing), ERR_ABSENT);
    CHECK_EQ(expand(STR("${HOS}"), environment, &a, &out, &missing), ERR_ABSENT);
    CHECK_STR(out, "before");
    arena_reset(&a);
}

TEST(expand_refuses_malformed_references)
{
    const char *bad[] = {"${", "${}", "${HOST", "a${1A}", "${A B}", "${A:x}", "${A-x}", "${:-x}"};
    struct arena a;
    str out;
    str missing;

    arena_init(&a, 1024);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        CHECK_EQ(expand(str_from_c(bad[i]), environment, &a, &out, &missing), ERR_SYNTAX);
    }
    arena_reset(&a);
}

TEST(expand_is_bounded)
{
    char *variable = memory_alloc(EXPAND_TEXT_MAX + 10);
    const char *const large[] = {variable, NULL};
    struct arena a;
    str out;
    str missing;

    arena_init(&a, 1024);
    memset(variable, 'x', EXPAND_TEXT_MAX / 2 + 2);
    memcpy(variable, "V=", 2);
    CHECK_EQ(expand(STR("${V}${V}"), large, &a, &out, &missing), OK);
    CHECK_EQ(out.len, EXPAND_TEXT_MAX);
    CHECK_EQ(expand(STR("${V}${V}."), large, &a, &out, &missing), ERR_LIMIT);
    arena_reset(&a);
    memory_free(variable);
}
