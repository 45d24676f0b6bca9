// heard: what a client makes of the stream of a play: its text, and how it ended. A header alone.
#pragma once

#include "codec/h1.h"
#include "codec/json.h"
#include "codec/sse.h"
#include "provider/openai.h"

#include "support/play.h"

enum { HEARD_MAX = 4 << 20 };

// What a client makes of its stream.
struct heard {
    struct buf body;
    struct buf text;
    int finishes;
    int dones;
    int errors; // the last thing that it hears, if any
    int comments;
    int usages;
};

// Joins the chunks of an answer; whether it has ended.
static inline bool heard_join(str seen, struct buf *out)
{
    struct h1_body decoder;
    struct buf copy;
    size_t at = str_find(seen, STR("\r\n\r\n")) + 4;
    size_t used = 0;
    str body = STR("");
    bool has_length = play_has(str_sub(seen, 0, at), STR("\r\ncontent-length: "));

    CHECK(str_starts(seen, STR("HTTP/1.1 200 OK\r\n")) && at <= seen.len);
    h1_body_init(&decoder, has_length ? H1_LENGTH : H1_CHUNKED, seen.len - at);
    buf_init(&copy, HEARD_MAX);
    CHECK_EQ(buf_append(&copy, str_sub(seen, at, seen.len)), OK);
    str rest = buf_view(&copy);
    while (rest.len && !decoder.is_done) {
        CHECK_EQ(h1_body_decode(&decoder, (char *)(uintptr_t)rest.ptr, rest.len, &body, &used), OK);
        CHECK_EQ(buf_append(out, body), OK);
        rest = str_sub(rest, used, rest.len);
    }
    buf_done(&copy);
    return decoder.is_done;
}

static inline void heard_event(struct heard *h, str bytes)
{
    struct answer_stream stream = {.kind = ANSWER_OPENAI_CHAT};
    struct sse_event event;
    struct arena arena;
    struct buf several;

    buf_init(&several, 0); // one data line each
    CHECK_EQ(sse_parse_event(bytes, &several, &event), OK);
    h->comments += !event.has_data;
    if (!event.has_data) return;
    CHECK_EQ(h->errors, 0); // nothing follows one
    CHECK_EQ(h->dones, 0);
    CHECK_EQ(openai_stream_event(&stream, event.data), OK);
    arena_init(&arena, 256);
    CHECK_EQ(buf_append(&h->text, json_decode(stream.delta.content, &arena)), OK);
    arena_reset(&arena);
    h->dones += stream.is_done;
    h->finishes += stream.delta.is_finish;
    h->errors += stream.delta.is_error;
    h->usages += stream.usage.is_known;
}

// Reads all that the client has; whether the answer has ended.
static inline bool heard_read(const struct play *p, struct heard *h)
{
    size_t scanned = 0;
    size_t len = 0;

    *h = (struct heard){.finishes = 0};
    buf_init(&h->body, HEARD_MAX);
    buf_init(&h->text, HEARD_MAX);
    bool is_ended = heard_join(buf_view(&p->stage.client.seen), &h->body);
    str rest = buf_view(&h->body);
    while (rest.len && !str_eq(rest, STR("\n"))) { // a line end more is no event
        if (sse_find_event(rest, &scanned, &len))
            test_fail(__FILE__, __LINE__, "a part of an event: \"%" STR_FMT "\"",
                      STR_ARG(buf_view(&h->body)));
        heard_event(h, str_sub(rest, 0, len));
        rest = str_sub(rest, len, rest.len);
        scanned = 0;
    }
    return is_ended;
}

static inline void heard_done(struct heard *h)
{
    buf_done(&h->body);
    buf_done(&h->text);
}

// The client has the whole answer, once.
static inline void heard_check_whole(const struct play *p, const char *asked, str text)
{
    struct heard h;

    CHECK_SAME(str_from_c(p->asked), str_from_c(asked));
    CHECK(heard_read(p, &h));
    CHECK_SAME(buf_view(&h.text), text);
    CHECK_EQ(h.finishes, 1);
    CHECK_EQ(h.dones, 1);
    CHECK_EQ(h.errors, 0);
    CHECK_EQ(atomic_load(&p->stage.gateway.metrics.streams_cut), 0);
    heard_done(&h);
}

// The client has so much of it, and an error.
static inline void heard_check_broken(const struct play *p, const char *asked, str text)
{
    struct heard h;

    CHECK_SAME(str_from_c(p->asked), str_from_c(asked));
    CHECK(heard_read(p, &h));
    CHECK_SAME(buf_view(&h.text), text);
    CHECK_EQ(h.finishes, 0);
    CHECK_EQ(h.dones, 0);
    CHECK_EQ(h.errors, 1);
    CHECK_EQ(atomic_load(&p->stage.gateway.metrics.streams_cut), 1);
    heard_done(&h);
}
