#include "grpc/transcode_error.h"

#include "codec/base64.h"
#include "codec/json_write.h"
#include "codec/protobuf.h"
#include "grpc/protobuf_to_json.h"

// Field numbers of google.protobuf.Any.
enum { TYPE_URL = 1, VALUE = 2 };

// What one detail may become in JSON.
enum { DETAIL_MAX = 64 * 1024 };

static void write_unknown(struct json_writer *w, str any)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    str type = STR("");
    str value = STR("");
    struct buf letters;

    protobuf_reader_init(&r, any);
    while (protobuf_next(&r, &f) == OK) {
        if (f.number == TYPE_URL && f.wire == PROTOBUF_BYTES) type = f.bytes;
        if (f.number == VALUE && f.wire == PROTOBUF_BYTES) value = f.bytes;
    }
    buf_init(&letters, base64_encoded_len(value.len));
    json_write_object(w);
    json_write_key(w, STR("@type"));
    json_write_str(w, type);
    json_write_key(w, STR("value"));
    if (value.len && !w->error) w->error = base64_encode(&letters, value);
    json_write_str(w, buf_view(&letters));
    json_write_object_end(w);
    buf_done(&letters);
}

static void write_detail(struct json_writer *w, const struct descriptor_pool *pool, str any,
                         struct arena *arena)
{
    const struct protobuf_to_json_options options = {.pool = pool, .arena = arena};
    const struct descriptor_message *type =
        pool ? descriptor_find_message(pool, STR("google.protobuf.Any")) : NULL;
    struct message_fault fault;
    struct buf json;

    message_fault_init(&fault);
    buf_init(&json, DETAIL_MAX);
    if (type && protobuf_to_json(&options, type, any, &json, &fault) == OK)
        json_write_raw(w, buf_view(&json));
    else
        write_unknown(w, any);
    buf_done(&json);
}

err transcode_error_write(const struct status *s, const struct descriptor_pool *pool,
                          struct arena *arena, struct buf *out)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    struct json_writer w;

    json_write_init(&w, out);
    json_write_object(&w);
    json_write_key(&w, STR("code"));
    json_write_u64(&w, s->code);
    json_write_key(&w, STR("message"));
    json_write_str(&w, s->message);
    json_write_key(&w, STR("status"));
    json_write_str(&w, status_name(s->code));
    if (s->details.len) {
        json_write_key(&w, STR("details"));
        json_write_array(&w);
        protobuf_reader_init(&r, s->details);
        while (protobuf_next(&r, &f) == OK) {
            write_detail(&w, pool, f.bytes, arena);
        }
        json_write_array_end(&w);
    }
    json_write_object_end(&w);
    return w.error;
}
