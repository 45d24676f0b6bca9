#include "grpc/message_fault.h"

#include "support/test.h"

TEST(message_fault_tells_the_way_from_the_outside_in)
{
    struct message_fault f;
    struct arena arena;

    arena_init(&arena, 1024);
    message_fault_init(&f);
    CHECK_EQ(message_fault_set(&f, ERR_TYPE, "expected %s", "an array"), ERR_TYPE);
    CHECK_STR(message_fault_text(&f, &arena), "expected an array");
    CHECK_EQ(message_fault_in_member(&f, OK, STR("not here")), OK);
    CHECK_EQ(message_fault_in_member(&f, ERR_TYPE, STR("parts")), ERR_TYPE);
    CHECK_EQ(message_fault_in_element(&f, ERR_TYPE, 2), ERR_TYPE);
    CHECK_EQ(message_fault_in_member(&f, ERR_TYPE, STR("messages")), ERR_TYPE);
    CHECK_EQ(message_fault_in_key(&f, ERR_TYPE, STR("a b")), ERR_TYPE);
    CHECK_EQ(message_fault_in_member(&f, ERR_TYPE, STR("by_name")), ERR_TYPE);
    CHECK_STR(message_fault_text(&f, &arena),
              "by_name[\"a b\"].messages[2].parts: expected an array");
    arena_reset(&arena);
}

TEST(message_fault_keeps_the_end_of_a_long_way)
{
    struct message_fault f;
    struct arena arena;

    arena_init(&arena, 1024);
    message_fault_init(&f);
    (void)message_fault_set(&f, ERR_TYPE, "why"); // what it returns is known
    (void)message_fault_in_member(&f, ERR_TYPE, STR("last"));
    for (int i = 0; i < 100; i++) {
        (void)message_fault_in_member(&f, ERR_TYPE, STR("inner"));
    }
    str text = message_fault_text(&f, &arena);
    CHECK_EQ(text.len, MESSAGE_FAULT_PATH_MAX + 5);
    CHECK(str_ends(text, STR(".inner.inner.last: why")));
    arena_reset(&arena);
}
