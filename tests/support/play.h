// play: a stage whose upstream answers request by request, as a list says.
//
// Each act is played once, for the first request of its host. Where none is left the upstream stays
// silent, and the test speaks for it. Which host was asked, and when, is noted. A header alone, for
// the tests of the gateway.
#pragma once

#include "support/stage.h"
#include "support/test.h"

#include <stdio.h>

enum { PLAY_ACTS_MAX = 32, PLAY_ASKED_MAX = 64 };

struct act {
    const char *host; // NULL: anybody's request
    const char *text; // the answer; NULL: none yet
    enum fake_upstream_end end;
};

struct play {
    struct stage stage;
    struct act acts[PLAY_ACTS_MAX]; // `text` of those that were played is NULL again
    size_t count;
    char asked[PLAY_ASKED_MAX + 1]; // the first letter of each host, in order
    msec asked_at[PLAY_ASKED_MAX];
    size_t asked_count;
};

static inline bool play_has(str text, str part)
{
    return str_find(text, part) < text.len;
}

static inline void play_on_request(struct fake_upstream *u, struct fake_upstream_conn *c)
{
    struct play *p = container_of(u, struct play, stage.upstream);
    str request = buf_view(&u->request);
    str host = str_sub(request, str_find(request, STR("\r\nhost: ")) + 8, request.len);

    CHECK(p->asked_count < PLAY_ASKED_MAX && host.len > 0);
    host = str_cut(&host, '\r');
    p->asked_at[p->asked_count] = u->loop->now;
    p->asked[p->asked_count++] = host.ptr[0];
    for (size_t i = 0; i < p->count; i++) {
        struct act a = p->acts[i];
        if (!a.text || (a.host && !str_eq(host, str_from_c(a.host)))) continue;
        p->acts[i].text = NULL;
        fake_upstream_say(c, str_from_c(a.text));
        fake_upstream_end(c, a.end);
        return;
    }
}

// The first `count` that have a text are played.
static inline void play_init(struct play *p, str yaml, const struct act *acts, size_t count)
{
    *p = (struct play){.count = count};
    CHECK(count <= PLAY_ACTS_MAX);
    for (size_t i = 0; i < count; i++) {
        p->acts[i] = acts[i];
    }
    stage_init(&p->stage, yaml);
    p->stage.upstream.requested = play_on_request;
}

// One that leaves the connection open.
#define ACT(of, says)                                                                              \
    {                                                                                              \
        .host = (of), .text = (says)                                                               \
    }
#define NO_ACT ACT(NULL, NULL)
#define PLAY(p, yaml, ...)                                                                         \
    play_init(p, yaml, (struct act[]){__VA_ARGS__},                                                \
              sizeof((struct act[]){__VA_ARGS__}) / sizeof(struct act))

static inline void play_done(struct play *p)
{
    stage_done(&p->stage);
}

// A chat request of a client, with further fields, each with its line end.
static inline void play_ask(struct play *p, struct fake_client *c, const char *fields, str body)
{
    char head[512];
    int len = snprintf(head, sizeof(head),
                       "POST /v1/chat/completions HTTP/1.1\r\nhost: gw\r\n%scontent-type: "
                       "application/json\r\ncontent-length: %zu\r\n\r\n",
                       fields, body.len);

    fake_client_say(c, (str){.ptr = head, .len = (size_t)len});
    fake_client_say(c, body);
    stage_settle(&p->stage);
}

// Fails unless a client has seen one whole answer that begins and has a part like that.
static inline void play_check(str seen, const char *begin, const char *part)
{
    if (!str_starts(seen, str_from_c(begin)) || !play_has(seen, str_from_c(part)) ||
        !stage_is_whole(seen))
        test_fail(__FILE__, __LINE__, "not %s ... %s: \"%" STR_FMT "\"", begin, part,
                  STR_ARG(seen));
}
