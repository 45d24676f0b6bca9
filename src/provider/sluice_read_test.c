#include "provider/sluice.h"

#include "support/chat_dump.h"
#include "support/test.h"

// A model, and a user who says hi.
#define ASK "\x0a\x01m\x12\x08\x08\x03\x12\x04\x0a\x02hi"

static err read(str body, struct arena *a, struct chat_request *q, struct chat_notes *n)
{
    *n = (struct chat_notes){.dropped_count = 0};
    return sluice_read_request(body, a, q, n);
}

static void check_refused(str body, err want, const char *problem)
{
    struct chat_request q = {.choice_count = 99};
    struct chat_notes n;
    struct arena a;

    arena_init(&a, 4096);
    CHECK_EQ(read(body, &a, &q, &n), want);
    CHECK_SAME(n.problem, str_from_c(problem));
    CHECK_EQ(q.choice_count, 99); // written only on success
    arena_reset(&a);
}

TEST(sluice_read_takes_the_shortest_request)
{
    struct chat_request q;
    struct chat_notes n;
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, 1000);
    CHECK_EQ(read(STR(ASK), &a, &q, &n), OK);
    chat_dump_request(&q, &out);
    CHECK_STR(buf_view(&out), "request model=\"m\"\nuser\n  text text=\"hi\"\nchoose unset\n"
                              "thinking unset\nformat unset\noptions n=1\n");
    buf_done(&out);
    arena_reset(&a);
}

TEST(sluice_read_refuses_what_makes_no_sense)
{
    check_refused(STR(""), ERR_TYPE, "The request has no messages.");
    check_refused(STR("\x0a\x01m\x12\x02\x12\x00"), ERR_TYPE, "A message must have a role.");
    check_refused(STR("\x0a\x09m"), ERR_SYNTAX, "The request is no valid ChatRequest.");
    check_refused(STR("\x0a\x01\xff"), ERR_TYPE,
                  "A text of the request is not valid UTF-8: byte 0 of its 1.");
    // Images: of no source, of an empty one, bytes of no type.
    check_refused(STR("\x12\x08\x08\x03\x12\x04\x12\x02\x0a\x00"), ERR_TYPE,
                  "A picture, recording or file needs a source.");
    check_refused(STR("\x12\x0a\x08\x03\x12\x06\x12\x04\x0a\x02\x0a\x00"), ERR_TYPE,
                  "A picture, recording or file needs a source.");
    check_refused(STR("\x12\x0b\x08\x03\x12\x07\x12\x05\x0a\x03\x12\x01x"), ERR_TYPE,
                  "Bytes need a media_type.");
}

TEST(sluice_read_refuses_numbers_that_json_has_no_words_for)
{
#define INFINITE "\x00\x00\x00\x00\x00\x00\xf0\x7f"
#define NAN_BITS "\x00\x00\x00\x00\x00\x00\xf8\x7f"
    static const char problem[] = "A number of the request is not finite.";

    check_refused(STR(ASK "\x39" INFINITE), ERR_TYPE, problem);
    check_refused(STR(ASK "\x69" NAN_BITS), ERR_TYPE, problem);
    check_refused(STR(ASK "\x7a\x0b\x08\x05\x11" INFINITE), ERR_TYPE, problem);
}

TEST(sluice_read_passes_over_fields_of_another_form_than_their_own)
{
    struct chat_request q;
    struct chat_notes n;
    struct arena a;

    arena_init(&a, 4096);
    // A temperature that is a varint, a count that is fixed, messages that are numbers.
    CHECK_EQ(read(STR(ASK "\x38\x05\x35\x01\x00\x00\x00\x10\x01"), &a, &q, &n), OK);
    CHECK_EQ(q.temperature.len, 0);
    CHECK_EQ(q.max_tokens.len, 0);
    CHECK_EQ(q.message_count, 1);
    arena_reset(&a);
}

// --- Streams ---

struct counter {
    struct chat_sink port;
    size_t count;
    uint32_t choice;
};

static err take(struct chat_sink *port, const struct chat_event *e)
{
    struct counter *c = (struct counter *)(void *)port;

    c->count++;
    c->choice = e->choice;
    return OK;
}

TEST(sluice_read_knows_as_many_choices_as_may_be_asked_for)
{
    const struct chat_reply reply = {.id_seed = STR("x")};
    struct chat_event e = {.kind = CHAT_EVENT_TEXT, .text = chat_text_plain(STR("hi"))};
    struct counter c = {.port.event = take};
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, 1 << 16);
    struct chat_writer *w = sluice_events_writer_new(&a, &reply);
    struct chat_reader *r = sluice_events_reader_new(&a);
    r->scratch = &a;
    for (e.choice = 0; e.choice < CHAT_CHOICES_MAX; e.choice++) {
        buf_clear(&out);
        CHECK_EQ(w->put(w, &e, &out), OK);
        CHECK_EQ(r->take(r, str_sub(buf_view(&out), 5, buf_len(&out)), &c.port), OK);
        CHECK_EQ(c.choice, e.choice);
    }
    CHECK_EQ(c.count, CHAT_CHOICES_MAX);
    // One more is an error, and not left out.
    CHECK_EQ(w->put(w, &e, &out), ERR_LIMIT);
    buf_done(&out);
    arena_reset(&a);
}
