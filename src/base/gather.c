#include "base/gather.h"

void gather_init(struct gather *g, size_t text_bytes_max)
{
    *g = (struct gather){.insert_max = GATHER_INSERTS_MAX};
    buf_init(&g->text, text_bytes_max);
}

void gather_done(struct gather *g)
{
    buf_done(&g->text);
    g->insert_count = 0;
    g->inserted_bytes = 0;
}

err gather_insert(struct gather *g, str view)
{
    if (view.len < GATHER_INSERT_MIN || g->insert_count >= g->insert_max)
        return buf_append(&g->text, view);
    g->inserts[g->insert_count].at = buf_len(&g->text);
    g->inserts[g->insert_count].view = view;
    g->insert_count++;
    g->inserted_bytes += view.len;
    return OK;
}

size_t gather_len(const struct gather *g)
{
    return buf_len(&g->text) + g->inserted_bytes;
}

static int add(struct iovec *pieces, int count, str s)
{
    if (!s.len) return count;
    pieces[count] = (struct iovec){.iov_base = (void *)(uintptr_t)s.ptr, .iov_len = s.len};
    return count + 1;
}

int gather_pieces(const struct gather *g, struct iovec *pieces)
{
    str text = buf_view(&g->text);
    size_t at = 0;
    int count = 0;

    for (int i = 0; i < g->insert_count; i++) {
        count = add(pieces, count, str_sub(text, at, g->inserts[i].at - at));
        count = add(pieces, count, g->inserts[i].view);
        at = g->inserts[i].at;
    }
    return add(pieces, count, str_sub(text, at, text.len));
}
