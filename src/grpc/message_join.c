// Design: a level is one message. Its parts are gathered in one pass, each in a buf of its own, and
// written behind the rest, joined by a level of their own. Levels are as deep as paths are long,
// which is FIELD_PATH_MAX.
#include "grpc/message_join.h"

#include "codec/protobuf.h"
#include "codec/protobuf_write.h"

// A field that is joined.
struct part {
    bool is_wanted;
    bool is_there;
    struct buf bytes;
};

struct level {
    const struct descriptor_message *message;
    struct part *parts;                    // one a field, in the order of the message
    const struct field_path *const *paths; // that go on behind this level
    size_t count;
    size_t depth;
    struct arena *arena;
};

static err join(const struct level *l, str bytes, struct buf *out);

// The paths that go on through `field`, for the level below.
static size_t choose(const struct level *l, const struct descriptor_field *field,
                     const struct field_path **out)
{
    size_t count = 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct field_path *p = l->paths[i];
        if (p->fields[l->depth] == field && p->count > l->depth + 2) out[count++] = p;
    }
    return count;
}

static err write_part(const struct level *l, const struct descriptor_field *field, struct buf *out)
{
    const struct field_path **below = arena_array(l->arena, const struct field_path *, l->count);
    const struct level inner = {.message = field->message,
                                .paths = below,
                                .count = choose(l, field, below),
                                .depth = l->depth + 1,
                                .arena = l->arena};
    struct protobuf_writer w;

    protobuf_write_init(&w, out);
    size_t mark = protobuf_write_open(&w, field->number);
    TRY(w.error);
    TRY(join(&inner, buf_view(&l->parts[field->index].bytes), out));
    protobuf_write_close(&w, mark);
    return w.error;
}

static err gather(const struct level *l, str bytes, struct buf *out)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&r, bytes);
    while (!(e = protobuf_next(&r, &f))) {
        const struct descriptor_field *field = descriptor_field_by_number(l->message, f.number);
        struct part *part = field ? &l->parts[field->index] : NULL;
        bool is_joined = part && part->is_wanted && f.wire == PROTOBUF_BYTES;
        if (is_joined) part->is_there = true;
        TRY(buf_append(is_joined ? &part->bytes : out, is_joined ? f.bytes : f.whole));
    }
    return e == ERR_EOF ? OK : e;
}

static err join(const struct level *l, str bytes, struct buf *out)
{
    const struct descriptor_message *m = l->message;
    struct level level = *l;

    if (!l->count) return buf_append(out, bytes);
    level.parts = arena_array(l->arena, struct part, m->field_count);
    for (size_t i = 0; i < m->field_count; i++) {
        buf_init(&level.parts[i].bytes, bytes.len);
    }
    for (size_t i = 0; i < l->count; i++) {
        level.parts[l->paths[i]->fields[l->depth]->index].is_wanted = true;
    }
    err e = gather(&level, bytes, out);
    for (size_t i = 0; i < m->field_count; i++) {
        if (level.parts[i].is_there && !e) e = write_part(&level, &m->fields[i], out);
        buf_done(&level.parts[i].bytes);
    }
    return e;
}

err message_join(const struct field_path *const *paths, size_t count, str message,
                 struct arena *arena, struct buf *out)
{
    const struct field_path **on = arena_array(arena, const struct field_path *, count);
    struct level top = {.message = paths[0]->fields[0]->owner, .paths = on, .arena = arena};

    for (size_t i = 0; i < count; i++) {
        if (paths[i]->count > 1) on[top.count++] = paths[i];
    }
    return join(&top, message, out);
}
