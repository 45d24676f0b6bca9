#include "answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_begin(struct answer *a, uint32_t events_wanted)
{
    a->events_wanted = events_wanted;
    a->events = 0;
    a->is_done = false;
    a->has_body = false;
    a->step = ANSWER_HEAD;
    a->left = 0;
    a->digits = 0;
    a->line_len = 0;
    a->last_byte = 0;
    a->head_len = 0;
    a->problem = NULL;
}

static enum answer_verdict wrong(struct answer *a, const char *problem)
{
    a->problem = problem;
    return ANSWER_WRONG;
}

static enum answer_verdict complete(struct answer *a)
{
    if (!a->events_wanted) {
        return a->last_byte == '}' ? ANSWER_COMPLETE : wrong(a, "an answer is no JSON object");
    }
    if (!a->is_done) return wrong(a, "a stream ended without [DONE]");
    if (a->events < a->events_wanted) return wrong(a, "a stream had too few events");
    return a->events == a->events_wanted ? ANSWER_COMPLETE
                                         : wrong(a, "a stream had too many events");
}

static enum answer_verdict take_fields(struct answer *a)
{
    const char *length = strcasestr(a->head, "\r\ncontent-length:");

    if (strncmp(a->head, "HTTP/1.1 200 ", strlen("HTTP/1.1 200 ")) != 0) {
        snprintf(a->status, sizeof a->status, "got %.*s", (int)strcspn(a->head, "\r\n\"\\"),
                 a->head);
        return wrong(a, a->status);
    }
    if (strcasestr(a->head, "\r\nconnection: close")) return wrong(a, "got connection: close");
    if (strcasestr(a->head, "\r\ntransfer-encoding: chunked")) {
        a->step = ANSWER_CHUNK_SIZE;
        return ANSWER_NEEDS_MORE;
    }
    if (!length) return wrong(a, "an answer had neither a length nor chunks");
    a->step = ANSWER_SIZED_BODY;
    a->left = strtoull(length + strlen("\r\ncontent-length:"), NULL, 10);
    return a->left ? ANSWER_NEEDS_MORE : wrong(a, "an answer had no body");
}

static enum answer_verdict take_head(struct answer *a, const char **at, const char *end)
{
    size_t old = a->head_len, room = ANSWER_HEAD_MAX - old, len = (size_t)(end - *at);
    const char *blank;

    if (len > room) len = room;
    memcpy(a->head + old, *at, len);
    a->head[old + len] = 0;
    blank = strstr(a->head + (old > 3 ? old - 3 : 0), "\r\n\r\n");
    if (!blank && len == room) return wrong(a, "an answer's head was too long");
    a->head_len = blank ? (size_t)(blank - a->head) + 4 : old + len;
    *at += a->head_len - old;
    if (!blank) return ANSWER_NEEDS_MORE;
    a->head[a->head_len] = 0;
    return take_fields(a);
}

static void take_line_end(struct answer *a)
{
    if (a->line_len >= 12 && memcmp(a->line, "data: [DONE]", 12) == 0) {
        a->is_done = true;
    } else if (a->line_len > 6 && memcmp(a->line, "data: ", 6) == 0) {
        // One event behind [DONE] is already too many.
        a->events += a->is_done ? a->events_wanted + 1 : 1;
    }
    a->line_len = 0;
}

static void take_lines(struct answer *a, const char *at, const char *end)
{
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((line_end ? line_end : end) - at);
        size_t room = sizeof a->line - a->line_len;
        size_t kept = len < room ? len : room;

        memcpy(a->line + a->line_len, at, kept);
        a->line_len += (uint32_t)kept;
        if (line_end) take_line_end(a);
        at += len + (line_end ? 1 : 0);
    }
}

static void take_body(struct answer *a, const char **at, const char *end)
{
    uint64_t len = (uint64_t)(end - *at);

    if (len > a->left) len = a->left;
    if (a->events_wanted) take_lines(a, *at, *at + len);
    a->has_body = true;
    a->last_byte = (*at)[len - 1];
    a->left -= len;
    *at += len;
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

// The line that says how long a chunk is. Extensions are wrong: nobody sends any here.
static enum answer_verdict take_chunk_size(struct answer *a, char byte)
{
    int digit = hex_digit(byte);

    if (digit >= 0 && a->digits < 16) {
        a->left = a->left * 16 + (uint64_t)digit;
        a->digits++;
        return ANSWER_NEEDS_MORE;
    }
    if (byte == '\r' && a->digits) return ANSWER_NEEDS_MORE;
    if (byte != '\n' || !a->digits) return wrong(a, "a chunk's size was malformed");
    a->step = a->left ? ANSWER_CHUNK_BODY : ANSWER_LAST_CHUNK_END;
    a->digits = 0;
    return ANSWER_NEEDS_MORE;
}

// The CRLF behind a chunk.
static enum answer_verdict take_chunk_end(struct answer *a, char byte)
{
    if (byte != "\r\n"[a->digits]) return wrong(a, "a chunk's end was malformed");
    if (a->digits++ == 0) return ANSWER_NEEDS_MORE;
    a->digits = 0;
    if (a->step == ANSWER_LAST_CHUNK_END) return complete(a);
    a->step = ANSWER_CHUNK_SIZE;
    return ANSWER_NEEDS_MORE;
}

enum answer_verdict answer_take(struct answer *a, const char **at, const char *end)
{
    switch (a->step) {
    case ANSWER_HEAD: return take_head(a, at, end);
    case ANSWER_SIZED_BODY: take_body(a, at, end); return a->left ? ANSWER_NEEDS_MORE : complete(a);
    case ANSWER_CHUNK_SIZE: return take_chunk_size(a, *(*at)++);
    case ANSWER_CHUNK_BODY:
        take_body(a, at, end);
        if (!a->left) a->step = ANSWER_CHUNK_END;
        return ANSWER_NEEDS_MORE;
    case ANSWER_CHUNK_END:
    case ANSWER_LAST_CHUNK_END: break;
    }
    return take_chunk_end(a, *(*at)++);
}
