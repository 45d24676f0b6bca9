#include "cli/options.h"

#include "support/test.h"

static str file;
static bool is_json;

static const struct option table[] = {
    {"config", 'c', "FILE", "the configuration", &file, NULL},
    {"json", '\0', NULL, "for machines", NULL, &is_json},
};

static err parse(char **args, int *positional, str *problem)
{
    file = STR("");
    is_json = false;
    return options_parse(table, 2, args, positional, problem);
}

TEST(options_come_long_short_and_joined)
{
    char *spaced[] = {(char[]){"-c"}, (char[]){"a.yaml"}, (char[]){"--json"}, NULL};
    char *joined[] = {(char[]){"x"}, (char[]){"--config=b.yaml"}, (char[]){"y"}, NULL};
    int positional = 0;
    str problem = STR("");

    CHECK_EQ(parse(spaced, &positional, &problem), OK);
    CHECK_STR(file, "a.yaml");
    CHECK(is_json);
    CHECK_EQ(positional, 0);
    CHECK_EQ(parse(joined, &positional, &problem), OK);
    CHECK_STR(file, "b.yaml");
    CHECK_EQ(positional, 2);
    CHECK_STR(str_from_c(joined[1]), "y");
}

TEST(options_two_dashes_end_them)
{
    char *args[] = {(char[]){"--"}, (char[]){"--json"}, NULL};
    int positional = 0;
    str problem = STR("");

    CHECK_EQ(parse(args, &positional, &problem), OK);
    CHECK(!is_json);
    CHECK_EQ(positional, 1);
}

TEST(options_mistakes_are_named)
{
    char *unknown[] = {(char[]){"--colour"}, NULL};
    char *valueless[] = {(char[]){"--config"}, NULL};
    char *valued[] = {(char[]){"--json=1"}, NULL};
    int positional = 0;
    str problem = STR("");

    CHECK_EQ(parse(unknown, &positional, &problem), ERR_SYNTAX);
    CHECK_STR(problem, "unknown option \"--colour\"");
    CHECK_EQ(parse(valueless, &positional, &problem), ERR_SYNTAX);
    CHECK_STR(problem, "a value is missing behind \"--config\"");
    CHECK_EQ(parse(valued, &positional, &problem), ERR_SYNTAX);
}
