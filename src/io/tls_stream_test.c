#include "io/tls_stream.h"

#include "base/random.h"

#include "support/tls_meeting.h"

TEST(tls_stream_end_is_orderly_only_where_the_peer_says_so)
{
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);
    char room[64];

    for (int how = 0; how < 3; how++) {
        struct meeting m;
        err e = OK;
        meet_well(&m, c, s, (struct memory_stream_options){0});
        CHECK_EQ(send_text(&m.server, "half"), OK);
        if (how == 2) {
            // The connection ends below TLS: its close_notify never comes.
            memory_stream_hang_up(m.server.lower);
        } else {
            leave(&m.server, how == 0 ? STREAM_CLOSE : STREAM_ABORT);
        }
        (void)loop_turn(&m.loop, 0);
        CHECK(m.client.stream->is_hung_up);
        if (how != 1) CHECK_STR(receive(&m.client, room, sizeof(room), &e), "half");
        (void)receive(&m.client, room, sizeof(room), &e);
        CHECK_EQ(e, how == 0 ? ERR_EOF : ERR_CLOSED);
        (void)receive(&m.client, room, sizeof(room), &e);
        CHECK_EQ(e, how == 0 ? ERR_EOF : ERR_CLOSED);
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_one_side_may_end_while_the_other_goes_on)
{
    static char sent[30'000];
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);
    char room[64];

    for (int is_full = 0; is_full < 2; is_full++) {
        struct meeting m;
        size_t len = 0;
        size_t total = 0;
        err e = OK;
        struct iovec iov = {sent, sizeof(sent)};
        meet_well(&m, c, s, (struct memory_stream_options){.capacity = is_full ? 8000 : 0});
        CHECK_EQ(stream_write(m.server.stream, &iov, 1, &len), OK);
        stream_finish(m.server.stream);
        stream_finish(m.server.stream); // harmless
        for (int i = 0; i < 100'000 && e != ERR_EOF; i++) {
            size_t part = 0;
            e = stream_read(m.client.stream, room, sizeof(room), &part);
            CHECK(e == OK || e == ERR_AGAIN || e == ERR_EOF);
            if (!e) total += part;
            if (e == ERR_AGAIN) (void)loop_turn(&m.loop, 0);
        }
        CHECK_EQ(e, ERR_EOF);
        CHECK_EQ(total, len);
        (void)loop_turn(&m.loop, 0);
        CHECK(m.client.lower->is_hung_up); // the lower stream has ended, too
        CHECK_EQ(send_text(&m.client, "still here"), OK);
        (void)loop_turn(&m.loop, 0);
        CHECK_STR(receive(&m.server, room, sizeof(room), &e), "still here");
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_bytes_of_nobody_break_the_connection)
{
    struct meeting m;
    char room[64];
    size_t len = 0;
    err e = OK;
    struct iovec noise = {(char[]){'n', 'o', 'i', 's', 'e', '!', '!', '!'}, 8};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.lower, &noise, 1, &len), OK);
    (void)receive(&m.client, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_TLS);
    CHECK_EQ(send_text(&m.client, "x"), ERR_TLS);
    part(&m);

    // The same in place of a handshake.
    meet(&m, c, NULL, STR("model.example"), (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.lower, &noise, 1, &len), OK);
    (void)loop_turn(&m.loop, 0);
    CHECK_EQ(m.client.result, ERR_TLS);
    CHECK(m.client.handshake.reason.text[0]);
    stream_close(m.server.lower, STREAM_CLOSE);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_buffered_bytes_stay_readable_until_they_are_read)
{
    static char sent[40'000];
    struct meeting m;
    size_t len = 0;
    size_t total = 0;
    char room[7];
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(stream_write(m.server.stream, &iov, 1, &len), OK);
    CHECK_EQ(len, sizeof(sent));
    (void)loop_turn(&m.loop, 0);
    while (total < sizeof(sent)) {
        CHECK(m.client.stream->is_readable);
        CHECK_EQ(stream_read(m.client.stream, room, sizeof(room), &len), OK);
        total += len;
    }
    if (m.client.stream->is_readable)
        CHECK_EQ(stream_read(m.client.stream, room, sizeof(room), &len), ERR_AGAIN);
    CHECK(!m.client.stream->is_readable);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_pieces_of_one_write_are_sealed_as_one_record)
{
    static char body[15'000];
    struct meeting m;
    unsigned char record[20'000];
    size_t len = 0;
    struct iovec iov[] = {
        stream_piece(STR("head ")), {NULL, 0}, {body, sizeof(body)}, stream_piece(STR(" end"))};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    // Behind the ticket, which the server has sent by itself.
    (void)stream_read(m.client.lower, record, sizeof(record), &len);
    CHECK_EQ(stream_write(m.server.stream, iov, 4, &len), OK);
    CHECK_EQ(len, sizeof(body) + 9);
    CHECK_EQ(stream_read(m.client.lower, record, sizeof(record), &len), OK);
    CHECK_EQ(record[0], 23);                                 // RFC 8446, section 5.1
    CHECK_EQ(((size_t)record[3] << 8 | record[4]) + 5, len); // and nothing behind it
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

// Fills `iov` with pieces of `bytes` cut at random; returns how many.
static int cut_pieces(struct random *r, char *bytes, size_t size, struct iovec *iov, int max)
{
    int count = 0;

    while (size > 0 && count < max) {
        size_t span = (size_t)1 << random_below(r, 16);
        size_t len = (size_t)random_below(r, span + 1);
        if (len > size) len = size;
        iov[count++] = (struct iovec){len ? bytes : NULL, len};
        bytes += len;
        size -= len;
    }
    return count;
}

TEST(tls_stream_cut_at_random_loses_nothing)
{
    static char sent[300'000];
    static char got[sizeof(sent)];
    struct random r;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    random_init(&r, test_seed());
    for (size_t i = 0; i < sizeof(sent); i++) {
        sent[i] = (char)random_u64(&r);
    }
    for (int round = 0; round < 8; round++) {
        struct meeting m;
        size_t out = 0;
        size_t in = 0;
        size_t len = 0;
        struct memory_stream_options o = {.capacity = 100 + (size_t)random_below(&r, 30'000),
                                          .seed = test_seed() + (uint64_t)round + 1};
        meet_well(&m, c, s, o);
        for (int turn = 0; in < sizeof(sent); turn++) {
            CHECK(turn < 1'000'000); // bytes were lost
            struct iovec iov[6];
            int count = cut_pieces(&r, sent + out, sizeof(sent) - out, iov, 6);
            if (m.client.stream->is_writable && count > 0 &&
                stream_write(m.client.stream, iov, count, &len) == OK)
                out += len;
            (void)loop_turn(&m.loop, 0);
            size_t room = 1 + (size_t)random_below(&r, 20'000);
            if (room > sizeof(got) - in) room = sizeof(got) - in;
            if (m.server.stream->is_readable &&
                stream_read(m.server.stream, got + in, room, &len) == OK)
                in += len;
        }
        CHECK(memcmp(sent, got, sizeof(sent)) == 0);
        part(&m);
    }
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_that_is_full_waits_and_close_delivers_what_was_written)
{
    static char sent[100'000];
    struct meeting m;
    size_t len = 0;
    size_t total = 0;
    char room[5000];
    err e = OK;
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){.capacity = 20'000});
    CHECK_EQ(stream_write(m.client.stream, &iov, 1, &len), OK);
    size_t written = len;
    CHECK(written < sizeof(sent));
    CHECK(!m.client.stream->is_writable);
    CHECK_EQ(send_text(&m.client, "other bytes"), ERR_AGAIN);
    leave(&m.client, STREAM_CLOSE);
    for (;;) {
        (void)loop_turn(&m.loop, 0);
        e = stream_read(m.server.stream, room, sizeof(room), &len);
        if (e && e != ERR_AGAIN) break;
        if (!e) total += len;
    }
    CHECK_EQ(e, ERR_EOF);
    CHECK_EQ(total, written);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_close_does_not_wait_for_ever_on_a_peer_that_does_not_read)
{
    static char sent[100'000];
    struct meeting m;
    size_t len = 0;
    char room[64];
    err e = OK;
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){.capacity = 5000});
    CHECK_EQ(stream_write(m.client.stream, &iov, 1, &len), OK);
    leave(&m.client, STREAM_CLOSE);
    loop_run(&m.loop);
    CHECK_EQ(m.loop.now, 5000);
    (void)receive(&m.server, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_CLOSED);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_close_does_not_wait_where_the_loop_stops)
{
    static char sent[100'000];
    struct meeting m;
    size_t len = 0;
    char room[20'000];
    err e = OK;
    struct iovec iov = {sent, sizeof(sent)};
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){.capacity = 5000});
    CHECK_EQ(stream_write(m.client.stream, &iov, 1, &len), OK);
    loop_stop(&m.loop);
    leave(&m.client, STREAM_CLOSE);
    while (!e) {
        (void)receive(&m.server, room, sizeof(room), &e);
    }
    CHECK_EQ(e, ERR_CLOSED); // no orderly end
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}

TEST(tls_stream_early_answer_is_read_though_writing_fails)
{
    struct meeting m;
    char room[64];
    err e = OK;
    struct tls_client *c = open_client(&authority);
    struct tls_server *s = open_server(&host);

    meet_well(&m, c, s, (struct memory_stream_options){0});
    CHECK_EQ(send_text(&m.server, "too large"), OK);
    leave(&m.server, STREAM_CLOSE);
    CHECK_EQ(send_text(&m.client, "body"), ERR_CLOSED);
    CHECK_EQ(send_text(&m.client, "more"), ERR_CLOSED);
    CHECK_STR(receive(&m.client, room, sizeof(room), &e), "too large");
    (void)receive(&m.client, room, sizeof(room), &e);
    CHECK_EQ(e, ERR_EOF);
    part(&m);
    tls_client_close(c);
    tls_server_unref(s);
}
