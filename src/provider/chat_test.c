#include "provider/chat.h"

#include "support/test.h"

TEST(chat_notes_a_field_once_and_no_more_than_fit)
{
    static const char names[CHAT_DROPPED_MAX + 1][1] = {{0}};
    struct chat_notes n = {0};

    chat_notes_drop(&n, STR("seed"));
    chat_notes_drop(&n, STR("seed"));
    CHECK_EQ(n.dropped_count, 1);
    CHECK_STR(n.dropped[0], "seed");
    for (size_t len = 1; len <= CHAT_DROPPED_MAX; len++) {
        chat_notes_drop(&n, (str){.ptr = names[0], .len = len});
    }
    CHECK_EQ(n.dropped_count, CHAT_DROPPED_MAX);
}

TEST(chat_notes_say_what_is_wrong_and_where)
{
    struct chat_notes n = {0};

    CHECK_EQ(chat_notes_refuse(&n, ERR_TYPE, STR("No."), STR("n")), ERR_TYPE);
    CHECK_STR(n.problem, "No.");
    CHECK_STR(n.param, "n");
    CHECK_EQ(chat_notes_refuse_at(&n, ERR_RANGE, STR("No!"), "messages[%d]", 7), ERR_RANGE);
    CHECK_STR(n.param, "messages[7]");
    CHECK_EQ(chat_notes_refuse_at(&n, ERR_RANGE, STR("No!"), "%0200d", 7), ERR_RANGE);
    CHECK_EQ(n.param.len, CHAT_PARAM_MAX - 1);
}
