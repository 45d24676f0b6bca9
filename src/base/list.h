// list: a doubly linked ring whose links live inside its members.
//
// The head is a link too. A link that is in no list points at itself, so removing twice is
// harmless. container_of() finds the member again.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct link {
    struct link *next;
    struct link *prev;
};

static inline void list_init(struct link *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline void list_insert_before(struct link *at, struct link *l)
{
    l->prev = at->prev;
    l->next = at;
    at->prev->next = l;
    at->prev = l;
}

static inline void list_push_back(struct link *head, struct link *l)
{
    list_insert_before(head, l);
}

static inline void list_push_front(struct link *head, struct link *l)
{
    list_insert_before(head->next, l);
}

static inline void list_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    list_init(l);
}

// The first member, taken out; NULL if there is none.
static inline struct link *list_pop_front(struct link *head)
{
    struct link *l = head->next;

    if (l == head) return NULL;
    list_remove(l);
    return l;
}

// Moves all members of `from` behind those of `head`.
static inline void list_take_all(struct link *head, struct link *from)
{
    if (list_is_empty(from)) return;
    from->next->prev = head->prev;
    head->prev->next = from->next;
    from->prev->next = head;
    head->prev = from->prev;
    list_init(from);
}
