#include "http/client_trailers.h"

#include <string.h>

enum { FIELDS_MAX = 64, ROOM = 256 };

static void put(struct client_trailers *t, struct arena *arena, str s)
{
    if (t->len + s.len > t->room) {
        uint32_t room = 2 * (t->len + (uint32_t)s.len) + ROOM;
        char *text = arena_alloc_raw(arena, room);
        if (t->len) memcpy(text, t->text, t->len);
        t->text = text;
        t->room = room;
    }
    memcpy(t->text + t->len, s.ptr, s.len);
    t->len += (uint32_t)s.len;
}

void client_trailers_add(struct client_trailers *t, struct arena *arena, str more, bool is_last)
{
    // With this before it the section is a head, and read as strictly.
    const str status_line = STR("HTTP/1.1 200 OK\r\n");
    struct h1_field fields[FIELDS_MAX];
    struct h1_head head;

    if (is_last && !t->len && more.len == 2) return; // the usual section: a blank line
    if (!t->len) put(t, arena, status_line);
    put(t, arena, more);
    if (!is_last) return;
    str text = {.ptr = t->text, .len = t->len};
    if (h1_parse_response(text, false, fields, FIELDS_MAX, &head)) return;
    if (head.framing != H1_UNTIL_CLOSE || !head.field_count) return;
    t->fields = arena_alloc_raw(arena, sizeof(*fields) * head.field_count);
    memcpy(t->fields, fields, sizeof(*fields) * head.field_count);
    t->count = head.field_count;
}
