#include "codec/h1.h"

#include "base/number.h"
#include "codec/octet.h"
#include "codec/uri.h"

#include <string.h>

// Design. h1_find_head() looks at many bytes at a time for control bytes, of which a head holds
// only CRLFs and tabs, so it finds the end and the worst of the garbage in one pass. Parsing walks
// the bytes once more: names by table, values eight bytes at a time. The head is known to end with
// a line feed, which belongs to no class of bytes, so the loops need no other bound.

// What the fields say about framing, before it is judged.
struct h1_claims {
    size_t hosts;
    str host;
    size_t lengths;
    str length;
    size_t codings; // fields named Transfer-Encoding
    size_t chunked; // codings named in them
    size_t unknown;
    bool closes;
    bool keeps_alive;
};

// Skips blocks of sixteen bytes that are plain: text and CRLFs that end lines which aren't empty.
// The two bytes before `at` are there, and plain as well. Vectors of the compiler serve any CPU;
// comparing with the bytes one and two before each saves keeping state between blocks.
static const char *skip_plain_blocks(const char *at, const char *end)
{
    typedef uint8_t block [[gnu::vector_size(16)]];

    for (; end - at >= (long)sizeof(block); at += sizeof(block)) {
        block x;
        block before;
        block before_that;
        uint64_t odd[2];
        memcpy(&x, at, sizeof(x));
        memcpy(&before, at - 1, sizeof(x));
        memcpy(&before_that, at - 2, sizeof(x));
        block is_bad = (block)((x < 0x20) & (x != '\t') & (x != '\r') & (x != '\n'));
        block is_unpaired = (block)((x == '\n') ^ (before == '\r'));
        block is_end = (block)((x == '\r') & (before_that == '\r'));
        block is_odd = is_bad | is_unpaired | is_end | (block)(x == 0x7f);
        memcpy(odd, &is_odd, sizeof(odd));
        if (odd[0] | odd[1]) break;
    }
    return at[-1] == '\r' ? at - 1 : at;
}

err h1_find_head(str bytes, size_t max, size_t *scanned, size_t *len)
{
    const char *at = bytes.ptr;
    const char *end = bytes.ptr;

    if (bytes.len == 0) return ERR_AGAIN;
    at += *scanned;
    end += bytes.len < max ? bytes.len : max;
    for (;;) {
        at = octet_skip_text(at, end);
        if (end - at < 2) break; // all was text, or the LF of this CR is to come
        if (at[0] != '\r' || at[1] != '\n') return ERR_SYNTAX;
        if (at - bytes.ptr >= 2 && at[-1] == '\n') {
            // One empty line may precede a request (RFC 9112 section 2.2), a second may not.
            if (at - bytes.ptr == 2) return ERR_SYNTAX;
            *len = (size_t)(at + 2 - bytes.ptr);
            return OK;
        }
        at = skip_plain_blocks(at + 2, end);
    }
    if (at < end && *at != '\r') return ERR_SYNTAX;
    *scanned = (size_t)(at - bytes.ptr);
    return bytes.len >= max ? ERR_LIMIT : ERR_AGAIN;
}

static str view(const char *from, const char *to)
{
    return (str){.ptr = from, .len = (size_t)(to - from)};
}

// Whether the head ends with a blank line: every walk below counts on its last line feed.
static bool is_whole(str head)
{
    return str_ends(head, STR("\r\n\r\n"));
}

static err skip_line_end(const char **at)
{
    if ((*at)[0] != '\r' || (*at)[1] != '\n') return ERR_SYNTAX;
    *at += 2;
    return OK;
}

static err skip_space(const char **at)
{
    if (**at != ' ') return ERR_SYNTAX;
    *at += 1;
    return OK;
}

// A run of bytes of one class, not empty.
static err parse_run(const char **at, unsigned classes, str *out)
{
    const char *from = *at;

    while (octet_is(**at, classes)) {
        ++*at;
    }
    *out = view(from, *at);
    return out->len ? OK : ERR_SYNTAX;
}

static err parse_version(const char **at, const char *end, uint8_t *minor)
{
    const char *v = *at;
    str mark = STR("HTTP/1.");

    if ((size_t)(end - v) <= mark.len || memcmp(v, mark.ptr, 5) != 0) return ERR_SYNTAX;
    if (!octet_is_digit(v[5]) || v[6] != '.' || !octet_is_digit(v[7])) return ERR_SYNTAX;
    if (v[5] != '1' || v[7] > '1') return ERR_UNSUPPORTED;
    *minor = (uint8_t)(v[7] - '0');
    *at += mark.len + 1;
    return OK;
}

static err parse_request_line(const char **at, const char *end, struct h1_head *h)
{
    TRY(parse_run(at, OCTET_TOKEN, &h->method));
    TRY(skip_space(at));
    TRY(parse_run(at, OCTET_TARGET, &h->target));
    TRY(skip_space(at));
    TRY(parse_version(at, end, &h->minor));
    return skip_line_end(at);
}

// The reason phrase is dropped. The space before it is required of senders but missed out by some;
// no two readers disagree about what follows.
static err parse_status_line(const char **at, const char *end, struct h1_head *h)
{
    TRY(parse_version(at, end, &h->minor));
    TRY(skip_space(at));
    const char *digits = *at;
    for (int i = 0; i < 3; i++) {
        if (!octet_is_digit(digits[i])) return ERR_SYNTAX;
        h->status = (uint16_t)(h->status * 10 + (digits[i] - '0'));
    }
    *at += 3;
    if (h->status < 100 || (**at != ' ' && **at != '\r')) return ERR_SYNTAX;
    *at = octet_skip_text(*at, end);
    return skip_line_end(at);
}

// The first element of a comma-separated list, which is cut off it.
static str next_element(str *list)
{
    return str_trim(str_cut(list, ','));
}

static void note_connection(str value, struct h1_head *h, struct h1_claims *claims)
{
    while (value.len) {
        str option = next_element(&value);
        if (str_eq_nocase(option, STR("close")))
            claims->closes = true;
        else if (str_eq_nocase(option, STR("keep-alive")))
            claims->keeps_alive = true;
        else if (option.len)
            h->connection_lists_fields = true;
    }
}

static err note_coding(str value, struct h1_claims *claims)
{
    claims->codings++;
    do {
        str coding = next_element(&value);
        if (!h1_is_token(coding)) return ERR_SYNTAX;
        if (str_eq_nocase(coding, STR("chunked")))
            claims->chunked++;
        else
            claims->unknown++;
    } while (value.len);
    return OK;
}

// Few names matter here; their lengths tell nearly all others apart at once.
static err note_field(const struct h1_field *f, struct h1_head *h, struct h1_claims *claims)
{
    switch (f->name.len) {
    case sizeof("Host") - 1:
        if (!str_eq_nocase(f->name, STR("Host"))) break;
        claims->hosts++;
        claims->host = f->value;
        break;
    case sizeof("Expect") - 1:
        if ((f->name.ptr[0] | 0x20) != 'e' || !str_eq_nocase(f->name, STR("Expect"))) break;
        if (h1_value_has_token(f->value, STR("100-continue"))) h->expects_continue = h->minor > 0;
        break;
    case sizeof("Connection") - 1:
        if (str_eq_nocase(f->name, STR("Connection"))) note_connection(f->value, h, claims);
        break;
    case sizeof("Content-Length") - 1:
        if (!str_eq_nocase(f->name, STR("Content-Length"))) break;
        claims->lengths++;
        claims->length = f->value;
        break;
    case sizeof("Transfer-Encoding") - 1:
        if (str_eq_nocase(f->name, STR("Transfer-Encoding"))) return note_coding(f->value, claims);
        break;
    }
    return OK;
}

static err parse_field(const char **at, const char *end, struct h1_field *f)
{
    const char *name = *at;
    const char *value = name;
    while (octet_is(*value, OCTET_TOKEN)) {
        value++;
    }
    f->name = view(name, value);
    if (value == name || *value != ':') return ERR_SYNTAX;
    do {
        value++;
    } while (octet_is_blank(*value));
    *at = octet_skip_text(value, end);
    const char *value_end = *at;
    while (value_end > value && octet_is_blank(value_end[-1])) {
        value_end--;
    }
    f->value = view(value, value_end);
    return skip_line_end(at);
}

// Up to and with the blank line, which must be the last.
static err parse_fields(const char *at, const char *end, size_t fields_max, struct h1_head *h,
                        struct h1_claims *claims)
{
    while (*at != '\r') {
        if (h->field_count == fields_max) return ERR_LIMIT;
        struct h1_field *f = &h->fields[h->field_count];
        TRY(parse_field(&at, end, f));
        TRY(note_field(f, h, claims));
        h->field_count++;
    }
    TRY(skip_line_end(&at));
    return at == end ? OK : ERR_SYNTAX;
}

// RFC 9112 section 6.3: how long the body is, as far as the fields tell. Whoever sends two answers
// to that question is refused, even where they agree.
static err settle_framing(const struct h1_claims *claims, struct h1_head *h)
{
    if (claims->codings) {
        if (claims->lengths || h->minor == 0) return ERR_SYNTAX;
        if (claims->unknown) return ERR_UNSUPPORTED;
        if (claims->chunked != 1) return ERR_SYNTAX;
        h->framing = H1_CHUNKED;
    } else if (claims->lengths) {
        if (claims->lengths > 1) return ERR_SYNTAX;
        if (!str_to_u64(claims->length, INT64_MAX, &h->content_length)) return ERR_SYNTAX;
        h->framing = H1_LENGTH;
    }
    // RFC 9112 section 9.3.
    h->is_persistent = !claims->closes && (h->minor > 0 || claims->keeps_alive);
    return OK;
}

// RFC 9112 section 3.2: an absolute-form target overrules the Host field, which must still be one
// and well formed.
static err settle_host(const struct h1_claims *claims, struct h1_head *h)
{
    struct uri u;

    if (claims->hosts > 1 || (claims->hosts == 0 && h->minor > 0)) return ERR_SYNTAX;
    if (claims->hosts && !uri_is_authority(claims->host)) return ERR_SYNTAX;
    h->host = claims->host;
    if (str_eq(h->method, STR("CONNECT"))) return ERR_UNSUPPORTED;
    if (h->target.ptr[0] == '/') return OK;
    if (str_eq(h->target, STR("*"))) return str_eq(h->method, STR("OPTIONS")) ? OK : ERR_SYNTAX;
    TRY(uri_parse(h->target, &u));
    h->host = u.authority;
    return OK;
}

err h1_parse_request(str head, struct h1_field *fields, size_t fields_max, struct h1_head *out)
{
    struct h1_head h = {.fields = fields};
    struct h1_claims claims = {0};
    const char *at = head.ptr;
    const char *end = NULL;

    if (!is_whole(head)) return ERR_SYNTAX;
    end = head.ptr + head.len;
    if (at[0] == '\r' && at[1] == '\n') at += 2;
    TRY(parse_request_line(&at, end, &h));
    TRY(parse_fields(at, end, fields_max, &h, &claims));
    TRY(settle_host(&claims, &h));
    TRY(settle_framing(&claims, &h));
    *out = h;
    return OK;
}

// The end of the connection ends what has no other end. A peer that announces a body where none
// can be is not trusted with another response.
static void settle_response(bool is_head_request, struct h1_head *h)
{
    bool has_none = h->status < 200 || h->status == 204;

    if (h->framing == H1_NO_BODY)
        h->framing = H1_UNTIL_CLOSE;
    else if (has_none && (h->framing == H1_CHUNKED || h->content_length))
        h->is_persistent = false;
    if (is_head_request || has_none || h->status == 304) h->framing = H1_NO_BODY;
    if (h->framing == H1_UNTIL_CLOSE) h->is_persistent = false;
}

err h1_parse_response(str head, bool is_head_request, struct h1_field *fields, size_t fields_max,
                      struct h1_head *out)
{
    struct h1_head h = {.fields = fields};
    struct h1_claims claims = {0};
    const char *at = head.ptr;
    const char *end = NULL;

    if (!is_whole(head)) return ERR_SYNTAX;
    end = head.ptr + head.len;
    TRY(parse_status_line(&at, end, &h));
    TRY(parse_fields(at, end, fields_max, &h, &claims));
    TRY(settle_framing(&claims, &h));
    settle_response(is_head_request, &h);
    *out = h;
    return OK;
}

const struct h1_field *h1_field_find(const struct h1_head *head, str name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        if (str_eq_nocase(head->fields[i].name, name)) return &head->fields[i];
    }
    return NULL;
}

bool h1_value_has_token(str value, str token)
{
    while (value.len) {
        if (str_eq_nocase(next_element(&value), token)) return true;
    }
    return false;
}

static bool is_listed_in_connection(const struct h1_head *head, str name)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct h1_field *f = &head->fields[i];
        if (str_eq_nocase(f->name, STR("Connection")) && h1_value_has_token(f->value, name))
            return true;
    }
    return false;
}

bool h1_connection_lists(const struct h1_head *head, str name)
{
    return head->connection_lists_fields && is_listed_in_connection(head, name);
}

size_t h1_chunk_prefix(char *out, size_t len)
{
    size_t digits = number_to_hex(out, len);

    out[digits] = '\r';
    out[digits + 1] = '\n';
    return digits + 2;
}

bool h1_is_field_value(str s)
{
    return s.len == 0 || octet_skip_text(s.ptr, s.ptr + s.len) == s.ptr + s.len;
}

bool h1_is_token(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!octet_is(s.ptr[i], OCTET_TOKEN)) return false;
    }
    return s.len > 0;
}
