#include "grpc/status.h"

#include "codec/base64.h"
#include "codec/octet.h"
#include "codec/protobuf_write.h"
#include "codec/utf8.h"

#include <assert.h>

// Field numbers of google.rpc.Status.
enum { CODE = 1, MESSAGE = 2, DETAILS = 3 };

struct row {
    str name;
    unsigned http;
};

static const struct row rows[STATUS_CODES] = {
    [STATUS_OK] = {STR_INIT("OK"), 200},
    [STATUS_CANCELLED] = {STR_INIT("CANCELLED"), 499},
    [STATUS_UNKNOWN] = {STR_INIT("UNKNOWN"), 500},
    [STATUS_INVALID_ARGUMENT] = {STR_INIT("INVALID_ARGUMENT"), 400},
    [STATUS_DEADLINE_EXCEEDED] = {STR_INIT("DEADLINE_EXCEEDED"), 504},
    [STATUS_NOT_FOUND] = {STR_INIT("NOT_FOUND"), 404},
    [STATUS_ALREADY_EXISTS] = {STR_INIT("ALREADY_EXISTS"), 409},
    [STATUS_PERMISSION_DENIED] = {STR_INIT("PERMISSION_DENIED"), 403},
    [STATUS_RESOURCE_EXHAUSTED] = {STR_INIT("RESOURCE_EXHAUSTED"), 429},
    [STATUS_FAILED_PRECONDITION] = {STR_INIT("FAILED_PRECONDITION"), 400},
    [STATUS_ABORTED] = {STR_INIT("ABORTED"), 409},
    [STATUS_OUT_OF_RANGE] = {STR_INIT("OUT_OF_RANGE"), 400},
    [STATUS_UNIMPLEMENTED] = {STR_INIT("UNIMPLEMENTED"), 501},
    [STATUS_INTERNAL] = {STR_INIT("INTERNAL"), 500},
    [STATUS_UNAVAILABLE] = {STR_INIT("UNAVAILABLE"), 503},
    [STATUS_DATA_LOSS] = {STR_INIT("DATA_LOSS"), 500},
    [STATUS_UNAUTHENTICATED] = {STR_INIT("UNAUTHENTICATED"), 401},
};

str status_name(enum status_code code)
{
    assert(code < STATUS_CODES);
    return rows[code].name;
}

enum status_code status_from_http(unsigned http)
{
    switch (http) {
    case 400: return STATUS_INTERNAL;
    case 401: return STATUS_UNAUTHENTICATED;
    case 403: return STATUS_PERMISSION_DENIED;
    case 404: return STATUS_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return STATUS_UNAVAILABLE;
    default: return STATUS_UNKNOWN;
    }
}

enum status_code status_of_error(unsigned http)
{
    switch (http) {
    case 400:
    case 422: return STATUS_INVALID_ARGUMENT;
    case 401: return STATUS_UNAUTHENTICATED;
    case 402:
    case 413:
    case 429: return STATUS_RESOURCE_EXHAUSTED;
    case 403: return STATUS_PERMISSION_DENIED;
    case 404: return STATUS_NOT_FOUND;
    case 409: return STATUS_ABORTED;
    case 408:
    case 504: return STATUS_DEADLINE_EXCEEDED;
    case 501: return STATUS_UNIMPLEMENTED;
    case 502:
    case 503:
    case 529: return STATUS_UNAVAILABLE;
    default: return http < 500 ? STATUS_INVALID_ARGUMENT : STATUS_INTERNAL;
    }
}

unsigned status_to_http(enum status_code code)
{
    assert(code < STATUS_CODES);
    return rows[code].http;
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~' && c != '%';
}

err status_encode_message(str text, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len;) {
        size_t plain = i;
        while (plain < text.len && is_plain(text.ptr[plain])) {
            plain++;
        }
        TRY(buf_append(out, str_sub(text, i, plain - i)));
        i = plain;
        if (i == text.len) break;
        unsigned char c = (unsigned char)text.ptr[i++];
        char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
        TRY(buf_append(out, (str){.ptr = escape, .len = sizeof(escape)}));
    }
    return OK;
}

str status_decode_message(str text, struct arena *arena)
{
    char *bytes = NULL;
    size_t len = 0;

    if (str_find_char(text, '%') == text.len) return text;
    bytes = arena_alloc_raw(arena, text.len);
    for (size_t i = 0; i < text.len; i++) {
        bool may_escape = text.ptr[i] == '%' && text.len - i > 2;
        int high = may_escape ? octet_hex_value(text.ptr[i + 1]) : -1;
        int low = may_escape ? octet_hex_value(text.ptr[i + 2]) : -1;
        bool is_escape = high >= 0 && low >= 0;
        bytes[len++] = is_escape ? (char)(high * 16 + low) : text.ptr[i];
        if (is_escape) i += 2;
    }
    return (str){.ptr = bytes, .len = len};
}

err status_write(const struct status *s, struct buf *out)
{
    struct protobuf_writer w;

    protobuf_write_init(&w, out);
    if (s->code) protobuf_write_varint(&w, CODE, s->code);
    if (s->message.len) protobuf_write_bytes(&w, MESSAGE, s->message);
    protobuf_write_raw(&w, s->details);
    return w.error;
}

static enum status_code code_of(uint64_t number)
{
    return number < STATUS_CODES ? (enum status_code)number : STATUS_UNKNOWN;
}

// The details met so far. In a row they stay a view; with something between them they are gathered,
// in room for as much as there can be.
struct details {
    str all;
    char *room;
    size_t room_bytes;
};

static void add_detail(struct details *d, str detail, struct arena *arena)
{
    if (!d->all.len) {
        d->all = detail;
        return;
    }
    bool is_next = d->all.ptr + d->all.len == detail.ptr;
    if (!is_next && !d->room) {
        d->room = arena_alloc_raw(arena, d->room_bytes);
        memcpy(d->room, d->all.ptr, d->all.len);
        d->all.ptr = d->room;
    }
    if (d->room) memcpy(d->room + d->all.len, detail.ptr, detail.len);
    d->all.len += detail.len;
}

err status_read(str bytes, struct arena *arena, struct status *out)
{
    struct status s = {.code = STATUS_OK};
    struct details details = {.room_bytes = bytes.len};
    struct protobuf_reader r;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&r, bytes);
    while (!(e = protobuf_next(&r, &f))) {
        enum protobuf_wire want = f.number == CODE ? PROTOBUF_VARINT : PROTOBUF_BYTES;
        if (f.number > DETAILS) continue;
        if (f.wire != want) return ERR_TYPE;
        if (f.number == CODE) s.code = code_of(f.value);
        if (f.number == MESSAGE) s.message = f.bytes;
        if (f.number == DETAILS) add_detail(&details, f.whole, arena);
    }
    if (e != ERR_EOF) return e;
    s.details = details.all;
    *out = s;
    return OK;
}

// At most STATUS_MESSAGE_MAX bytes, and no half of a character.
static str clip(str message)
{
    size_t len = STATUS_MESSAGE_MAX;

    if (message.len <= len) return message;
    while (len > STATUS_MESSAGE_MAX - UTF8_SEQUENCE_MAX &&
           ((unsigned char)message.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return str_sub(message, 0, len);
}

// Without padding, as the specification would have it.
static err write_details(const struct status *s, struct buf *out)
{
    struct buf bytes;
    struct buf letters;

    buf_init(&bytes, STATUS_DETAILS_MAX);
    buf_init(&letters, base64_encoded_len(STATUS_DETAILS_MAX));
    err e = OK;
    if (status_write(s, &bytes) == OK) {
        e = base64_encode(&letters, buf_view(&bytes));
        str text = buf_view(&letters);
        while (str_ends(text, STR("="))) {
            text = str_sub(text, 0, text.len - 1);
        }
        if (!e) e = buf_append(out, STR("grpc-status-details-bin: "));
        if (!e) e = buf_append(out, text);
        if (!e) e = buf_append(out, STR("\r\n"));
    }
    buf_done(&letters);
    buf_done(&bytes);
    return e;
}

err status_write_fields(const struct status *s, struct buf *out)
{
    TRY(buf_append(out, STR("grpc-status: ")));
    TRY(buf_append_u64(out, s->code));
    TRY(buf_append(out, STR("\r\n")));
    if (s->message.len) {
        TRY(buf_append(out, STR("grpc-message: ")));
        TRY(status_encode_message(clip(s->message), out));
        TRY(buf_append(out, STR("\r\n")));
    }
    return s->details.len ? write_details(s, out) : OK;
}

// The details of a google.rpc.Status in base64; empty where it can't be read.
static str read_details(str text, struct arena *arena)
{
    struct status s = {.code = STATUS_OK};
    char *bytes = arena_alloc_raw(arena, base64_decoded_max(text.len));
    size_t len = 0;

    if (base64_decode(text, BASE64_LENIENT, bytes, &len)) return STR("");
    return status_read((str){.ptr = bytes, .len = len}, arena, &s) ? STR("") : s.details;
}

err status_read_fields(const struct h1_field *fields, size_t count, struct arena *arena,
                       struct status *out)
{
    struct status s = {.code = STATUS_UNKNOWN};
    bool has_code = false;

    for (size_t i = 0; i < count; i++) {
        uint64_t number = 0;
        str value = fields[i].value;
        if (str_eq_nocase(fields[i].name, STR("grpc-status"))) {
            has_code = true;
            if (str_to_u64(value, UINT32_MAX, &number)) s.code = code_of(number);
        } else if (str_eq_nocase(fields[i].name, STR("grpc-message"))) {
            s.message = status_decode_message(value, arena);
        } else if (str_eq_nocase(fields[i].name, STR("grpc-status-details-bin"))) {
            s.details = read_details(value, arena);
        }
    }
    if (!has_code) return ERR_ABSENT;
    *out = s;
    return OK;
}
