#include "http/h2_client_stream.h"

#include "support/h2_stage.h"
#include "support/test.h"

#include <string.h>

// --- Requests and answers ---

TEST(h2_client_stream_sends_a_request_and_reuses_the_conn)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    for (int i = 0; i < 3; i++) {
        struct h2_asking *a = h2_stage_ask_get(&b, 0);
        h2_stage_settle(&b);
        h2_stage_expect_answer(a, 200, STR("hi"));
        CHECK_STR(buf_view(&fake_h2_stream(&b.far)->head),
                  ":method: GET\n:path: /a\n:scheme: http\n:authority: o\nx-up: 1\n");
        CHECK_EQ(a->call.is_conn_reused, i > 0);
        CHECK(a->call.is_request_done);
        CHECK_EQ(b.origin.idle_count, 1);
    }
    CHECK_EQ(b.far.conn_count, 1);
    CHECK_EQ(b.client.counts.conns_opened, 1);
    CHECK_EQ(b.client.counts.conns_reused, 2);
    h2_stage_done(&b);
    CHECK_EQ(b.far.open_count, 0);
}

TEST(h2_client_stream_answers_look_as_those_of_h1_do)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    fake_h2_head(s, "200", STR("content-length: 5\r\ncontent-type: text/plain\r\n"), false);
    h2_stage_settle(&b);
    CHECK_EQ(a->heads, 1);
    CHECK_EQ(a->call.head.framing, H1_LENGTH);
    CHECK_EQ(a->call.body.left, 5);
    CHECK(a->call.head.is_persistent);
    CHECK_STR(h1_field_find(&a->call.head, STR("Content-Type"))->value, "text/plain");
    fake_h2_say(s, STR("12345"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("12345"));
    CHECK(a->knew_end);
    CHECK_EQ(a->call.trailers.count, 0);
    h2_stage_done(&b);
}

TEST(h2_client_stream_takes_answers_cut_anywhere)
{
    for (uint64_t seed = 1; seed < 30; seed++) {
        struct h2_stage b;
        h2_stage_init(&b, (struct memory_stream_options){.capacity = 1 + seed * 40,
                                                         .seed = test_seed() + seed});
        b.far.script = h2_stage_block(40'000);
        for (int i = 0; i < 5; i++) {
            h2_stage_ask_get(&b, i);
        }
        for (int i = 0; i < 400; i++) {
            h2_stage_settle(&b);
        }
        for (int i = 0; i < 5; i++) {
            h2_stage_expect_answer(&b.calls[i], 200, h2_stage_block(40'000));
        }
        CHECK_EQ(b.far.conn_count, 1);
        h2_stage_done(&b);
    }
}

TEST(h2_client_stream_knows_answers_without_a_body)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR("grpc-status: 5\r\n"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR(""));
    CHECK_EQ(a->call.head.framing, H1_NO_BODY);
    CHECK_STR(h1_field_find(&a->call.head, STR("grpc-status"))->value, "5");

    a = h2_stage_ask(&b, 0,
                     (struct client_request){.head = STR("HEAD / HTTP/1.1\r\nhost: o\r\n\r\n"),
                                             .is_head_request = true});
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR("content-length: 1234\r\n"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR(""));
    CHECK_EQ(b.far.conn_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_stream_takes_no_body_for_an_answer_to_head)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a =
        h2_stage_ask(&b, 0,
                     (struct client_request){.head = STR("HEAD / HTTP/1.1\r\nhost: o\r\n\r\n"),
                                             .is_head_request = true});
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    fake_h2_head(s, "200", STR("content-length: 1234\r\n"), false); // its end comes by itself
    h2_stage_settle(&b);
    CHECK_EQ(a->call.head.framing, H1_NO_BODY);
    fake_h2_say(s, STR(""), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR(""));
    h2_stage_done(&b);
}

TEST(h2_client_stream_forgets_a_piece_when_the_next_one_comes)
{
    struct h2_stage b;
    str part = h2_stage_block(200'000); // two of them are more than may wait

    h2_stage_init(&b, h2_stage_plain);
    b.calls[0].is_frugal = true;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    fake_h2_head(s, "200", STR(""), false);
    for (int i = 0; i < 4; i++) {
        b.calls[0].is_lazy = true;
        fake_h2_say(s, part, false);
        h2_stage_settle(&b);
        b.calls[0].is_lazy = false;
        h2_stage_pull(a);
        CHECK_EQ(buf_len(&a->body), (size_t)(i + 1) * part.len);
        h2_stage_settle(&b);
    }
    CHECK_EQ(a->end, OK);
    client_call_cancel(&a->call);
    h2_stage_done(&b);
}

TEST(h2_client_stream_never_takes_an_overrun_of_the_window_for_an_answer)
{
    struct h2_stage b;
    struct buf frames;

    h2_stage_init(&b, (struct memory_stream_options){.capacity = 1 << 20}); // all in one visit
    buf_init(&frames, 1 << 20);
    b.calls[0].is_lazy = true;
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), false);
    h2_stage_settle(&b);
    for (int i = 0; i < 25; i++) { // 16,000 bytes each, the last with END_STREAM
        char head[] = {0, 0x3e, (char)0x80, 0, i == 24, 0, 0, 0, 1};
        CHECK_EQ(buf_append(&frames, (str){head, sizeof(head)}), OK);
        CHECK_EQ(buf_append(&frames, h2_stage_block(16'000)), OK);
    }
    fake_h2_raw(fake_h2_conn(&b.far), buf_view(&frames));
    for (int i = 0; i < 10; i++) {
        h2_stage_settle(&b);
    }
    b.calls[0].is_lazy = false;
    h2_stage_pull(a);
    CHECK(a->end == ERR_LIMIT || a->end == ERR_SYNTAX);
    CHECK(buf_len(&a->body) <= H2_CLIENT_CONN_WINDOW + 65'536);
    buf_done(&frames);
    h2_stage_done(&b);
}

TEST(h2_client_stream_gives_trailers_at_the_end)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    fake_h2_head(s, "200", STR(""), false);
    fake_h2_say(s, STR("text"), false);
    fake_h2_end(s, STR("grpc-status: 0\r\ngrpc-message: fine\r\n"));
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("text"));
    CHECK_EQ(a->call.trailers.count, 2);
    CHECK_STR(a->call.trailers.fields[0].name, "grpc-status");
    CHECK_STR(a->call.trailers.fields[1].value, "fine");
    h2_stage_done(&b);
}

TEST(h2_client_stream_drops_interim_answers_and_bounds_them)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    for (int i = 0; i < 16; i++) {
        fake_h2_head(s, "103", STR("link: </a>\r\n"), false);
    }
    h2_stage_settle(&b);
    CHECK_EQ(a->heads, 0);
    fake_h2_head(s, "200", STR(""), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR(""));

    a = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    s = fake_h2_stream(&b.far);
    for (int i = 0; i < 17; i++) {
        fake_h2_head(s, "100", STR(""), false);
    }
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_LIMIT);
    CHECK_EQ(s->reset_code, NGHTTP2_ENHANCE_YOUR_CALM);
    CHECK_EQ(b.far.open_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_stream_refuses_malformed_answers_and_keeps_the_conn)
{
    static const struct {
        const char *status;
        str fields;
        str body;
        err why;
    } rows[] = {
        {"20", STR_INIT(""), STR_INIT("x"), ERR_SYNTAX},
        {"101", STR_INIT(""), STR_INIT("x"), ERR_SYNTAX},
        {"200", STR_INIT("content-length: 1\r\ncontent-length: 2\r\n"), STR_INIT("x"), ERR_SYNTAX},
        {"200", STR_INIT("content-length: x\r\n"), STR_INIT("x"), ERR_SYNTAX},
        {"200", STR_INIT("content-length: 5\r\n"), STR_INIT("x"), ERR_SYNTAX},
        {"200", STR_INIT("content-length: 1\r\n"), STR_INIT("xyz"), ERR_SYNTAX},
        {"200", STR_INIT("a: \1\r\n"), STR_INIT("x"), ERR_SYNTAX},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct h2_stage b;
        h2_stage_init(&b, h2_stage_plain);
        struct h2_asking *a = h2_stage_ask_get(&b, 0);
        h2_stage_settle(&b);
        struct fake_h2_stream *s = fake_h2_stream(&b.far);
        fake_h2_head(s, rows[i].status, rows[i].fields, false);
        fake_h2_say(s, rows[i].body, true);
        h2_stage_settle(&b);
        CHECK_EQ(a->end, rows[i].why);
        CHECK_EQ(b.client.counts.stale_retries, 0);
        b.far.script = STR("good");
        a = h2_stage_ask_get(&b, 1);
        h2_stage_settle(&b);
        h2_stage_expect_answer(a, 200, STR("good"));
        CHECK_EQ(b.far.conn_count, 1);
        h2_stage_done(&b);
    }
}

TEST(h2_client_stream_bounds_an_answers_head)
{
    struct h2_stage b;
    char line[3000];

    memset(line, 'a', sizeof(line));
    memcpy(line, "x: ", 3);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *fits = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", (str){line, sizeof(line)}, true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(fits, 200, STR(""));
    char twice[2 * sizeof(line)];
    memcpy(twice, line, sizeof(line));
    memcpy(twice + sizeof(line), line, sizeof(line));
    struct h2_asking *a = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", (str){twice, sizeof(twice)}, true);
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_LIMIT);
    CHECK_EQ(b.far.open_count, 1);
    h2_stage_done(&b);
}

// --- Requests with a body ---

TEST(h2_client_stream_sends_a_body_of_pieces_as_the_window_allows)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct h2_stage b;
        enum { PIECES = 9 };
        struct iovec pieces[PIECES];
        str all = h2_stage_block(300'000);
        h2_stage_init(&b, (struct memory_stream_options){.capacity = 3000 + seed * 20'000,
                                                         .seed = seed ? test_seed() + seed : 0});
        b.far.script = STR("ok");
        for (size_t i = 0; i < PIECES; i++) {
            size_t from = all.len * i / PIECES;
            size_t to = all.len * (i + 1) / PIECES;
            pieces[i] = stream_piece(str_sub(all, from, to - from));
        }
        pieces[3].iov_len = 0;
        for (int i = 0; i < 3; i++) {
            h2_stage_ask(&b, i,
                         (struct client_request){.head = STR("POST / HTTP/1.1\r\nhost: o\r\n\r\n"),
                                                 .body = pieces,
                                                 .body_count = PIECES});
        }
        for (int i = 0; i < 100; i++) {
            h2_stage_settle(&b);
        }
        for (int i = 0; i < 3; i++) {
            h2_stage_expect_answer(&b.calls[i], 200, STR("ok"));
            CHECK(b.calls[i].call.is_request_done);
        }
        CHECK_EQ(buf_len(&fake_h2_stream(&b.far)->body), all.len - all.len / 9 - (all.len % 9 > 4));
        CHECK_EQ(b.far.conn_count, 1);
        h2_stage_done(&b);
    }
}

TEST(h2_client_stream_streams_a_request_and_stops_while_the_window_is_full)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.is_slow = true;
    b.calls[0].to_send = h2_stage_block(200'000);
    b.calls[0].send_size = 5000;
    struct h2_asking *a = h2_stage_ask(
        &b, 0,
        (struct client_request){.head = STR("POST / HTTP/1.1\r\nhost: o\r\ntransfer-encoding: "
                                            "chunked\r\n\r\n"),
                                .framing = CLIENT_BODY_CHUNKED});
    h2_stage_settle(&b);
    CHECK(client_call_is_congested(&a->call));
    CHECK(a->to_send.len >= 200'000 - 65'535 - 5000);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    CHECK_EQ(buf_len(&s->body), 65'535);
    CHECK(str_find(buf_view(&s->head), STR("transfer-encoding")) == buf_len(&s->head));
    b.far.is_slow = false;
    b.far.script = STR("ok");
    CHECK_EQ(nghttp2_session_consume(s->conn->session, s->id, 65'535), 0);
    fake_h2_raw(s->conn, STR("")); // nothing, but what the window brings
    fake_h2_set(s->conn, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 0);
    for (int i = 0; i < 5; i++) {
        h2_stage_settle(&b);
    }
    h2_stage_expect_answer(a, 200, STR("ok"));
    CHECK_SAME(buf_view(&s->body), h2_stage_block(200'000));
    h2_stage_done(&b);
}

TEST(h2_client_stream_streams_an_empty_body)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("ok");
    struct h2_asking *a =
        h2_stage_ask(&b, 0,
                     (struct client_request){.head = STR("PUT / HTTP/1.1\r\nhost: o\r\n\r\n"),
                                             .framing = CLIENT_BODY_CHUNKED});
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 200, STR("ok"));
    h2_stage_done(&b);
}

TEST(h2_client_stream_hears_an_answer_before_its_request_has_gone)
{
    struct h2_stage b;
    struct iovec piece = stream_piece(h2_stage_block(200'000));

    h2_stage_init(&b, h2_stage_plain);
    b.far.is_slow = true;
    struct h2_asking *a = h2_stage_ask(
        &b, 0,
        (struct client_request){
            .head = STR("POST / HTTP/1.1\r\nhost: o\r\n\r\n"), .body = &piece, .body_count = 1});
    h2_stage_settle(&b);
    struct fake_h2_stream *s = fake_h2_stream(&b.far);
    CHECK(!s->is_whole);
    fake_h2_head(s, "413", STR(""), false);
    fake_h2_say(s, STR("large"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(a, 413, STR("large"));
    CHECK(!a->call.is_request_done);
    CHECK_EQ(s->reset_code, NGHTTP2_CANCEL); // the rest is not sent
    CHECK_EQ(b.far.open_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_stream_tells_a_request_that_is_none)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *a =
        h2_stage_ask(&b, 0, (struct client_request){.head = STR("GET / HTTP/1.1\r\n\r\n")});
    h2_stage_settle(&b);
    CHECK_EQ(a->end, ERR_SYNTAX); // no Host
    CHECK_EQ(b.origin.idle_count, 1);
    h2_stage_done(&b);
}

// --- Giving up ---

TEST(h2_client_stream_cancel_resets_the_stream_and_only_that)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *other = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    struct fake_h2_stream *first = fake_h2_stream(&b.far);
    for (int stage = 0; stage < 4; stage++) {
        struct h2_asking *a = h2_stage_ask_get(&b, 1);
        if (stage) h2_stage_settle(&b);
        struct fake_h2_stream *s = fake_h2_stream(&b.far);
        if (stage > 1) fake_h2_head(s, "200", STR(""), false);
        if (stage > 2) fake_h2_say(s, STR("x"), false);
        if (stage > 1) h2_stage_settle(&b);
        client_call_cancel(&a->call);
        client_call_cancel(&a->call); // harmless
        h2_stage_settle(&b);
        CHECK_EQ(a->end, OK);
        CHECK_EQ(s == first, stage == 0); // that one never left
        if (stage) CHECK_EQ(s->reset_code, NGHTTP2_CANCEL);
    }
    CHECK_EQ(b.client.stream_pool.live_count, 1);
    fake_h2_head(first, "200", STR(""), false);
    fake_h2_say(first, STR("still here"), true);
    h2_stage_settle(&b);
    h2_stage_expect_answer(other, 200, STR("still here"));
    CHECK_EQ(b.far.conn_count, 1);
    CHECK_EQ(b.origin.idle_count, 1);
    h2_stage_done(&b);
}

TEST(h2_client_stream_bears_callers_that_give_up_inside_an_event)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    for (int i = 0; i < 20; i++) {
        b.calls[i].gives_up = i % 2;
        h2_stage_ask_get(&b, i);
    }
    h2_stage_settle(&b);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(b.calls[i].end, i % 2 ? OK : ERR_EOF);
    }
    CHECK_EQ(b.client.stream_pool.live_count, 0);
    h2_stage_done(&b);
}

TEST(h2_client_stream_bears_an_origin_that_is_closed_inside_an_event)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.script = STR("hi");
    b.calls[5].closes_origin = true;
    for (int i = 0; i < 10; i++) {
        h2_stage_ask_get(&b, i);
    }
    h2_stage_settle(&b);
    for (int i = 0; i < 10; i++) {
        CHECK_EQ(b.calls[i].end, i < 5 ? ERR_EOF : ERR_CANCELED);
    }
    CHECK(client_origin_is_closed(&b.origin));
    h2_stage_done(&b);
}

TEST(h2_client_stream_lets_callers_who_wait_for_a_dial_give_up)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.dialer.delay = 100;
    b.far.script = STR("hi");
    for (int i = 0; i < 4; i++) {
        h2_stage_ask_get(&b, i);
    }
    client_call_cancel(&b.calls[0].call); // whose dial it was
    client_call_cancel(&b.calls[2].call);
    h2_stage_wait(&b, 100);
    CHECK_EQ(b.calls[0].end, OK);
    CHECK_EQ(b.calls[2].end, OK);
    h2_stage_expect_answer(&b.calls[1], 200, STR("hi"));
    h2_stage_expect_answer(&b.calls[3], 200, STR("hi"));
    CHECK_EQ(b.far.conn_count, 1);
    CHECK_EQ(b.far.request_count, 2);
    h2_stage_done(&b);
}

TEST(h2_client_stream_tells_calls_under_way_when_their_origin_closes)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    struct h2_asking *heard = h2_stage_ask_get(&b, 0);
    h2_stage_settle(&b);
    fake_h2_head(fake_h2_stream(&b.far), "200", STR(""), false);
    struct h2_asking *sent = h2_stage_ask_get(&b, 1);
    h2_stage_settle(&b);
    client_origin_close(&b.origin);
    CHECK_EQ(heard->end, ERR_CANCELED);
    CHECK_EQ(sent->end, ERR_CANCELED);
    h2_stage_settle(&b);
    CHECK(fake_h2_conn(&b.far)->has_goaway);
    CHECK(client_origin_is_closed(&b.origin));
    h2_stage_done(&b);
}

TEST(h2_client_stream_tells_all_who_wait_for_a_dial_that_failed)
{
    struct h2_stage b;

    h2_stage_init(&b, h2_stage_plain);
    b.far.dialer.mood = MEMORY_DIALER_REFUSES;
    for (int i = 0; i < 3; i++) {
        h2_stage_ask_get(&b, i);
    }
    h2_stage_settle(&b);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(b.calls[i].end, ERR_REFUSED);
    }
    CHECK_EQ(b.far.dialer.dial_count, 1);
    h2_stage_done(&b);
}
