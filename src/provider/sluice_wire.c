#include "provider/sluice_wire.h"

#include "codec/json_write.h"
#include "codec/utf8.h"

#include <math.h>
#include <string.h>

err sluice_wire_refuse(struct sluice_reading *r, str problem, str param)
{
    return chat_notes_refuse(r->notes, ERR_TYPE, problem, param);
}

err sluice_wire_count(str message, uint32_t number, size_t *out)
{
    struct protobuf_reader r;
    struct protobuf_field f;
    size_t found = 0;
    err e = OK;

    protobuf_reader_init(&r, message);
    while (!(e = protobuf_next(&r, &f))) {
        found += f.number == number && f.wire == PROTOBUF_BYTES;
    }
    if (e != ERR_EOF) return e;
    *out = found;
    return OK;
}

static err refuse_bytes(struct sluice_reading *r, str bytes)
{
    size_t at = 0;

    for (size_t len = 0; (len = utf8_sequence(str_sub(bytes, at, bytes.len))) > 0; at += len) {
    }
    str problem = arena_format(
        r->arena, "A text of the request is not valid UTF-8: byte %zu of its %zu.", at, bytes.len);
    return sluice_wire_refuse(r, problem, STR(""));
}

err sluice_wire_text(struct sluice_reading *r, const struct protobuf_field *f,
                     struct chat_text *out)
{
    if (f->wire != PROTOBUF_BYTES)
        return sluice_wire_refuse(r, STR("A field has the wrong type."), STR(""));
    if (!utf8_is_valid(f->bytes)) return refuse_bytes(r, f->bytes);
    *out = chat_text_plain(f->bytes);
    return OK;
}

err sluice_wire_double(struct sluice_reading *r, uint64_t bits, str *out)
{
    struct json_writer w;
    struct buf text;
    double value = 0;

    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value))
        return sluice_wire_refuse(r, STR("A number of the request is not finite."), STR(""));
    buf_init(&text, 64);
    json_write_init(&w, &text);
    json_write_double(&w, value); // fits
    *out = arena_str(r->arena, buf_view(&text));
    buf_done(&text);
    return OK;
}

str sluice_wire_number(struct sluice_reading *r, uint64_t value)
{
    return arena_format(r->arena, "%lu", value);
}
