#include "provider/sluice_parts.h"

#include "codec/base64.h"
#include "provider/sluice_fields.h"

static err read_media(struct sluice_reading *r, str message, struct chat_media *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_MEDIA_URL:
            out->source = CHAT_SOURCE_URL;
            TRY(sluice_wire_text(r, &f, &out->content));
            break;
        case SLUICE_MEDIA_DATA:
            out->source = CHAT_SOURCE_BYTES;
            out->content = chat_text_plain(f.bytes);
            break;
        case SLUICE_MEDIA_FILE_ID:
            out->source = CHAT_SOURCE_FILE_ID;
            TRY(sluice_wire_text(r, &f, &out->content));
            break;
        case SLUICE_MEDIA_TYPE: TRY(sluice_wire_text(r, &f, &out->type)); break;
        default: break;
        }
    }
    return e == ERR_EOF ? OK : e;
}

static const str details[] = {STR_INIT(""), STR_INIT("auto"), STR_INIT("low"), STR_INIT("high")};

// An Image, Audio or File.
static err read_file(struct sluice_reading *r, str message, struct chat_part *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_FILE_MEDIA && f.wire == PROTOBUF_BYTES) {
            TRY(read_media(r, f.bytes, &out->media));
        } else if (f.number == SLUICE_FILE_DETAIL && out->kind == CHAT_PART_IMAGE) {
            if (f.value && f.value < sizeof(details) / sizeof(*details))
                out->media.detail = chat_text_plain(details[f.value]);
        } else if (f.number == SLUICE_FILE_NAME && out->kind == CHAT_PART_FILE) {
            TRY(sluice_wire_text(r, &f, &out->media.name));
        }
    }
    if (e != ERR_EOF) return e;
    if (!chat_text_has(out->media.content))
        return sluice_wire_refuse(r, STR("A picture, recording or file needs a source."),
                                  STR("media"));
    if (out->media.source == CHAT_SOURCE_BYTES && !chat_text_has(out->media.type))
        return sluice_wire_refuse(r, STR("Bytes need a media_type."), STR("media.media_type"));
    return OK;
}

static err read_call(struct sluice_reading *r, str message, struct chat_part *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    out->id = out->name = out->arguments = chat_text_plain(STR(""));
    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_CALL_ID) TRY(sluice_wire_text(r, &f, &out->id));
        if (f.number == SLUICE_CALL_NAME) TRY(sluice_wire_text(r, &f, &out->name));
        if (f.number == SLUICE_CALL_ARGUMENTS) TRY(sluice_wire_text(r, &f, &out->arguments));
    }
    return e == ERR_EOF ? OK : e;
}

static err read_reasoning(struct sluice_reading *r, str message, struct chat_part *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_REASONING_TEXT) TRY(sluice_wire_text(r, &f, &out->text));
        if (f.number == SLUICE_REASONING_SIGNATURE) TRY(sluice_wire_text(r, &f, &out->signature));
        // What a provider hides is text to it, base64 mostly; bytes only to this API.
        if (f.number == SLUICE_REASONING_REDACTED) TRY(sluice_wire_text(r, &f, &out->redacted));
    }
    return e == ERR_EOF ? OK : e;
}

static err read_parts(struct sluice_reading *r, str message, uint32_t number, bool is_nested,
                      struct chat_part **parts, size_t *part_count);

static err read_result(struct sluice_reading *r, str message, struct chat_part *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    out->id = chat_text_plain(STR(""));
    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_RESULT_CALL_ID) TRY(sluice_wire_text(r, &f, &out->id));
        if (f.number == SLUICE_RESULT_IS_ERROR) out->is_error = f.value != 0;
    }
    if (e != ERR_EOF) return e;
    return read_parts(r, message, SLUICE_RESULT_PARTS, true, &out->parts, &out->part_count);
}

static err read_kind(struct sluice_reading *r, const struct protobuf_field *f, bool is_nested,
                     struct chat_part *out)
{
    static const enum chat_part_kind kinds[] = {
        [SLUICE_PART_TEXT] = CHAT_PART_TEXT,
        [SLUICE_PART_IMAGE] = CHAT_PART_IMAGE,
        [SLUICE_PART_AUDIO] = CHAT_PART_AUDIO,
        [SLUICE_PART_FILE] = CHAT_PART_FILE,
        [SLUICE_PART_TOOL_CALL] = CHAT_PART_TOOL_CALL,
        [SLUICE_PART_TOOL_RESULT] = CHAT_PART_TOOL_RESULT,
        [SLUICE_PART_REASONING] = CHAT_PART_REASONING,
        [SLUICE_PART_REFUSAL] = CHAT_PART_REFUSAL,
    };

    *out = (struct chat_part){.kind = kinds[f->number]};
    switch ((enum sluice_part)f->number) {
    case SLUICE_PART_TEXT:
    case SLUICE_PART_REFUSAL: return sluice_wire_text(r, f, &out->text);
    case SLUICE_PART_IMAGE:
    case SLUICE_PART_AUDIO:
    case SLUICE_PART_FILE: return read_file(r, f->bytes, out);
    case SLUICE_PART_TOOL_CALL: return read_call(r, f->bytes, out);
    case SLUICE_PART_REASONING: return read_reasoning(r, f->bytes, out);
    case SLUICE_PART_TOOL_RESULT:
        if (is_nested)
            return sluice_wire_refuse(r, STR("A tool's result can't hold another one."),
                                      STR("parts"));
        return read_result(r, f->bytes, out);
    }
    return OK;
}

static err read_part(struct sluice_reading *r, str message, bool is_nested, struct chat_part *out)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    struct protobuf_field last = {.number = 0};
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number <= SLUICE_PART_REFUSAL && f.wire == PROTOBUF_BYTES) last = f;
    }
    if (e != ERR_EOF) return e;
    if (!last.number)
        return sluice_wire_refuse(r, STR("A part must be of some kind."), STR("parts"));
    return read_kind(r, &last, is_nested, out);
}

// The field `number` of a message, all of which are parts.
static err read_parts(struct sluice_reading *r, str message, uint32_t number, bool is_nested,
                      struct chat_part **parts, size_t *part_count)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t total = 0;
    err e = OK;

    TRY(sluice_wire_count(message, number, &total));
    r->part_count += total;
    if (r->part_count > CHAT_PARTS_MAX)
        return chat_notes_refuse(r->notes, ERR_LIMIT, STR("The request has too many parts."),
                                 STR("messages"));
    *parts = arena_array(r->arena, struct chat_part, total);
    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == number && f.wire == PROTOBUF_BYTES)
            TRY(read_part(r, f.bytes, is_nested, &(*parts)[(*part_count)++]));
    }
    return e == ERR_EOF ? OK : e;
}

err sluice_parts_read(struct sluice_reading *r, str message, uint32_t number,
                      struct chat_message *out)
{
    return read_parts(r, message, number, false, &out->parts, &out->part_count);
}

void sluice_parts_write_text(struct protobuf_writer *w, uint32_t number, struct chat_text t,
                             struct arena *a)
{
    if (chat_text_has(t)) protobuf_write_bytes(w, number, chat_text_read(t, a));
}

// Base64 becomes the bytes that it stands for, in the place where they go.
static err write_base64(struct protobuf_writer *w, struct chat_text digits, struct arena *a)
{
    str text = chat_text_read(digits, a);
    struct buf bytes;
    char *room = NULL;
    size_t len = 0;

    buf_init(&bytes, base64_decoded_max(text.len) + 1);
    err e = buf_reserve(&bytes, base64_decoded_max(text.len) + 1, &room);
    if (!e) e = base64_decode(text, BASE64_LENIENT, room, &len);
    if (!e) protobuf_write_bytes(w, SLUICE_MEDIA_DATA, (str){.ptr = room, .len = len});
    buf_done(&bytes);
    return e ? ERR_UNSUPPORTED : OK;
}

static err write_media(struct protobuf_writer *w, const struct chat_media *m, struct arena *a)
{
    size_t mark = protobuf_write_open(w, SLUICE_FILE_MEDIA);
    str content = STR("");

    switch (m->source) {
    case CHAT_SOURCE_URL: sluice_parts_write_text(w, SLUICE_MEDIA_URL, m->content, a); break;
    case CHAT_SOURCE_FILE_ID:
        sluice_parts_write_text(w, SLUICE_MEDIA_FILE_ID, m->content, a);
        break;
    case CHAT_SOURCE_BASE64: TRY(write_base64(w, m->content, a)); break;
    case CHAT_SOURCE_BYTES:
    case CHAT_SOURCE_TEXT:
        content = chat_text_read(m->content, a);
        protobuf_write_bytes(w, SLUICE_MEDIA_DATA, content);
        break;
    }
    struct chat_text type = m->type;
    if (m->source == CHAT_SOURCE_TEXT && !chat_text_has(type))
        type = chat_text_plain(STR("text/plain"));
    sluice_parts_write_text(w, SLUICE_MEDIA_TYPE, type, a);
    protobuf_write_close(w, mark);
    return OK;
}

static err write_file(struct protobuf_writer *w, const struct chat_part *p, struct arena *a)
{
    TRY(write_media(w, &p->media, a));
    if (p->kind == CHAT_PART_FILE) sluice_parts_write_text(w, SLUICE_FILE_NAME, p->media.name, a);
    for (uint64_t i = 1; p->kind == CHAT_PART_IMAGE && i < sizeof(details) / sizeof(*details);
         i++) {
        if (chat_text_is(p->media.detail, details[i]))
            protobuf_write_varint(w, SLUICE_FILE_DETAIL, i);
    }
    return OK;
}

static void write_reasoning(struct protobuf_writer *w, const struct chat_part *p, struct arena *a)
{
    sluice_parts_write_text(w, SLUICE_REASONING_TEXT, p->text, a);
    sluice_parts_write_text(w, SLUICE_REASONING_SIGNATURE, p->signature, a);
    sluice_parts_write_text(w, SLUICE_REASONING_REDACTED, p->redacted, a);
}

static err write_part(struct protobuf_writer *w, const struct chat_part *p, struct arena *a)
{
    size_t mark = 0;

    switch (p->kind) {
    case CHAT_PART_TEXT:
        protobuf_write_bytes(w, SLUICE_PART_TEXT, chat_text_read(p->text, a));
        return OK;
    case CHAT_PART_REFUSAL:
        protobuf_write_bytes(w, SLUICE_PART_REFUSAL, chat_text_read(p->text, a));
        return OK;
    case CHAT_PART_IMAGE:
    case CHAT_PART_AUDIO:
    case CHAT_PART_FILE:
        mark = protobuf_write_open(w, p->kind == CHAT_PART_IMAGE   ? SLUICE_PART_IMAGE
                                      : p->kind == CHAT_PART_AUDIO ? SLUICE_PART_AUDIO
                                                                   : SLUICE_PART_FILE);
        TRY(write_file(w, p, a));
        break;
    case CHAT_PART_TOOL_CALL:
        mark = protobuf_write_open(w, SLUICE_PART_TOOL_CALL);
        sluice_parts_write_text(w, SLUICE_CALL_ID, p->id, a);
        sluice_parts_write_text(w, SLUICE_CALL_NAME, p->name, a);
        sluice_parts_write_text(w, SLUICE_CALL_ARGUMENTS, p->arguments, a);
        break;
    case CHAT_PART_TOOL_RESULT:
        mark = protobuf_write_open(w, SLUICE_PART_TOOL_RESULT);
        sluice_parts_write_text(w, SLUICE_RESULT_CALL_ID, p->id, a);
        for (size_t i = 0; i < p->part_count; i++) {
            size_t inner = protobuf_write_open(w, SLUICE_RESULT_PARTS);
            TRY(p->parts[i].kind == CHAT_PART_TOOL_RESULT ? ERR_UNSUPPORTED
                                                          : write_part(w, &p->parts[i], a));
            protobuf_write_close(w, inner);
        }
        if (p->is_error) protobuf_write_varint(w, SLUICE_RESULT_IS_ERROR, 1);
        break;
    case CHAT_PART_REASONING:
        mark = protobuf_write_open(w, SLUICE_PART_REASONING);
        write_reasoning(w, p, a);
        break;
    }
    protobuf_write_close(w, mark);
    return OK;
}

err sluice_parts_write(struct protobuf_writer *w, uint32_t number, const struct chat_part *parts,
                       size_t count, struct arena *a)
{
    for (size_t i = 0; i < count; i++) {
        size_t mark = protobuf_write_open(w, number);
        TRY(write_part(w, &parts[i], a));
        protobuf_write_close(w, mark);
    }
    return OK;
}
