#include "sim/tale.h"

#include "codec/json_write.h"

#include "support/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_MAX = 4096 };

// A telling under way.
struct telling {
    const struct tale *tale;
    struct random *random;
    struct buf *out;
    int events;
};

static void put(struct buf *b, str s)
{
    CHECK_EQ(buf_append(b, s), OK);
}

// --- Framing ---

static void put_framed(struct telling *t, str event)
{
    struct buf lines;

    buf_init(&lines, 2 * EVENT_MAX);
    for (size_t i = 0; i < event.len; i++) {
        if (event.ptr[i] == '\n' && t->tale->has_crlf) put(&lines, STR("\r"));
        put(&lines, str_sub(event, i, 1));
    }
    if (t->tale->is_chunked) CHECK_EQ(buf_append_format(t->out, "%zx\r\n", buf_len(&lines)), OK);
    put(t->out, buf_view(&lines));
    if (t->tale->is_chunked) put(t->out, STR("\r\n"));
    buf_done(&lines);
}

static const char *damage_of(const struct tale *t)
{
    static const char *const damages[2][2][2] = {
        {{"data: {\"choices\":[{\"index\":0,\"del\n\n", "data: [1]\n\n"},
         {"data: {\"choices\":[{\"index\":-1,\"delta\":{\"content\":\"x\"}}]}\n\n",
          "data: {\"choices\":[{\"index\":999,\"delta\":{\"content\":\"x\"}}]}\n\n"}},
        {{"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"ind\n\n",
          "event: ping\ndata: []\n\n"},
         {"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":-1,"
          "\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
          "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":9,"
          "\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"x\"}}\n\n"}},
    };
    static const char *const errors[2] = {
        "data: {\"error\":{\"message\":\"of the upstream itself\",\"type\":\"server_error\","
        "\"code\":null}}\n\n",
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
        "\"message\":\"of the upstream itself\"}}\n\n"};

    return t->is_error ? errors[t->is_anthropic]
                       : damages[t->is_anthropic][t->is_readable][t->damage % 2];
}

static void put_event(struct telling *t, str event)
{
    if (t->events++ == t->tale->damaged_at) {
        put_framed(t, str_from_c(damage_of(t->tale)));
        return;
    }
    put_framed(t, event);
}

[[gnu::format(printf, 2, 3)]] static void put_format(struct telling *t, const char *format, ...)
{
    char text[EVENT_MAX];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CHECK(len > 0 && (size_t)len < sizeof(text));
    put_event(t, (str){.ptr = text, .len = (size_t)len});
}

// --- Pieces ---

// The next piece of a text, at least a byte, never cut within a character; as JSON without quotes.
static str cut_piece(struct telling *t, str *rest, struct buf *quoted)
{
    size_t len = 1 + (size_t)random_below(t->random, rest->len < 12 ? rest->len : 12);

    while (len < rest->len && ((unsigned char)rest->ptr[len] & 0xc0) == 0x80) {
        len++;
    }
    buf_clear(quoted);
    CHECK_EQ(json_write_quoted(quoted, str_sub(*rest, 0, len)), OK);
    *rest = str_sub(*rest, len, rest->len);
    return str_sub(buf_view(quoted), 1, buf_len(quoted) - 2);
}

static str text_of(const struct tale *t)
{
    str all = t->is_other ? STR(TALE_OTHER) : STR(TALE_FULL);

    return str_sub(all, t->said, all.len);
}

typedef void piece_fn(struct telling *t, str piece);

static void put_pieces(struct telling *t, str text, piece_fn *piece)
{
    struct buf quoted;

    buf_init(&quoted, EVENT_MAX);
    while (text.len) {
        piece(t, cut_piece(t, &text, &quoted));
    }
    buf_done(&quoted);
}

// --- OpenAI ---

static void put_chunk(struct telling *t, const char *delta, str piece, const char *end)
{
    put_format(t,
               "data: {\"id\":\"chatcmpl-up\",\"object\":\"chat.completion.chunk\",\"created\":1,"
               "\"model\":\"up\",\"choices\":[{\"index\":0,\"delta\":{%s%" STR_FMT "%s}]}\n\n",
               delta, STR_ARG(piece), end);
}

#define GOES_ON "\"},\"finish_reason\":null"

static void openai_says(struct telling *t, str piece)
{
    put_chunk(t, "\"content\":\"", piece, GOES_ON);
}

static void openai_thinks(struct telling *t, str piece)
{
    put_chunk(t, "\"reasoning_content\":\"", piece, GOES_ON);
}

static void openai_argues(struct telling *t, str piece)
{
    put_chunk(t, "\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"", piece,
              "\"}}]},\"finish_reason\":null");
}

static void put_openai(struct telling *t)
{
    const struct tale *tale = t->tale;
    bool calls = tale->kind == TALE_CALL;

    put_chunk(t, "\"role\":\"assistant\",\"content\":\"", STR(""), GOES_ON);
    if (tale->kind == TALE_THOUGHTS) put_pieces(t, STR("let me think"), openai_thinks);
    if (random_below(t->random, 4) == 0) put_framed(t, STR(": a comment\n\n"));
    put_pieces(t, text_of(tale), openai_says);
    if (calls) {
        put_chunk(t,
                  "\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"type\":\"function\","
                  "\"function\":{\"name\":\"f\",\"arguments\":\"",
                  STR(""), "\"}}]},\"finish_reason\":null");
        put_pieces(t, STR(TALE_ARGUMENTS), openai_argues);
    }
    put_chunk(t, "", STR(""),
              calls ? "},\"finish_reason\":\"tool_calls\"" : "},\"finish_reason\":\"stop\"");
    put_format(t,
               "data: {\"id\":\"chatcmpl-up\",\"object\":\"chat.completion.chunk\",\"created\":1,"
               "\"model\":\"up\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
               "\"completion_tokens\":9,\"total_tokens\":16}}\n\n");
    if (!tale->lacks_mark) put_event(t, STR("data: [DONE]\n\n"));
}

// --- Anthropic ---

static void put_named(struct telling *t, const char *type, const char *front, str piece,
                      const char *end)
{
    put_format(t, "event: %s\ndata: {\"type\":\"%s\"%s%" STR_FMT "%s}\n\n", type, type, front,
               STR_ARG(piece), end);
}

static void put_block(struct telling *t, unsigned index, const char *block)
{
    char front[200];

    (void)snprintf(front, sizeof(front), ",\"index\":%u,\"content_block\":{\"type\":%s}", index,
                   block);
    put_named(t, "content_block_start", front, STR(""), "");
}

static void put_delta(struct telling *t, unsigned index, const char *delta, str piece)
{
    char front[200];

    (void)snprintf(front, sizeof(front), ",\"index\":%u,\"delta\":{\"type\":%s:\"", index, delta);
    put_named(t, "content_block_delta", front, piece, "\"}");
}

static void put_stop(struct telling *t, unsigned index)
{
    char front[40];

    (void)snprintf(front, sizeof(front), ",\"index\":%u", index);
    put_named(t, "content_block_stop", front, STR(""), "");
}

static unsigned text_index(const struct telling *t)
{
    return t->tale->kind == TALE_THOUGHTS;
}

static void anthropic_says(struct telling *t, str piece)
{
    put_delta(t, text_index(t), "\"text_delta\",\"text\"", piece);
}

static void anthropic_thinks(struct telling *t, str piece)
{
    put_delta(t, 0, "\"thinking_delta\",\"thinking\"", piece);
}

static void anthropic_argues(struct telling *t, str piece)
{
    put_delta(t, 1, "\"input_json_delta\",\"partial_json\"", piece);
}

static void put_anthropic(struct telling *t)
{
    const struct tale *tale = t->tale;
    bool calls = tale->kind == TALE_CALL;

    put_named(t, "message_start",
              ",\"message\":{\"id\":\"msg_up\",\"type\":\"message\",\"role\":\"assistant\","
              "\"model\":\"up\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
              "\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}",
              STR(""), "");
    if (tale->kind == TALE_THOUGHTS) {
        put_block(t, 0, "\"thinking\",\"thinking\":\"\",\"signature\":\"\"");
        put_pieces(t, STR("let me think"), anthropic_thinks);
        put_delta(t, 0, "\"signature_delta\",\"signature\"", STR("c2ln"));
        put_stop(t, 0);
    }
    if (random_below(t->random, 4) == 0) put_named(t, "ping", "", STR(""), "");
    put_block(t, text_index(t), "\"text\",\"text\":\"\"");
    put_pieces(t, text_of(tale), anthropic_says);
    put_stop(t, text_index(t));
    if (calls) {
        put_block(t, 1, "\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{}");
        put_pieces(t, STR(TALE_ARGUMENTS), anthropic_argues);
        put_stop(t, 1);
    }
    put_named(t, "message_delta",
              calls ? ",\"delta\":{\"stop_reason\":\"tool_use\",\"stop_sequence\":null}"
                    : ",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}",
              STR(""), ",\"usage\":{\"output_tokens\":9}");
    if (!tale->lacks_mark) put_named(t, "message_stop", "", STR(""), "");
}

void tale_put_stream(const struct tale *t, struct random *random, struct buf *out)
{
    struct telling telling = {.tale = t, .random = random, .out = out};

    put(out, STR("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"));
    put(out, t->is_chunked ? STR("transfer-encoding: chunked\r\n\r\n")
                           : STR("connection: close\r\n\r\n"));
    if (t->is_anthropic) {
        put_anthropic(&telling);
    } else {
        put_openai(&telling);
    }
    if (t->is_chunked) put(out, STR("0\r\n\r\n"));
}

// --- What comes at once ---

static void put_json(const struct tale *t, unsigned status, const char *body, struct buf *out)
{
    CHECK_EQ(buf_append_format(out, "HTTP/1.1 %u X\r\ncontent-type: application/json\r\n", status),
             OK);
    if (t->is_chunked) {
        CHECK_EQ(buf_append_format(out, "content-length: %zu\r\n\r\n%s", strlen(body), body), OK);
    } else {
        CHECK_EQ(buf_append_format(out, "connection: close\r\n\r\n%s", body), OK);
    }
}

#define OPENAI_CALL                                                                                \
    ",\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",\"function\":{\"name\":\"f\","      \
    "\"arguments\":\"{\\\"city\\\": \\\"Rome\\\", \\\"days\\\": [1, 2]}\"}}]"
#define ANTHROPIC_CALL                                                                             \
    ",{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":" TALE_ARGUMENTS "}"

void tale_put_whole(const struct tale *t, struct buf *out)
{
    char body[EVENT_MAX];
    str text = text_of(t);
    bool calls = t->kind == TALE_CALL;

    if (t->is_anthropic) {
        (void)snprintf(body, sizeof(body),
                       "{\"id\":\"msg_up\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                       "\"up\",\"content\":[{\"type\":\"text\",\"text\":\"%" STR_FMT "\"}%s],"
                       "\"stop_reason\":\"%s\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":7"
                       ",\"output_tokens\":9}}",
                       STR_ARG(text), calls ? ANTHROPIC_CALL : "", calls ? "tool_use" : "end_turn");
    } else {
        (void)snprintf(body, sizeof(body),
                       "{\"id\":\"chatcmpl-up\",\"object\":\"chat.completion\",\"created\":1,"
                       "\"model\":\"up\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
                       "\"assistant\",\"content\":\"%" STR_FMT "\"%s},\"finish_reason\":\"%s\"}],"
                       "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9,\"total_tokens\":16}"
                       "}",
                       STR_ARG(text), calls ? OPENAI_CALL : "", calls ? "tool_calls" : "stop");
    }
    put_json(t, 200, body, out);
}

void tale_put_error(const struct tale *t, unsigned status, struct buf *out)
{
    if (t->damage % 3 == 0) {
        CHECK_EQ(buf_append_format(out,
                                   "HTTP/1.1 %u X\r\ncontent-type: text/html\r\n"
                                   "content-length: 3\r\n\r\n<p>",
                                   status),
                 OK);
    } else if (t->is_anthropic) {
        put_json(t, status,
                 "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":"
                 "\"of the upstream itself\"}}",
                 out);
    } else {
        put_json(t, status,
                 "{\"error\":{\"message\":\"of the upstream itself\",\"type\":"
                 "\"server_error\",\"param\":null,\"code\":null}}",
                 out);
    }
}
