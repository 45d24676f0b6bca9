// Crosses threads: the service is one of its own.
#include "gateway/embed_upstream.h"

#include "support/test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// A service on loopback that answers each request with the next of its answers.
struct service {
    int fd;
    const char *const *answers; // NULL ends them; an empty one is never given
    char seen[4096];            // the newest request
    char url[64];
    pthread_t thread;
};

static void serve_one(struct service *s, int conn, const char *answer)
{
    size_t len = 0;
    ssize_t got = 0;

    do {
        got = read(conn, s->seen + len, sizeof(s->seen) - 1 - len);
        if (got > 0) len += (size_t)got;
        s->seen[len] = '\0';
    } while (got > 0 && !strstr(s->seen, "]}"));
    while (!*answer && read(conn, s->seen, 1) > 0)
        continue; // until the caller has had enough
    (void)!write(conn, answer, strlen(answer));
}

static void *serve(void *arg)
{
    struct service *s = arg;

    for (const char *const *answer = s->answers; *answer; answer++) {
        int conn = accept(s->fd, NULL, NULL);
        serve_one(s, conn, *answer);
        close(conn);
    }
    return NULL;
}

static void service_start(struct service *s, const char *const *answers)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    s->answers = answers;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQ(bind(s->fd, (struct sockaddr *)&address, len), 0);
    CHECK_EQ(listen(s->fd, 8), 0);
    CHECK_EQ(getsockname(s->fd, (struct sockaddr *)&address, &len), 0);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/v1", ntohs(address.sin_port));
    CHECK_EQ(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void service_end(struct service *s)
{
    pthread_join(s->thread, NULL);
    close(s->fd);
}

#define ANSWER(status, body)                                                                       \
    "HTTP/1.1 " status " X\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n" body

#define VECTOR(index, values)                                                                      \
    "{\"object\":\"embedding\",\"index\":" index ",\"embedding\":" values "}"
#define VECTORS(list) ANSWER("200", "{\"object\":\"list\",\"model\":\"m\",\"data\":[" list "]}")

static err open_on(struct service *s, struct offload *offload, msec call_ms,
                   struct embed_upstream **out)
{
    const struct embed_upstream_options options = {.url = str_from_c(s->url),
                                                   .model = STR("m"),
                                                   .api_key = STR("secret"),
                                                   .call_ms = call_ms,
                                                   .offload = offload};

    return embed_upstream_open(&options, out);
}

// Opens on a service and embeds two texts; what that came to.
static err embed_two(const char *second_answer, float *out, char *seen)
{
    const char *const answers[] = {VECTORS(VECTOR("0", "[1,2]")), second_answer, NULL};
    const struct embed_limits limits = {.deadline = TIME_NEVER};
    const str texts[] = {STR("one"), STR("two \"quoted\"")};
    struct embed_upstream *u = NULL;
    struct service s;
    struct offload offload;

    CHECK_EQ(offload_open(&offload, 1, 8), OK);
    service_start(&s, answers);
    CHECK_EQ(open_on(&s, &offload, 300, &u), OK);
    CHECK_EQ(embed_upstream_embedder(u)->dim, 2);
    err e = embed(embed_upstream_embedder(u), texts, 2, out, &limits);
    embed_upstream_close(u);
    service_end(&s);
    offload_close(&offload);
    if (seen) memcpy(seen, s.seen, sizeof(s.seen));
    return e;
}

TEST(embed_upstream_puts_vectors_where_their_texts_are)
{
    float out[4] = {0};
    char seen[4096];

    CHECK_EQ(embed_two(VECTORS(VECTOR("1", "[7,8]") "," VECTOR("0", "[5,6]")), out, seen), OK);
    CHECK(out[0] == 5 && out[1] == 6 && out[2] == 7 && out[3] == 8);
    CHECK(strstr(seen, "POST /v1/embeddings HTTP/1.1\r\n") != NULL);
    CHECK(strstr(seen, "authorization: Bearer secret\r\n") != NULL);
    CHECK(strstr(seen, "\"input\":[\"one\",\"two \\\"quoted\\\"\"]") != NULL);
}

TEST(embed_upstream_tells_refusals_of_texts_from_those_that_pass)
{
    float out[4];

    CHECK_EQ(embed_two(ANSWER("429", "{}"), out, NULL), ERR_AGAIN);
    CHECK_EQ(embed_two(ANSWER("503", "{}"), out, NULL), ERR_AGAIN);
    CHECK_EQ(embed_two(ANSWER("400", "{}"), out, NULL), ERR_SYNTAX);
    CHECK_EQ(embed_two(ANSWER("401", "{}"), out, NULL), ERR_DENIED);
}

TEST(embed_upstream_refuses_answers_that_are_not_those_of_its_texts)
{
    float out[4];

    CHECK_EQ(embed_two(VECTORS(VECTOR("0", "[5,6]")), out, NULL), ERR_TYPE);
    CHECK_EQ(embed_two(VECTORS(VECTOR("0", "[5,6]") "," VECTOR("0", "[7,8]")), out, NULL),
             ERR_TYPE);
    CHECK_EQ(embed_two(VECTORS(VECTOR("0", "[5,6]") "," VECTOR("9", "[7,8]")), out, NULL),
             ERR_TYPE);
    CHECK_EQ(embed_two(VECTORS(VECTOR("0", "[5,6]") "," VECTOR("1", "[7]")), out, NULL), ERR_TYPE);
    CHECK_EQ(embed_two(ANSWER("200", "no"), out, NULL), ERR_TYPE);
}

TEST(embed_upstream_gives_up_at_its_deadline)
{
    float out[4];

    CHECK_EQ(embed_two("", out, NULL), ERR_TIMEOUT);
}

TEST(embed_upstream_refuses_what_is_no_url)
{
    const struct embed_upstream_options options = {.url = STR("ftp://x"), .call_ms = 100};
    struct embed_upstream *u = NULL;

    CHECK_EQ(embed_upstream_open(&options, &u), ERR_SYNTAX);
}
