#include "support/h2_peer.h"

#include "support/test.h"

#include <string.h>

enum { FRAME_HEAD = 9, NV_MAX = 64, TOLD_MAX = 64 << 20 };

struct stream *h2_peer_connect(struct h2_peer *p, struct loop *loop,
                               struct memory_stream_options options)
{
    struct stream *far = NULL;

    *p = (struct h2_peer){.frames = 0};
    far = fake_client_connect(&p->client, loop, options);
    CHECK_EQ(nghttp2_hd_deflate_new(&p->deflater, 4096), 0);
    CHECK_EQ(nghttp2_hd_inflate_new(&p->inflater), 0);
    buf_init(&p->told, TOLD_MAX);
    buf_init(&p->text, TOLD_MAX);
    buf_init(&p->body, TOLD_MAX);
    return far;
}

void h2_peer_done(struct h2_peer *p)
{
    fake_client_done(&p->client);
    nghttp2_hd_deflate_del(p->deflater);
    nghttp2_hd_inflate_del(p->inflater);
    buf_done(&p->told);
    buf_done(&p->text);
    buf_done(&p->body);
}

void h2_peer_say(struct h2_peer *p, str bytes)
{
    fake_client_say(&p->client, bytes);
}

void h2_peer_frame_head(struct h2_peer *p, unsigned type, unsigned flags, uint32_t id, size_t len)
{
    const char head[FRAME_HEAD] = {(char)(len >> 16), (char)(len >> 8), (char)len,
                                   (char)type,        (char)flags,      (char)(id >> 24),
                                   (char)(id >> 16),  (char)(id >> 8),  (char)id};

    h2_peer_say(p, (str){.ptr = head, .len = sizeof(head)});
}

void h2_peer_frame(struct h2_peer *p, unsigned type, unsigned flags, uint32_t id, str payload)
{
    h2_peer_frame_head(p, type, flags, id, payload.len);
    h2_peer_say(p, payload);
}

void h2_peer_begin(struct h2_peer *p)
{
    h2_peer_say(p, STR(NGHTTP2_CLIENT_MAGIC));
    h2_peer_frame(p, NGHTTP2_SETTINGS, 0, 0, STR(""));
}

size_t h2_peer_encode(struct h2_peer *p, str fields, char *out, size_t size)
{
    nghttp2_nv nv[NV_MAX];
    size_t count = 0;
    ssize_t len = 0;

    while (fields.len) {
        str field = str_cut(&fields, '|');
        size_t at = str_find(field, STR(": "));
        CHECK(count < NV_MAX && at < field.len);
        nv[count++] = (nghttp2_nv){.name = (uint8_t *)(uintptr_t)field.ptr,
                                   .namelen = at,
                                   .value = (uint8_t *)(uintptr_t)field.ptr + at + 2,
                                   .valuelen = field.len - at - 2,
                                   .flags = NGHTTP2_NV_FLAG_NONE};
    }
    len = nghttp2_hd_deflate_hd(p->deflater, (uint8_t *)out, size, nv, count);
    CHECK(len >= 0);
    return (size_t)len;
}

void h2_peer_headers(struct h2_peer *p, unsigned flags, uint32_t id, str fields)
{
    char block[16'384];
    size_t len = h2_peer_encode(p, fields, block, sizeof(block));

    h2_peer_frame(p, NGHTTP2_HEADERS, flags | H2_PEER_END_HEADERS, id,
                  (str){.ptr = block, .len = len});
}

void h2_peer_number(struct h2_peer *p, unsigned type, uint32_t id, uint32_t number)
{
    const char bytes[4] = {(char)(number >> 24), (char)(number >> 16), (char)(number >> 8),
                           (char)number};

    h2_peer_frame(p, type, 0, id, (str){.ptr = bytes, .len = sizeof(bytes)});
}

static uint32_t number_at(str s, size_t at)
{
    uint32_t number = 0;

    CHECK(at + 4 <= s.len);
    for (size_t i = 0; i < 4; i++) {
        number = number << 8 | (unsigned char)s.ptr[at + i];
    }
    return number;
}

static void tell(struct h2_peer *p, const char *what, uint32_t id)
{
    CHECK_EQ(buf_append_format(&p->told, "%s %u", what, id), OK);
}

static void tell_text(struct h2_peer *p, str text)
{
    CHECK_EQ(buf_append_char(&p->told, ' '), OK);
    CHECK_EQ(buf_append(&p->told, text), OK);
}

static void decode_block(struct h2_peer *p, str block, bool is_last)
{
    const uint8_t *at = (const uint8_t *)block.ptr;
    size_t left = block.len;

    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(p->inflater, &nv, &flags, at, left, is_last);
        CHECK(used >= 0);
        at += used;
        left -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT)
            CHECK_EQ(buf_append_format(&p->text, " %.*s=%.*s", (int)nv.namelen,
                                       (const char *)nv.name, (int)nv.valuelen,
                                       (const char *)nv.value),
                     OK);
        if (flags & NGHTTP2_HD_INFLATE_FINAL) nghttp2_hd_inflate_end_headers(p->inflater);
        if (flags & NGHTTP2_HD_INFLATE_FINAL || (!(flags & NGHTTP2_HD_INFLATE_EMIT) && !left))
            return;
    }
}

static void tell_headers(struct h2_peer *p, unsigned flags, uint32_t id, str payload)
{
    decode_block(p, payload, flags & H2_PEER_END_HEADERS);
    if (!(flags & H2_PEER_END_HEADERS)) return;
    tell(p, "HEADERS", id);
    if (flags & H2_PEER_END_STREAM) tell_text(p, STR("END"));
    CHECK_EQ(buf_append(&p->told, buf_view(&p->text)), OK);
    buf_clear(&p->text);
}

static void tell_settings(struct h2_peer *p, unsigned flags, str payload)
{
    CHECK_EQ(buf_append(&p->told, STR("SETTINGS")), OK);
    if (flags & H2_PEER_ACK) tell_text(p, STR("ack"));
    for (size_t at = 0; at + 6 <= payload.len; at += 6) {
        CHECK_EQ(buf_append_format(&p->told, " %u=%u", (unsigned)payload.ptr[at + 1],
                                   number_at(payload, at + 2)),
                 OK);
    }
}

static void tell_code(struct h2_peer *p, uint32_t code)
{
    tell_text(p, str_from_c(nghttp2_http2_strerror(code)));
}

static void tell_frame(struct h2_peer *p, unsigned type, unsigned flags, uint32_t id, str payload)
{
    switch (type) {
    case NGHTTP2_DATA:
        CHECK_EQ(buf_append(&p->body, payload), OK);
        tell(p, "DATA", id);
        if (flags & H2_PEER_END_STREAM) tell_text(p, STR("END"));
        tell_text(p, payload);
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION: tell_headers(p, flags, id, payload); return;
    case NGHTTP2_RST_STREAM:
        tell(p, "RST_STREAM", id);
        tell_code(p, number_at(payload, 0));
        break;
    case NGHTTP2_SETTINGS: tell_settings(p, flags, payload); break;
    case NGHTTP2_PING:
        CHECK_EQ(buf_append(&p->told, flags & H2_PEER_ACK ? STR("PING ack") : STR("PING")), OK);
        if (flags & H2_PEER_ACK) tell_text(p, payload);
        break;
    case NGHTTP2_GOAWAY:
        tell(p, "GOAWAY", number_at(payload, 0));
        tell_code(p, number_at(payload, 4));
        break;
    case NGHTTP2_WINDOW_UPDATE:
        tell(p, "WINDOW_UPDATE", id);
        CHECK_EQ(buf_append_format(&p->told, " %u", number_at(payload, 0)), OK);
        break;
    default: test_fail(__FILE__, __LINE__, "a frame of type %u", type);
    }
}

static void tell_whole_frames(struct h2_peer *p)
{
    struct buf *seen = &p->client.seen;

    for (str in = buf_view(seen); in.len >= FRAME_HEAD; in = buf_view(seen)) {
        size_t len = number_at(in, 0) >> 8;
        unsigned type = (unsigned char)in.ptr[3];
        unsigned flags = (unsigned char)in.ptr[4];
        if (in.len < FRAME_HEAD + len) return;
        CHECK(len <= 16'384);
        size_t before = buf_len(&p->told);
        tell_frame(p, type, flags, number_at(in, 5) & INT32_MAX, str_sub(in, FRAME_HEAD, len));
        if (buf_len(&p->told) > before) CHECK_EQ(buf_append_char(&p->told, '\n'), OK);
        buf_consume(seen, FRAME_HEAD + len);
        p->frames++;
    }
}

str h2_peer_told(struct h2_peer *p)
{
    tell_whole_frames(p);
    return buf_view(&p->told);
}

void h2_peer_forget(struct h2_peer *p)
{
    tell_whole_frames(p);
    buf_clear(&p->told);
}
