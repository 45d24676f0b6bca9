#include "http/h2_client_conn.h"

#include "support/fake_upstream.h"
#include "support/h2_stage.h"
#include "support/test.h"

// --- Many calls on one conn ---

TEST(h2_client_conn_shares_one_conn_among_many_calls)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    for (int i = 0; i < 200; i++) {
        h2_stage_ask_get(&b, i);
    }
    CHECK_EQ(b.far.dialer.dial_count, 2); // the second because the first will be full
    h2_stage_settle(&b);
    for (int i = 0; i < 200; i++) {
        h2_stage_expect_answer(&b.calls[i], 200, STR("hi"));
        CHECK(!b.calls[i].call.is_conn_reused);
    }
    CHECK_EQ(b.far.conn_count, 2);
    CHECK_EQ(b.far.request_count, 200);
    CHECK_EQ(fake_h2_conn(&b.far)->stream_count, 100);
    CHECK_EQ(b.origin.idle_count, 2);
    h2_stage_done(&b);
}

TEST(h2_client_conn_sends_what_a_turn_brings_in_one_write)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    size_t before = fake_h2_conn(&b.far)->write_count;
    for (int i = 0; i < 50; i++) {
        h2_stage_ask_get(&b, i);
    }
    loop_turn(&b.loop, 0);
    loop_turn(&b.loop, 0);
    CHECK_EQ(fake_h2_conn(&b.far)->write_count, before + 1);
    CHECK_EQ(fake_h2_conn(&b.far)->stream_count, 51);
    h2_stage_settle(&b);
    h2_stage_done(&b);
}

TEST(h2_client_conn_opens_another_conn_when_the_origin_bears_no_more_streams)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.settings[b.far.settings_count++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3};
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    for (int i = 1; i < 9; i++) {
        h2_stage_ask_get(&b, i);
        h2_stage_settle(&b);
    }
    CHECK_EQ(b.far.conn_count, 3);
    CHECK_EQ(fake_h2_conn(&b.far)->open_most, 3);
    // It lowers what it bears; who is there stays.
    for (struct link *l = b.far.conns.next; l != &b.far.conns; l = l->next) {
        fake_h2_set(container_of(l, struct fake_h2_conn, link),
                    NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1);
    }
    h2_stage_settle(&b);
    CHECK_EQ(b.calls[0].end, OK);
    h2_stage_ask_get(&b, 9);
    h2_stage_settle(&b);
    CHECK_EQ(b.far.conn_count, 4);
    h2_stage_done(&b);
}

static void answer_all(struct h2_stage *b)
{
    for (struct link *c = b->far.conns.next; c != &b->far.conns; c = c->next) {
        struct link *streams = &container_of(c, struct fake_h2_conn, link)->streams;
        for (struct link *l = streams->next; l != streams; l = l->next) {
            struct fake_h2_stream *s = container_of(l, struct fake_h2_stream, link);
            if (s->is_closed) continue;
            fake_h2_head(s, "200", STR(""), false);
            fake_h2_say(s, STR("hi"), true);
        }
    }
    h2_stage_settle(b);
}

TEST(h2_client_conn_sends_no_more_than_the_origin_bears_once_that_is_known)
{
    struct h2_stage b;
    uint64_t repeated = 0;

    h2_stage_init(&b, h2_stage_plain);
    b.far.settings[b.far.settings_count++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3};
    for (int round = 0; round < 2; round++) {
        b.far.dialer.delay = 5;
        for (int i = 0; i < 70; i++) { // at first one conn gets them all, and refuses most
            h2_stage_ask_get(&b, i);
        }
        for (int i = 0; i < 5; i++) {
            h2_stage_wait(&b, 5);
        }
        answer_all(&b);
        for (int i = 0; i < 70; i++) {
            h2_stage_expect_answer(&b.calls[i], 200, STR("hi"));
            CHECK(b.calls[i].call.repeat_count <= 1);
        }
        if (!round) repeated = b.client.counts.stale_retries;
    }
    CHECK_EQ(repeated, 67);
    CHECK_EQ(b.client.counts.stale_retries, repeated);
    h2_stage_done(&b);
}

TEST(h2_client_conn_holds_up_only_the_stream_of_a_slow_caller)
{
    struct h2_stage b;
    str all = h2_stage_block(1 << 20);

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = all;
    b.calls[0].is_lazy = true;
    struct h2_asking *lazy = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    for (int i = 1; i < 4; i++) {
        h2_stage_ask_get(&b, i);
    }
    for (int i = 0; i < 20; i++) {
        h2_stage_settle(&b);
    }
    for (int i = 1; i < 4; i++) {
        h2_stage_expect_answer(&b.calls[i], 200, all);
    }
    CHECK_EQ(lazy->end, OK);
    struct fake_h2_stream *s =
        container_of(fake_h2_conn(&b.far)->streams.next, struct fake_h2_stream, link);
    CHECK_EQ(buf_len(&s->out), all.len - H2_CLIENT_CONN_WINDOW); // the rest waits over there
    lazy->is_lazy = false;
    h2_stage_pull(lazy);
    for (int i = 0; i < 20; i++) {
        h2_stage_settle(&b);
    }
    h2_stage_expect_answer(lazy, 200, all);
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_gives_its_own_window_back_whoever_is_slow)
{
    struct h2_stage b;
    str all = h2_stage_block(1 << 20);

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = all;
    for (int i = 0; i < 30; i++) { // of which 20 hold a window each
        b.calls[i].is_lazy = i % 3;
        h2_stage_ask_get(&b, i);
    }
    for (int i = 0; i < 60; i++) {
        h2_stage_settle(&b);
    }
    for (int i = 0; i < 30; i += 3) {
        h2_stage_expect_answer(&b.calls[i], 200, all);
    }
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_keeps_little_of_what_its_peer_does_not_take)
{
    struct h2_stage b;
    struct iovec piece = stream_piece(h2_stage_block(1 << 20));

    h2_stage_init(&b, (struct memory_stream_options){.capacity = 1000});
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_conn *c = fake_h2_conn(&b.far);
    CHECK_EQ(nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, 8 << 20), 0);
    fake_h2_set(c, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 8 << 20);
    h2_stage_settle(&b);
    c->is_deaf = true;
    struct h2_asking *large = h2_stage_ask(
        &b, 1,
        (struct client_request){
            .head = STR("POST / HTTP/1.1\r\nhost: o\r\n\r\n"), .body = &piece, .body_count = 1});
    h2_stage_settle(&b);
    CHECK(!large->call.is_request_done);
    CHECK(buf_len(&large->call.conn->wire.out) < 300'000);
    client_call_cancel(&a->call);
    client_call_cancel(&large->call);
    fake_h2_close(c, STREAM_CLOSE);
    h2_stage_done(&b);
}

TEST(h2_client_conn_keeps_so_many_idle_conns_and_no_more)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.settings[b.far.settings_count++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1};
    for (int i = 0; i < 4; i++) {
        h2_stage_ask_get(&b, i);
        h2_stage_settle(&b);
    }
    CHECK_EQ(b.far.open_count, 4);
    answer_all(&b);
    CHECK_EQ(b.far.open_count, 2);
    CHECK_EQ(b.origin.idle_count, 2);
    h2_stage_done(&b);
}

TEST(h2_client_conn_bears_a_window_that_is_lowered_in_the_middle)
{
    struct h2_stage b;
    struct iovec piece = stream_piece(h2_stage_block(150'000));

    h2_stage_init(&b, h2_stage_plain);
    b.far.is_slow = true;
    struct h2_asking *a = h2_stage_ask(
        &b, 0,
        (struct client_request){
            .head = STR("POST / HTTP/1.1\r\nhost: o\r\n\r\n"), .body = &piece, .body_count = 1});
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    CHECK_EQ(buf_len(&s->body), 65'535);
    fake_h2_set(s->conn, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 100); // below zero for this one
    h2_stage_settle(&b);
    b.far.is_slow = false;
    b.far.script = STR("ok");
    CHECK_EQ(nghttp2_submit_window_update(s->conn->session, NGHTTP2_FLAG_NONE, s->id, 200'000), 0);
    CHECK_EQ(nghttp2_submit_window_update(s->conn->session, NGHTTP2_FLAG_NONE, 0, 200'000), 0);
    fake_h2_set(s->conn, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 0); // sends
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("ok"));
    CHECK_EQ(buf_len(&s->body), 150'000);
    h2_stage_done(&b);
}

// --- Resets, goodbyes and losses ---

TEST(h2_client_conn_tells_a_reset_inside_the_body_as_a_cut)
{
    static const uint32_t codes[] = {NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR,
                                     NGHTTP2_REFUSED_STREAM, NGHTTP2_PROTOCOL_ERROR};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct h2_stage b;
        h2_stage_init(&b, h2_stage_plain);
        struct h2_asking *a = h2_stage_ask_get(&b, 0);
        h2_stage_settle(&b);
        struct fake_h2_stream *s = fake_h2_stream(&b.far);
        fake_h2_head(s, "200", STR(""), false);
        fake_h2_say(s, STR("half"), false);
        fake_h2_reset(s, codes[i]);
        h2_stage_settle(&b);
        CHECK_EQ(a->end, ERR_CLOSED);
        CHECK_STR(buf_view(&a->body), "half");
        CHECK_EQ(a->call.reset_code, codes[i]);
        CHECK_EQ(b.client.counts.stale_retries, 0);
        CHECK_EQ(b.far.open_count, 1);
        h2_stage_done(&b);
    }
}

static void refuse_first(struct fake_h2 *f, struct fake_h2_stream *s)
{
    if (f->request_count == 1) {
        fake_h2_reset(s, NGHTTP2_REFUSED_STREAM);
    } else {
        fake_h2_head(s, "200", STR(""), false);
        fake_h2_say(s, STR("second"), true);
    }
}

TEST(h2_client_conn_repeats_a_stream_that_was_refused)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.requested = refuse_first;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("second"));
    CHECK_EQ(b.client.counts.stale_retries, 1);
    CHECK_EQ(b.far.request_count, 2);
    h2_stage_done(&b);
}

static void refuse(struct fake_h2 *f, struct fake_h2_stream *s)
{
    (void)f;
    fake_h2_reset(s, NGHTTP2_REFUSED_STREAM);
}

static void refuse_second(struct fake_h2 *f, struct fake_h2_stream *s)
{
    (void)f;
    if (s->conn == container_of(f->conns.next, struct fake_h2_conn, link) && s->id == 3)
        fake_h2_reset(s, NGHTTP2_REFUSED_STREAM);
}

TEST(h2_client_conn_sends_what_was_refused_elsewhere_and_trusts_again)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.requested = refuse_second;
    h2_stage_ask_get(&b, 0);
    h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    struct fake_h2_conn *first = container_of(b.far.conns.next, struct fake_h2_conn, link);
    CHECK_EQ(b.far.conn_count, 2);
    CHECK_EQ(first->stream_count, 2);
    CHECK_EQ(b.calls[1].call.repeat_count, 1);
    answer_all(&b);
    h2_stage_expect_answer(&b.calls[0], 200, STR("hi"));
    h2_stage_expect_answer(&b.calls[1], 200, STR("hi"));
    for (int i = 0; i < 3; i++) {
        h2_stage_ask_get(&b, i);
    }
    h2_stage_settle(&b);
    CHECK_EQ(first->stream_count, 4); // two more, for it has kept its word
    answer_all(&b);
    h2_stage_done(&b);
}

TEST(h2_client_conn_repeats_a_refused_stream_a_few_times_only)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.requested = refuse;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_REFUSED);
    CHECK_EQ(b.far.request_count, 9);
    h2_stage_done(&b);
}

static void answer_then_refuse(struct fake_h2 *f, struct fake_h2_stream *s)
{
    (void)f;
    fake_h2_head(s, "100", STR(""), false);
    fake_h2_reset(s, NGHTTP2_REFUSED_STREAM);
}

static void reset_unfriendly(struct fake_h2 *f, struct fake_h2_stream *s)
{
    (void)f;
    fake_h2_reset(s, NGHTTP2_INTERNAL_ERROR);
}

TEST(h2_client_conn_does_not_repeat_what_may_have_been_looked_at)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.requested = answer_then_refuse;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_REFUSED);
    CHECK_EQ(b.far.request_count, 1);
    b.far.requested = reset_unfriendly;
    a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_CLOSED);
    CHECK_EQ(b.far.request_count, 2);
    b.far.requested = refuse;
    a = h2_stage_ask(&b, 0, (struct client_request){.head = h2_stage_get});
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_REFUSED);
    CHECK_EQ(b.far.request_count, 3);
    h2_stage_done(&b);
}

TEST(h2_client_conn_finishes_what_a_goaway_leaves_and_repeats_the_rest)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    for (int i = 0; i < 4; i++) {
        h2_stage_ask_get(&b, i);
    }
    h2_stage_settle(&b);
    struct fake_h2_conn *c = fake_h2_conn(&b.far);
    struct fake_h2_stream *first = container_of(c->streams.next, struct fake_h2_stream, link);
    struct fake_h2_stream *second = container_of(first->link.next, struct fake_h2_stream, link);
    b.far.script = STR("elsewhere");
    fake_h2_goaway(c, second->id, NGHTTP2_NO_ERROR);
    h2_stage_settle(&b);
    h2_stage_expect_answer(&b.calls[2], 200, STR("elsewhere"));
    h2_stage_expect_answer(&b.calls[3], 200, STR("elsewhere"));
    CHECK_EQ(b.far.conn_count, 2);
    CHECK_EQ(b.client.counts.stale_retries, 2);
    h2_stage_ask_get(&b, 4); // no new ones
    h2_stage_settle(&b);
    h2_stage_expect_answer(&b.calls[4], 200, STR("elsewhere"));
    CHECK_EQ(c->stream_count, 4);
    fake_h2_head(first, "200", STR(""), false);
    fake_h2_say(first, STR("here"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(&b.calls[0], 200, STR("here"));
    CHECK(c->stream != NULL);
    fake_h2_head(second, "200", STR(""), true);
    h2_stage_settle(&b);
    CHECK(c->stream == NULL); // its last has gone
    CHECK_EQ(b.far.open_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_tells_all_calls_of_a_conn_that_is_lost)
{
    for (int how = STREAM_CLOSE; how <= STREAM_ABORT; how++) {
        struct h2_stage b;
        h2_stage_init(&b, h2_stage_plain);
        for (int i = 0; i < 4; i++) {
            b.calls[i].is_lazy = i == 3;
            h2_stage_ask_get(&b, i);
        }
        h2_stage_settle(&b);
        struct fake_h2_stream *s = fake_h2_stream(&b.far);
        fake_h2_head(s, "200", STR(""), false);
        fake_h2_say(s, STR("whole"), true);
        h2_stage_settle(&b);
        struct fake_h2_stream *before = container_of(s->link.prev, struct fake_h2_stream, link);
        fake_h2_head(before, "200", STR(""), false);
        fake_h2_say(before, STR("half"), false);
        h2_stage_settle(&b);
        fake_h2_close(s->conn, (enum stream_end)how);
        h2_stage_settle(&b);
        CHECK_EQ(b.calls[0].end, ERR_CLOSED);
        CHECK_EQ(b.calls[1].end, ERR_CLOSED);
        CHECK_EQ(b.calls[2].end, ERR_CLOSED);
        CHECK_STR(buf_view(&b.calls[2].body), "half");
        CHECK_EQ(b.calls[3].end, OK); // whose answer had come
        b.calls[3].is_lazy = false;
        h2_stage_pull(&b.calls[3]);
        h2_stage_expect_answer(&b.calls[3], 200, STR("whole"));
        h2_stage_settle(&b);
        CHECK_EQ(b.client.conn_pool.live_count, 0);
        CHECK_EQ(b.far.conn_count, 1);
        h2_stage_done(&b);
    }
}

TEST(h2_client_conn_repeats_a_request_when_the_kept_conn_was_stale)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_conn(&b.far)->is_deaf = true;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    loop_turn(&b.loop, 0);
    fake_h2_close(fake_h2_conn(&b.far), STREAM_ABORT);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("hi"));
    CHECK_EQ(b.client.counts.stale_retries, 1);
    CHECK_EQ(b.far.conn_count, 2);

    // What was not told to be repeated is not.
    fake_h2_conn(&b.far)->is_deaf = true;
    a = h2_stage_ask(&b, 0, (struct client_request){.head = h2_stage_get});
    loop_turn(&b.loop, 0);
    fake_h2_close(fake_h2_conn(&b.far), STREAM_ABORT);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_CLOSED);
    h2_stage_done(&b);
}

TEST(h2_client_conn_does_not_repeat_on_a_conn_that_was_alive)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *first = fake_h2_stream(&b.far);
    struct h2_asking *a = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    fake_h2_head(first, "200", STR(""), true);
    h2_stage_settle(&b);
    fake_h2_close(first->conn, STREAM_ABORT);
    h2_stage_settle(&b);
    CHECK(a->call.is_conn_reused);
    CHECK_EQ(a->end, ERR_CLOSED); // it may have been at work on it
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_takes_no_call_when_its_peer_has_hung_up)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_close(fake_h2_conn(&b.far), STREAM_CLOSE);
    struct h2_asking *a = h2_stage_ask(&b, 0, (struct client_request){.head = h2_stage_get});
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("hi"));
    CHECK_EQ(b.far.conn_count, 2);
    h2_stage_done(&b);
}

// A call begins as its conn says goodbye and is closed.
static void begin_late(bool can_read, bool says_goodbye)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_conn *c = fake_h2_conn(&b.far);
    struct h2_asking *a = h2_stage_ask_get(&b, 1);
    if (says_goodbye) fake_h2_goaway(c, 1, NGHTTP2_NO_ERROR);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), true);
    fake_h2_close(c, STREAM_CLOSE);
    a->call.conn->wire.stream->is_readable = can_read; // else the news is still on its way
    b.far.script = STR("elsewhere");
    h2_stage_settle(&b);
    h2_stage_expect_answer(&b.calls[0], 200, STR(""));
    h2_stage_expect_answer(a, 200, STR("elsewhere"));
    h2_stage_done(&b);
}

TEST(h2_client_conn_hears_a_goodbye_though_it_can_not_send_any_more)
{
    begin_late(false, true);
}

TEST(h2_client_conn_repeats_what_was_never_sent)
{
    begin_late(true, true);
    begin_late(true, false);
}

TEST(h2_client_conn_tells_an_origin_that_closes_before_its_settings)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.is_silent = true;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    struct h2_asking *other = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    fake_h2_close(fake_h2_conn(&b.far), STREAM_CLOSE);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_CLOSED);
    CHECK_EQ(other->end, ERR_CLOSED);
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_tells_an_origin_that_speaks_something_else)
{
    static const str answers[] = {
        STR_INIT("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        STR_INIT("SSH-2.0-OpenSSH_9\r\n"),
        STR_INIT("\0\0\0\1\0\0\0\0\1"), // no SETTINGS first
    };

    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct h2_stage b;
        h2_stage_init(&b, h2_stage_plain);
        b.far.is_silent = true;
        struct h2_asking *a = h2_stage_ask_get(&b, 0);
        h2_stage_settle(&b);
        fake_h2_raw(fake_h2_conn(&b.far), answers[i]);
        h2_stage_settle(&b);
        CHECK_EQ(a->end, ERR_SYNTAX);
        CHECK_EQ(b.client.conn_pool.live_count, 0);
        fake_h2_close(fake_h2_conn(&b.far), STREAM_CLOSE);
        h2_stage_done(&b);
    }
}

TEST(h2_client_conn_lets_nobody_wait_longer_for_a_dial_than_it_may)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.dialer.mood = MEMORY_DIALER_IS_SILENT;
    struct h2_asking *patient =
        h2_stage_ask(&b, 0, (struct client_request){.head = h2_stage_get, .connect_ms = 5000});
    struct h2_asking *hasty =
        h2_stage_ask(&b, 1, (struct client_request){.head = h2_stage_get, .connect_ms = 100});
    h2_stage_wait(&b, 100);
    CHECK_EQ(patient->end, OK);
    CHECK_EQ(hasty->end, ERR_TIMEOUT);
    h2_stage_wait(&b, 4900);
    CHECK_EQ(patient->end, ERR_TIMEOUT);
    h2_stage_done(&b);
}

// --- Rest and silence ---

TEST(h2_client_conn_closes_a_conn_without_calls_after_its_time)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    h2_stage_wait(&b, 59'999);
    CHECK_EQ(b.origin.idle_count, 1);
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 0);
    h2_stage_wait(&b, 1);
    CHECK_EQ(b.origin.idle_count, 0);
    CHECK_EQ(b.far.open_count, 0);
    CHECK(fake_h2_conn(&b.far)->has_goaway);
    CHECK_EQ(fake_h2_conn(&b.far)->goaway_code, NGHTTP2_NO_ERROR);
    h2_stage_done(&b);
}

TEST(h2_client_conn_asks_a_silent_conn_for_a_sign_of_life)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    h2_stage_wait(&b, 14'999);
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 0);
    h2_stage_wait(&b, 2);
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 1);
    h2_stage_wait(&b, 50'000); // four times as long after an answer
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 1);
    h2_stage_wait(&b, 20'000);
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 2);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), false);
    h2_stage_wait(&b, 16'000); // it has come further, so this silence is a new one
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 3);
    CHECK_EQ(a->end, OK);
    client_call_cancel(&a->call);
    h2_stage_settle(&b);
    h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    h2_stage_wait(&b, 16'000); // and so is that of a conn that rested
    CHECK_EQ(fake_h2_conn(&b.far)->ping_count, 4);
    h2_stage_done(&b);
}

TEST(h2_client_conn_gives_up_a_conn_that_gives_no_sign_of_life)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *before = h2_stage_ask_get(&b, 0);
    struct h2_asking *within = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), false);
    h2_stage_settle(&b);
    fake_h2_conn(&b.far)->is_deaf = true;
    h2_stage_wait(&b, 24'999);
    CHECK_EQ(before->end, OK);
    h2_stage_wait(&b, 2);
    CHECK_EQ(before->end, ERR_TIMEOUT);
    CHECK_EQ(within->end, ERR_CLOSED);
    CHECK_EQ(b.client.conn_pool.live_count, 0);
    fake_h2_close(fake_h2_conn(&b.far), STREAM_CLOSE);
    h2_stage_done(&b);
}

// --- Which protocol ---

static struct tls_client *const some_tls =
    (struct tls_client *)1; // the memory dialer looks at none

TEST(h2_client_conn_speaks_what_alpn_agreed_on)
{
    struct h2_stage b;

    h2_stage_init(&b, (struct memory_stream_options){.protocol = STR("h2")});
    b.origin.target.tls = some_tls;
    b.origin.protocol = CLIENT_PROTOCOL_AUTO;
    b.far.script = STR("hi");
    b.far.dialer.delay = 10;
    for (int i = 0; i < 20; i++) {
        h2_stage_ask_get(&b, i);
    }
    h2_stage_wait(&b, 10);
    for (int i = 0; i < 20; i++) {
        h2_stage_expect_answer(&b.calls[i], 200, STR("hi"));
    }
    str head = buf_view(&fake_h2_stream(&b.far)->head);
    CHECK(str_find(head, STR(":scheme: https\n")) < head.len);
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_conn_fails_where_the_origin_must_and_does_not_agree)
{
    struct h2_stage b;

    h2_stage_init(&b, (struct memory_stream_options){.protocol = STR("http/1.1")});
    b.origin.target.tls = some_tls;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    struct h2_asking *other = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_UNSUPPORTED);
    CHECK_EQ(other->end, ERR_UNSUPPORTED);
    h2_stage_done(&b);
}

TEST(h2_client_conn_speaks_http_1_where_that_is_agreed_or_said)
{
    static const struct {
        str agreed;
        enum client_protocol protocol;
        bool is_tls;
        size_t dials_at_first;
    } rows[] = {
        {STR_INIT("http/1.1"), CLIENT_PROTOCOL_AUTO, true, 1}, // until it is known
        {STR_INIT(""), CLIENT_PROTOCOL_AUTO, true, 1},
        {STR_INIT("http/1.1"), CLIENT_PROTOCOL_H1, true, 3},
        {STR_INIT(""), CLIENT_PROTOCOL_AUTO, false, 3},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct h2_stage b;
        struct fake_upstream up;
        h2_stage_init(&b, h2_stage_plain);
        fake_upstream_init(&up, &b.loop);
        up.dialer.options.protocol = rows[i].agreed;
        up.script = STR("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi");
        b.client.dialer = &up.dialer.dialer;
        b.origin.target.tls = rows[i].is_tls ? some_tls : NULL;
        b.origin.protocol = rows[i].protocol;
        for (int k = 0; k < 3; k++) {
            h2_stage_ask_get(&b, k);
        }
        CHECK_EQ(up.dialer.dial_count, rows[i].dials_at_first);
        h2_stage_settle(&b);
        for (int k = 0; k < 3; k++) {
            h2_stage_expect_answer(&b.calls[k], 200, STR("hi"));
        }
        CHECK_EQ(up.conn_count, 3);
        fake_upstream_done(&up);
        h2_stage_settle(&b);
        h2_stage_done(&b);
    }
}
