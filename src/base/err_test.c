#include "base/err.h"

#include "support/test.h"

#include <errno.h>
#include <string.h>

TEST(err_name_and_text_cover_every_line_of_the_table)
{
#define ERR(name, text)                                                                            \
    CHECK(strcmp(err_name(ERR_##name), "ERR_" #name) == 0);                                        \
    CHECK(strcmp(err_text(ERR_##name), text) == 0);
#include "base/err.def"
#undef ERR
    CHECK(strcmp(err_name(OK), "OK") == 0);
}

static err fails_at(int step, int *reached)
{
    *reached = 1;
    TRY(step == 1 ? ERR_LIMIT : OK);
    *reached = 2;
    return OK;
}

TEST(err_try_leaves_at_the_first_failure)
{
    int reached = 0;

    CHECK_EQ(fails_at(1, &reached), ERR_LIMIT);
    CHECK_EQ(reached, 1);
    CHECK_EQ(fails_at(2, &reached), OK);
    CHECK_EQ(reached, 2);
}

TEST(err_from_errno_falls_back_to_system)
{
    CHECK_EQ(err_from_errno(ECONNREFUSED), ERR_REFUSED);
    CHECK_EQ(err_from_errno(EPIPE), ERR_CLOSED);
    CHECK_EQ(err_from_errno(0), OK);
    CHECK_EQ(err_from_errno(EXDEV), ERR_SYSTEM);
}
