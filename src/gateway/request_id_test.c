#include "gateway/request_id.h"

#include "support/test.h"

#include <string.h>

static str choose(struct arena *arena, struct random *random, str given)
{
    struct h1_field field = {.name = STR("X-Request-Id"), .value = given};
    struct h1_head head = {.fields = &field, .field_count = given.ptr ? 1 : 0};

    return request_id_choose(&head, random, arena);
}

TEST(request_id_is_the_clients_where_it_is_presentable)
{
    struct random random;
    struct arena arena;
    char long_one[REQUEST_ID_MAX + 1];

    random_init(&random, 1);
    arena_init(&arena, 256);
    memset(long_one, 'a', sizeof(long_one));
    CHECK_STR(choose(&arena, &random, STR("abc-1")), "abc-1");
    str most = {.ptr = long_one, .len = REQUEST_ID_MAX};
    CHECK_SAME(choose(&arena, &random, most), most);
    most.len++;
    CHECK(str_starts(choose(&arena, &random, most), STR("req_")));
    CHECK(str_starts(choose(&arena, &random, STR("two words")), STR("req_")));
    CHECK(str_starts(choose(&arena, &random, STR("")), STR("req_")));
    arena_reset(&arena);
}

TEST(request_id_of_ours_is_another_each_time)
{
    struct random random;
    struct arena arena;

    random_init(&random, 1);
    arena_init(&arena, 256);
    str first = choose(&arena, &random, (str){.ptr = NULL});
    str second = choose(&arena, &random, (str){.ptr = NULL});
    CHECK_EQ(first.len, 28);
    CHECK(!str_eq(first, second));
    arena_reset(&arena);
}
