#include "gateway/transcript.h"

#include "support/test.h"

struct bench {
    struct transcript t;
    struct arena arena;
};

static void bench_init(struct bench *b, size_t text_bytes_max)
{
    transcript_init(&b->t, text_bytes_max);
    arena_init(&b->arena, 256);
    b->t.is_kept = true;
}

static void bench_done(struct bench *b)
{
    transcript_done(&b->t);
    arena_reset(&b->arena);
}

static void note(struct bench *b, struct answer_delta d)
{
    transcript_note(&b->t, &d, false, &b->arena);
}

TEST(transcript_keeps_the_decoded_text_of_events)
{
    struct bench b;

    bench_init(&b, 100);
    CHECK(!transcript_can_stand(&b.t)); // nothing was delivered yet
    note(&b, (struct answer_delta){.content = STR("a\\n")});
    note(&b, (struct answer_delta){.content = STR("")}); // an empty one is no token
    note(&b, (struct answer_delta){.has_reasoning = true});
    note(&b, (struct answer_delta){.content = STR("\\u00e4\\\"\\ud83d\\ude00")});
    CHECK_STR(buf_view(&b.t.text), "a\n\xc3\xa4\"\xf0\x9f\x98\x80");
    CHECK_EQ(b.t.tokens, 2);
    CHECK(transcript_can_stand(&b.t));
    CHECK(!b.t.has_finish);
    note(&b, (struct answer_delta){.is_finish = true});
    CHECK(b.t.has_finish);
    CHECK(!transcript_can_stand(&b.t)); // there is nothing to finish
    bench_done(&b);
}

TEST(transcript_keeps_nothing_unless_it_is_told_to)
{
    struct bench b;

    bench_init(&b, 100);
    b.t.is_kept = false;
    note(&b, (struct answer_delta){.content = STR("a"), .is_finish = true});
    CHECK_EQ(buf_len(&b.t.text), 0);
    CHECK_EQ(b.t.tokens, 0);
    CHECK(!b.t.has_finish);
    CHECK(!transcript_can_stand(&b.t));
    bench_done(&b);
}

TEST(transcript_can_not_stand_for_what_is_no_text)
{
    struct bench b;

    bench_init(&b, 100);
    note(&b, (struct answer_delta){.content = STR("a")});
    note(&b, (struct answer_delta){.has_other = true});
    CHECK(!transcript_can_stand(&b.t));
    CHECK_EQ(buf_len(&b.t.text), 0); // for nothing any more
    note(&b, (struct answer_delta){.content = STR("b")});
    CHECK(!transcript_can_stand(&b.t));
    CHECK_EQ(buf_len(&b.t.text), 0);
    bench_done(&b);
}

TEST(transcript_can_not_stand_for_more_than_it_keeps)
{
    struct bench b;

    bench_init(&b, 4);
    note(&b, (struct answer_delta){.content = STR("abcd")});
    CHECK(transcript_can_stand(&b.t));
    note(&b, (struct answer_delta){.content = STR("e")});
    CHECK(!transcript_can_stand(&b.t));
    CHECK_EQ(buf_len(&b.t.text), 0);
    bench_done(&b);
    // Bytes count as they are, not as they are written.
    bench_init(&b, 1);
    note(&b, (struct answer_delta){.content = STR("\\u0041")});
    CHECK(transcript_can_stand(&b.t));
    bench_done(&b);
}

TEST(transcript_matches_text_as_far_as_it_goes)
{
    struct bench b;

    bench_init(&b, 100);
    note(&b, (struct answer_delta){.content = STR("hello")});
    CHECK_EQ(transcript_match(&b.t, 0, STR("hello")), 5);
    CHECK_EQ(transcript_match(&b.t, 0, STR("help")), 3);
    CHECK_EQ(transcript_match(&b.t, 0, STR("x")), 0);
    CHECK_EQ(transcript_match(&b.t, 0, STR("")), 0);
    CHECK_EQ(transcript_match(&b.t, 2, STR("l")), 1);
    CHECK_EQ(transcript_match(&b.t, 3, STR("lo, world")), 2); // all that is left of it
    CHECK_EQ(transcript_match(&b.t, 5, STR("more")), 0);
    CHECK_EQ(transcript_match(&b.t, 99, STR("more")), 0);
    bench_done(&b);
}

TEST(transcript_knows_where_a_text_has_ended_that_has_an_end)
{
    const struct answer_delta end = {.ends_text = true};
    const struct answer_delta block = {.begins_block = true};
    struct bench b;

    bench_init(&b, 100);
    note(&b, (struct answer_delta){.content = STR("a")});
    note(&b, end); // the client's dialect tells of none
    note(&b, block);
    CHECK(!b.t.is_ended && transcript_can_stand(&b.t));
    transcript_note(&b.t, &end, true, &b.arena);
    CHECK(b.t.is_ended && transcript_can_stand(&b.t));
    // Whatever begins behind it, text can't stand for it.
    transcript_note(&b.t, &block, true, &b.arena);
    CHECK(!transcript_can_stand(&b.t));
    bench_done(&b);
}

TEST(transcript_begins_anew_where_nothing_was_delivered)
{
    struct bench b;

    bench_init(&b, 100);
    note(&b, (struct answer_delta){.content = STR("a"), .is_finish = true, .has_other = true});
    transcript_clear(&b.t);
    CHECK_EQ(buf_len(&b.t.text), 0);
    CHECK(!b.t.has_other && !b.t.has_finish && !b.t.is_ended && !b.t.tokens);
    note(&b, (struct answer_delta){.content = STR("b")});
    CHECK_STR(buf_view(&b.t.text), "b");
    CHECK(transcript_can_stand(&b.t));
    transcript_spoil(&b.t);
    CHECK(!transcript_can_stand(&b.t));
    note(&b, (struct answer_delta){.content = STR("c")});
    CHECK(!transcript_can_stand(&b.t));
    bench_done(&b);
}
