// What must hold of a peer's bytes as a request, an event, an error or a header field: views lie
// within, and what is spliced together reads back as what it was meant to be.
#include "base/buf.h"
#include "provider/failure.h"
#include "provider/openai_continue.h"
#include "provider/openai_needs.h"
#include "provider/retry_after.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check(bool is_true)
{
    if (!is_true) __builtin_trap();
}

static void check_inside(str whole, str part)
{
    check(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_failure(str text)
{
    static const unsigned statuses[] = {0, 200, 302, 400, 403, 404, 422, 429, 500, 503};

    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        enum failure f = failure_of_answer(statuses[i], text);
        check(f < FAILURES && (f != FAILURE_NONE || statuses[i] < 300));
    }
    check(failure_of_event(text) < FAILURES);
}

// Another content is read where the old one was, and nothing else changes.
static void check_splice(str data, const struct answer_stream *taken, struct buf *out)
{
    struct answer_stream s = {.kind = taken->kind};

    buf_clear(out);
    check(openai_splice_content(out, data, taken->delta.content, STR("\\u0041b")) == OK);
    check(openai_stream_event(&s, buf_view(out)) == OK);
    check(str_eq(s.delta.content, STR("\\u0041b")) && s.has_content);
    check(s.delta.has_reasoning == taken->delta.has_reasoning);
    check(s.delta.is_finish == taken->delta.is_finish);
    check(s.is_finished == taken->is_finished && s.choices_seen == taken->choices_seen);
    buf_clear(out);
    check(openai_splice_content(out, data, taken->delta.content, taken->delta.content) == OK);
    check(str_eq(buf_view(out), data));
}

static void check_event(str data, enum answer_kind kind, struct buf *out)
{
    struct answer_stream s = {.kind = kind};
    const struct answer_delta *d = &s.delta;

    if (openai_stream_event(&s, data)) {
        check(!answer_stream_is_complete(&s) && !s.has_content);
        return;
    }
    check_inside(data, d->content);
    check(d->is_error == s.has_failed);
    check(!d->is_error || (!d->content.ptr && !d->has_other && !d->is_finish && !s.has_content));
    check(!d->is_usage_only || (!d->content.ptr && !d->is_finish));
    check(s.has_content || (!d->content.len && !d->has_reasoning && !d->is_finish));
    if (s.has_failed) check(failure_of_event(data) != FAILURE_NONE);
    if (d->content.ptr) check_splice(data, &s, out);
}

static void check_continued(str body, const struct openai_request *r, struct buf *out)
{
    struct openai_request again;
    struct buf none;
    size_t at = 0;

    buf_init(&none, 0);
    for (int kind = OPENAI_PREFILL_NONE; kind <= OPENAI_PREFILL_VLLM; kind++) {
        buf_clear(out);
        err e = openai_continue_body(out, body, r, STR("a\n\"b\" "), 3, (enum openai_prefill)kind);
        check(e == OK || (e == ERR_UNSUPPORTED && !buf_len(out)));
        if (e) continue;
        check(kind != OPENAI_PREFILL_NONE);
        check(openai_scan_request(buf_view(out), &again, &at) == OK);
        check(again.model_count == r->model_count && again.is_stream == r->is_stream);
        check(str_eq(again.stream_options, r->stream_options));
        // It ends with a prefill now, hence takes no other.
        check(openai_continue_body(&none, buf_view(out), &again, STR("x"), 3,
                                   OPENAI_PREFILL_PLAIN) == ERR_UNSUPPORTED);
    }
    buf_clear(out);
    if (openai_ask_usage(out, body, r)) return;
    check(openai_scan_request(buf_view(out), &again, &at) == OK);
    check(again.stream_options.len > 0 && str_eq(again.messages, r->messages));
}

static void check_request(str body, struct buf *out)
{
    struct openai_request r;
    size_t at = 0;

    if (openai_scan_request(body, &r, &at)) {
        check(at <= body.len);
        return;
    }
    for (size_t i = 0; i < r.model_count; i++) {
        check_inside(body, r.models[i]);
    }
    check_inside(body, r.messages);
    check_inside(body, r.max_tokens);
    check_inside(body, r.max_completion_tokens);
    check_inside(body, r.stream_options);
    check(openai_needs_of(body, &r).has_tools == r.has_tools);
    check_continued(body, &r, out);
}

static void check_wait(str value)
{
    struct h1_field fields[] = {{STR("retry-after-ms"), value},
                                {STR("retry-after"), value},
                                {STR("x-ratelimit-remaining-tokens"), STR("0")},
                                {STR("x-ratelimit-reset-tokens"), value}};

    for (size_t i = 0; i < 4; i++) {
        const struct h1_head head = {.fields = fields + i, .field_count = 4 - i};
        for (usec now = 0; now < INT64_C(1) << 52; now = now * 5 + 784'111'740'250'000) {
            msec wait = -1;
            err e = retry_after_read(&head, now, &wait);
            check(e == OK ? wait >= 0 && wait <= RETRY_AFTER_MAX_MS
                          : e == ERR_ABSENT && wait == -1);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {.ptr = (const char *)bytes, .len = len};
    struct buf out;

    if (len == 0) text = STR("");
    buf_init(&out, 2 * len + 1000);
    check_failure(text);
    check_event(text, ANSWER_OPENAI_CHAT, &out);
    check_event(text, ANSWER_OPENAI_RESPONSES, &out);
    check_request(text, &out);
    check_wait(text);
    buf_done(&out);
    return 0;
}
