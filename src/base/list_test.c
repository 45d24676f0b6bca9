#include "base/list.h"

#include "support/test.h"

struct item {
    int value;
    struct link link;
};

static int pop(struct link *head)
{
    struct link *l = list_pop_front(head);

    return l ? container_of(l, struct item, link)->value : -1;
}

TEST(list_keeps_order_and_removes_anywhere)
{
    struct link head;
    struct item items[4] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}};

    list_init(&head);
    CHECK(list_is_empty(&head));
    list_push_back(&head, &items[1].link);
    list_push_back(&head, &items[2].link);
    list_push_front(&head, &items[0].link);
    list_push_back(&head, &items[3].link);
    list_remove(&items[2].link);
    list_remove(&items[2].link);
    CHECK_EQ(pop(&head), 0);
    CHECK_EQ(pop(&head), 1);
    CHECK_EQ(pop(&head), 3);
    CHECK_EQ(pop(&head), -1);
}

TEST(list_take_all_leaves_the_other_empty)
{
    struct link a;
    struct link b;
    struct item items[2] = {{.value = 5}, {.value = 6}};

    list_init(&a);
    list_init(&b);
    list_take_all(&a, &b);
    CHECK(list_is_empty(&a));
    list_push_back(&a, &items[0].link);
    list_push_back(&b, &items[1].link);
    list_take_all(&a, &b);
    CHECK(list_is_empty(&b));
    CHECK_EQ(pop(&a), 5);
    CHECK_EQ(pop(&a), 6);
}
