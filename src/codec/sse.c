#include "codec/sse.h"

#include <string.h>

enum { WINDOW = 512 };

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

// The first CR or LF from `at` on; `end` if there is none. Two memchr() beat any loop over bytes;
// the window bounds what the first of them wastes where all lines end with CR.
static const char *find_line_end(const char *at, const char *end)
{
    while (at < end) {
        size_t len = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
        const char *lf = memchr(at, '\n', len);
        if (lf) len = (size_t)(lf - at);
        const char *cr = memchr(at, '\r', len);
        if (cr) return cr;
        if (lf) return lf;
        at += len;
    }
    return end;
}

// Past the line ending at `at`, which is CR, LF, or CRLF as far as it is there.
static const char *skip_line_end(const char *at, const char *end)
{
    bool is_pair = *at == '\r' && at + 1 < end && at[1] == '\n';

    return at + (is_pair ? 2 : 1);
}

err sse_find_event(str bytes, size_t *scanned, size_t *len)
{
    const char *at = bytes.ptr;
    const char *end = bytes.ptr;

    if (bytes.len == 0) return ERR_AGAIN;
    at += *scanned;
    end += bytes.len;
    // An LF here is the rest of a CRLF: of the line before, or of the event before.
    if (at < end && *at == '\n' && (at == bytes.ptr || at[-1] == '\r')) at++;
    while (at < end) {
        if (is_line_end(*at) && (at == bytes.ptr || is_line_end(at[-1]))) {
            *len = (size_t)(skip_line_end(at, end) - bytes.ptr);
            return OK;
        }
        at = find_line_end(at, end);
        if (at < end) at = skip_line_end(at, end);
    }
    *scanned = bytes.len;
    return ERR_AGAIN;
}

// The first line stays a view; with a second one all move to `join`, which from then on holds at
// least the LF between them.
static err add_data(struct sse_event *e, str value, struct buf *join)
{
    if (!e->has_data) {
        e->has_data = true;
        e->data = value;
        return OK;
    }
    if (buf_len(join) == 0) TRY(buf_append(join, e->data));
    TRY(buf_append_char(join, '\n'));
    TRY(buf_append(join, value));
    e->data = buf_view(join);
    return OK;
}

// One line without its end. Comments and unknown fields are ignored, as are an id with a NUL and a
// retry that is no number.
static err read_line(struct sse_event *e, str line, struct buf *join)
{
    str value = line;
    str name = str_cut(&value, ':');

    if (value.len && value.ptr[0] == ' ') value = str_sub(value, 1, value.len);
    if (str_eq(name, STR("data"))) return add_data(e, value, join);
    if (str_eq(name, STR("event"))) e->type = value;
    if (str_eq(name, STR("id")) && str_find_char(value, '\0') == value.len) e->id = value;
    if (str_eq(name, STR("retry")) && str_to_u64(value, UINT64_MAX, &e->retry_ms))
        e->has_retry = true;
    return OK;
}

// An LF in front is the rest of a CRLF that was split between two events.
err sse_parse_event(str event, struct buf *join, struct sse_event *out)
{
    struct sse_event e = {0};
    str mark = STR("\xEF\xBB\xBF");
    const char *at = NULL;
    const char *end = NULL;

    buf_clear(join);
    if (str_starts(event, STR("\n"))) event = str_sub(event, 1, event.len);
    if (str_starts(event, mark)) event = str_sub(event, mark.len, event.len);
    at = event.ptr;
    end = event.len ? at + event.len : at;
    while (at < end) {
        const char *line_end = find_line_end(at, end);
        TRY(read_line(&e, (str){.ptr = at, .len = (size_t)(line_end - at)}, join));
        at = line_end < end ? skip_line_end(line_end, end) : end;
    }
    *out = e;
    return OK;
}
