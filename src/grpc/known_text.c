#include "grpc/known_text.h"

#include "grpc/protobuf_time.h"

#include <assert.h>

enum { FIRST = 1, SECOND = 2 }; // fields

bool known_text_has(enum descriptor_well_known kind)
{
    return kind == DESCRIPTOR_TIMESTAMP || kind == DESCRIPTOR_DURATION ||
           kind == DESCRIPTOR_FIELD_MASK;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

// A path of a mask in lowerCamelCase, written in snake_case.
static err read_path(str path, struct protobuf_writer *w)
{
    size_t mark = protobuf_write_open(w, FIRST);

    if (path.len == 0) return ERR_SYNTAX;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        char pair[] = {'_', (char)(c | 0x20)};
        bool is_plain = is_lower(c) || (c >= '0' && c <= '9') || c == '.';
        if (!is_plain && !is_upper(c)) return ERR_SYNTAX;
        protobuf_write_raw(w, is_plain ? (str){.ptr = &path.ptr[i], .len = 1}
                                       : (str){.ptr = pair, .len = sizeof(pair)});
    }
    protobuf_write_close(w, mark);
    return OK;
}

static err read_mask(str text, struct protobuf_writer *w)
{
    bool is_last = text.len == 0;

    while (!is_last) {
        is_last = str_find_char(text, ',') == text.len;
        TRY(read_path(str_cut(&text, ','), w));
    }
    return OK;
}

err known_text_read(enum descriptor_well_known kind, str text, struct protobuf_writer *w)
{
    struct protobuf_time t;

    assert(known_text_has(kind));
    if (kind == DESCRIPTOR_FIELD_MASK) return read_mask(text, w);
    TRY(kind == DESCRIPTOR_TIMESTAMP ? protobuf_time_read_timestamp(text, &t)
                                     : protobuf_time_read_duration(text, &t));
    if (t.seconds) protobuf_write_varint(w, FIRST, (uint64_t)t.seconds);
    if (t.nanos) protobuf_write_varint(w, SECOND, (uint64_t)(int64_t)t.nanos);
    return OK;
}

// A path in snake_case as lowerCamelCase; false where it would not come back the same.
static bool write_path(str path, char *out, size_t *len)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '_') {
            if (++i == path.len || !is_lower(path.ptr[i])) return false;
            out[(*len)++] = (char)(path.ptr[i] & ~0x20);
        } else {
            if (!is_lower(c) && (c < '0' || c > '9') && c != '.') return false;
            out[(*len)++] = c;
        }
    }
    return path.len > 0;
}

static err write_mask(str bytes, struct arena *arena, str *out)
{
    char *room = arena_alloc_raw(arena, bytes.len);
    struct protobuf_reader r;
    struct protobuf_field f;
    size_t len = 0;
    err e;

    protobuf_reader_init(&r, bytes);
    while ((e = protobuf_next(&r, &f)) == OK) {
        if (f.number != FIRST || f.wire != PROTOBUF_BYTES) continue;
        if (len) room[len++] = ',';
        if (!write_path(f.bytes, room, &len)) return ERR_RANGE;
    }
    if (e != ERR_EOF) return e;
    *out = (str){.ptr = room, .len = len};
    return OK;
}

err known_text_write(enum descriptor_well_known kind, str bytes, struct arena *arena, str *out)
{
    struct protobuf_time t = {0};
    char text[PROTOBUF_TIME_TEXT_MAX];
    struct protobuf_reader r;
    struct protobuf_field f;
    size_t len = 0;
    err e;

    assert(known_text_has(kind));
    if (kind == DESCRIPTOR_FIELD_MASK) return write_mask(bytes, arena, out);
    protobuf_reader_init(&r, bytes);
    while ((e = protobuf_next(&r, &f)) == OK) {
        if (f.wire != PROTOBUF_VARINT) continue;
        if (f.number == FIRST) t.seconds = (int64_t)f.value;
        if (f.number == SECOND) t.nanos = (int32_t)(uint32_t)f.value;
    }
    if (e != ERR_EOF) return e;
    TRY(kind == DESCRIPTOR_TIMESTAMP ? protobuf_time_write_timestamp(t, text, &len)
                                     : protobuf_time_write_duration(t, text, &len));
    *out = arena_str(arena, (str){.ptr = text, .len = len});
    return OK;
}
