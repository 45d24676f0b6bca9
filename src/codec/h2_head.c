#include "codec/h2_head.h"

#include "codec/octet.h"
#include "codec/uri.h"

#include <string.h>

// Design. Names are told apart by their lengths first, as in h1.c. Fields grow in the arena by
// doubling, which leaves behind at most as much as they take. A Host field is made of :authority
// as soon as that comes, so that one that follows can be compared with it.

enum { ENTRY_OVERHEAD = 32, FIELDS_ROOM = 16 };

enum {
    PSEUDO_METHOD = 1,
    PSEUDO_SCHEME = 2,
    PSEUDO_PATH = 4,
    PSEUDO_AUTHORITY = 8,
    PSEUDO_STATUS = 16,
};

void h2_head_init(struct h2_head *h, enum h2_head_kind kind, struct arena *arena,
                  const struct h2_head_limits *limits)
{
    *h = (struct h2_head){.arena = arena, .kind = kind, .left = *limits};
    h->head.minor = 1;
    h->head.is_persistent = true;
}

static struct h1_field *add_field(struct h2_head *h, str name, str value)
{
    struct h1_head *head = &h->head;

    if (head->field_count == h->field_room) {
        size_t room = h->field_room ? 2 * h->field_room : FIELDS_ROOM;
        struct h1_field *fields = arena_alloc_raw(h->arena, room * sizeof(*fields));
        if (head->field_count) memcpy(fields, head->fields, head->field_count * sizeof(*fields));
        head->fields = fields;
        h->field_room = room;
    }
    struct h1_field *f = &head->fields[head->field_count++];
    *f = (struct h1_field){.name = name, .value = value};
    return f;
}

static bool is_target(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!octet_is(s.ptr[i], OCTET_TARGET)) return false;
    }
    return s.len > 0;
}

// Three digits (RFC 9113 section 8.3.2). There is no 101 in HTTP/2 (section 8.6).
static err note_status(struct h2_head *h, str value)
{
    uint64_t status = 0;

    if (value.len != 3 || !str_to_u64(value, 999, &status)) return ERR_SYNTAX;
    if (status < 100 || status == 101) return ERR_SYNTAX;
    h->head.status = (uint16_t)status;
    return OK;
}

static err note_authority(struct h2_head *h, str value)
{
    if (!uri_is_authority(value)) return ERR_SYNTAX;
    h->head.host = value;
    (void)add_field(h, STR("host"), value);
    return OK;
}

static unsigned pseudo_of(enum h2_head_kind kind, str name)
{
    if (kind == H2_HEAD_RESPONSE) return str_eq(name, STR(":status")) ? PSEUDO_STATUS : 0;
    if (kind == H2_HEAD_TRAILERS) return 0;
    if (str_eq(name, STR(":method"))) return PSEUDO_METHOD;
    if (str_eq(name, STR(":path"))) return PSEUDO_PATH;
    if (str_eq(name, STR(":scheme"))) return PSEUDO_SCHEME;
    return str_eq(name, STR(":authority")) ? PSEUDO_AUTHORITY : 0;
}

// RFC 9113 section 8.3: each once, those of this kind only, before all other fields.
static err add_pseudo(struct h2_head *h, str name, str value)
{
    unsigned pseudo = pseudo_of(h->kind, name);
    size_t own = h->pseudo & PSEUDO_AUTHORITY ? 1 : 0; // the Host field made here

    if (!pseudo || h->pseudo & pseudo || h->head.field_count > own) return ERR_SYNTAX;
    h->pseudo |= pseudo;
    value = arena_str(h->arena, value);
    switch (pseudo) {
    case PSEUDO_METHOD: h->head.method = value; return h1_is_token(value) ? OK : ERR_SYNTAX;
    case PSEUDO_PATH: h->head.target = value; return is_target(value) ? OK : ERR_SYNTAX;
    case PSEUDO_SCHEME: h->scheme = value; return OK;
    case PSEUDO_AUTHORITY: return note_authority(h, value);
    default: return note_status(h, value);
    }
}

// RFC 9113 section 8.2.1; a token has no upper-case letters here.
static bool is_name(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!octet_is(s.ptr[i], OCTET_TOKEN) || (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z')) return false;
    }
    return s.len > 0;
}

static bool is_value(str s)
{
    if (s.len && (octet_is_blank(s.ptr[0]) || octet_is_blank(s.ptr[s.len - 1]))) return false;
    return h1_is_field_value(s);
}

// RFC 9113 section 8.2.2, in any case; TE is another matter.
static bool concerns_connection(str name)
{
    switch (name.len) {
    case sizeof("upgrade") - 1: return str_eq_nocase(name, STR("upgrade"));
    case sizeof("connection") - 1:
        return str_eq_nocase(name, STR("connection")) || str_eq_nocase(name, STR("keep-alive"));
    case sizeof("proxy-connection") - 1: return str_eq_nocase(name, STR("proxy-connection"));
    case sizeof("transfer-encoding") - 1: return str_eq_nocase(name, STR("transfer-encoding"));
    default: return false;
    }
}

static err note_length(struct h2_head *h, str value)
{
    if (h->kind == H2_HEAD_TRAILERS) return ERR_SYNTAX;
    if (h->has_length || !str_to_u64(value, INT64_MAX, &h->head.content_length)) return ERR_SYNTAX;
    h->has_length = true;
    return OK;
}

// The same as :authority where both are there (RFC 9113 section 8.3.1), and kept once.
static err note_host(struct h2_head *h, str value, bool *is_known)
{
    bool is_second = h->head.host.len > 0;

    if (h->kind != H2_HEAD_REQUEST) return OK;
    if (!is_second && !uri_is_authority(value)) return ERR_SYNTAX;
    if (is_second && !(h->pseudo & PSEUDO_AUTHORITY)) return ERR_SYNTAX;
    if (is_second && !str_eq_nocase(h->head.host, value)) return ERR_SYNTAX;
    *is_known = is_second;
    return OK;
}

// What matters here of a field; most names end at the switch.
static err note_field(struct h2_head *h, str name, str value, bool *is_known)
{
    switch (name.len) {
    case sizeof("te") - 1:
        if (!str_eq(name, STR("te"))) break;
        return str_eq_nocase(value, STR("trailers")) ? OK : ERR_SYNTAX;
    case sizeof("host") - 1:
        if (str_eq(name, STR("host"))) return note_host(h, value, is_known);
        break;
    case sizeof("cookie") - 1:
        if (str_eq(name, STR("cookie")))
            h->has_crumbs = h->has_crumbs || h1_field_find(&h->head, name);
        else if (str_eq(name, STR("expect")) && h->kind == H2_HEAD_REQUEST)
            h->head.expects_continue |= h1_value_has_token(value, STR("100-continue"));
        break;
    case sizeof("content-length") - 1:
        if (str_eq(name, STR("content-length"))) return note_length(h, value);
        break;
    }
    return OK;
}

static err add(struct h2_head *h, str name, str value)
{
    size_t bytes = name.len + value.len + ENTRY_OVERHEAD;
    bool is_known = false;

    if (bytes > h->left.bytes_max || h->left.fields_max == 0) return ERR_LIMIT;
    h->left.bytes_max -= bytes;
    if (!is_value(value)) return ERR_SYNTAX;
    if (str_starts(name, STR(":"))) return add_pseudo(h, name, value);
    h->left.fields_max--;
    if (!is_name(name) || concerns_connection(name)) return ERR_SYNTAX;
    TRY(note_field(h, name, value, &is_known));
    if (is_known) return OK;
    struct h1_field *f = add_field(h, arena_str(h->arena, name), arena_str(h->arena, value));
    if (!h->head.host.len && str_eq(name, STR("host"))) h->head.host = f->value;
    return OK;
}

err h2_head_add(struct h2_head *h, str name, str value)
{
    if (!h->failure) h->failure = add(h, name, value);
    return h->failure;
}

static bool is_cookie(const struct h1_field *f)
{
    return str_eq(f->name, STR("cookie"));
}

// The crumbs become the first of them (RFC 9113 section 8.2.3).
static void join_crumbs(struct h2_head *h)
{
    struct h1_head *head = &h->head;
    struct h1_field *first = NULL;
    size_t kept = 0;
    size_t len = 0;

    for (size_t i = 0; i < head->field_count; i++) {
        if (is_cookie(&head->fields[i])) len += head->fields[i].value.len + 2;
    }
    char *joined = arena_alloc_raw(h->arena, len);
    len = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        struct h1_field *f = &head->fields[i];
        if (is_cookie(f)) {
            if (first) memcpy(joined + len, "; ", 2);
            if (first) len += 2;
            if (f->value.len) memcpy(joined + len, f->value.ptr, f->value.len);
            len += f->value.len;
        }
        if (is_cookie(f) && first) continue;
        head->fields[kept] = *f;
        if (is_cookie(f)) first = &head->fields[kept];
        kept++;
    }
    head->field_count = kept;
    if (first) first->value = (str){.ptr = joined, .len = len};
}

static err settle_request(struct h2_head *h)
{
    const unsigned needed = PSEUDO_METHOD | PSEUDO_SCHEME | PSEUDO_PATH;
    str target = h->head.target;

    if (h->pseudo & PSEUDO_METHOD && str_eq(h->head.method, STR("CONNECT"))) return ERR_UNSUPPORTED;
    if ((h->pseudo & needed) != needed || !h->head.host.len) return ERR_SYNTAX;
    if (!str_eq_nocase(h->scheme, STR("http")) && !str_eq_nocase(h->scheme, STR("https")))
        return ERR_UNSUPPORTED;
    if (target.ptr[0] == '/') return OK;
    return str_eq(target, STR("*")) && str_eq(h->head.method, STR("OPTIONS")) ? OK : ERR_SYNTAX;
}

static err settle(struct h2_head *h, bool ends_stream)
{
    if (h->kind == H2_HEAD_REQUEST) TRY(settle_request(h));
    if (h->kind == H2_HEAD_RESPONSE && !h->head.status) return ERR_SYNTAX;
    if (h->kind == H2_HEAD_TRAILERS && !ends_stream) return ERR_SYNTAX;
    if (h->has_crumbs) join_crumbs(h);
    h->head.framing = ends_stream ? H1_NO_BODY : h->has_length ? H1_LENGTH : H1_CHUNKED;
    // An answer to HEAD, and 304, announce a body that others would get.
    bool is_short = ends_stream && h->head.content_length && h->kind == H2_HEAD_REQUEST;
    return is_short ? ERR_SYNTAX : OK;
}

err h2_head_end(struct h2_head *h, bool ends_stream)
{
    if (!h->failure) h->failure = settle(h, ends_stream);
    return h->failure;
}

nghttp2_nv h2_head_nv(str name, str value)
{
    // nghttp2's type can't say that they are only read.
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.ptr,
                        .value = (uint8_t *)(uintptr_t)value.ptr,
                        .namelen = name.len,
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

// The first line of `*rest`, without its CRLF, which is cut off.
static err next_line(str *rest, str *line)
{
    size_t len = str_find(*rest, STR("\r\n"));

    if (len == rest->len) return ERR_SYNTAX;
    *line = str_sub(*rest, 0, len);
    *rest = str_sub(*rest, len + 2, rest->len);
    return OK;
}

static err split_line(str line, str *name, str *value)
{
    size_t colon = str_find_char(line, ':');

    *name = str_sub(line, 0, colon);
    if (colon == line.len || !h1_is_token(*name)) return ERR_SYNTAX;
    *value = str_trim(str_sub(line, colon + 1, line.len));
    return OK;
}

static bool is_left_out(str name, str value)
{
    if (str_eq_nocase(name, STR("te"))) return !str_eq_nocase(value, STR("trailers"));
    return concerns_connection(name);
}

static err put(nghttp2_nv *nv, size_t max, size_t *count, nghttp2_nv entry)
{
    if (*count == max) return ERR_LIMIT;
    nv[(*count)++] = entry;
    return OK;
}

err h2_head_fields(str fields, nghttp2_nv *nv, size_t max, size_t *count)
{
    str line;
    str name;
    str value;

    while (fields.len) {
        TRY(next_line(&fields, &line));
        TRY(split_line(line, &name, &value));
        if (!is_left_out(name, value)) TRY(put(nv, max, count, h2_head_nv(name, value)));
    }
    return OK;
}

static err put_request_line(str line, nghttp2_nv *nv, size_t max, size_t *count)
{
    str method = str_cut(&line, ' ');
    str target = str_cut(&line, ' ');

    if (!method.len || !target.len) return ERR_SYNTAX;
    TRY(put(nv, max, count, h2_head_nv(STR(":method"), method)));
    return put(nv, max, count, h2_head_nv(STR(":path"), target));
}

err h2_head_request(str head, str scheme, nghttp2_nv *nv, size_t max, size_t *count)
{
    size_t host = SIZE_MAX;
    size_t first = 0;
    str line;

    TRY(next_line(&head, &line));
    TRY(put_request_line(line, nv, max, count));
    TRY(put(nv, max, count, h2_head_nv(STR(":scheme"), scheme)));
    TRY(put(nv, max, count, h2_head_nv(STR(":authority"), STR(""))));
    first = *count;
    if (!str_ends(head, STR("\r\n"))) return ERR_SYNTAX;
    TRY(h2_head_fields(str_sub(head, 0, head.len - 2), nv, max, count));
    for (size_t i = first; i < *count && host == SIZE_MAX; i++) {
        str name = {.ptr = (const char *)nv[i].name, .len = nv[i].namelen};
        if (str_eq_nocase(name, STR("host"))) host = i;
    }
    if (host == SIZE_MAX) return ERR_SYNTAX;
    nv[first - 1].value = nv[host].value;
    nv[first - 1].valuelen = nv[host].valuelen;
    memmove(nv + host, nv + host + 1, (*count - host - 1) * sizeof(*nv));
    --*count;
    return OK;
}

err h2_head_failure(uint32_t code)
{
    switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_SETTINGS_TIMEOUT:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR: return ERR_SYNTAX;
    case NGHTTP2_REFUSED_STREAM: return ERR_REFUSED;
    case NGHTTP2_ENHANCE_YOUR_CALM: return ERR_LIMIT;
    case NGHTTP2_INADEQUATE_SECURITY:
    case NGHTTP2_HTTP_1_1_REQUIRED: return ERR_UNSUPPORTED;
    default: return ERR_CLOSED;
    }
}

uint32_t h2_head_code(err e)
{
    switch (e) {
    case OK: return NGHTTP2_NO_ERROR;
    case ERR_CANCELED:
    case ERR_TIMEOUT:
    case ERR_CLOSED: return NGHTTP2_CANCEL;
    case ERR_SYNTAX: return NGHTTP2_PROTOCOL_ERROR;
    case ERR_LIMIT: return NGHTTP2_ENHANCE_YOUR_CALM;
    case ERR_REFUSED: return NGHTTP2_REFUSED_STREAM;
    default: return NGHTTP2_INTERNAL_ERROR;
    }
}
