#include "assess/mock/mock_log.h"

#include "assess/mock/mock_member.h"
#include "base/memory.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

enum { ENTRY_ARENA_BYTES = 2048 };

void mock_log_init(struct mock_log *l, uint64_t max)
{
    *l = (struct mock_log){.max = max};
    list_init(&l->entries);
}

static void free_entry(struct mock_entry *e)
{
    buf_done(&e->body);
    EVP_MD_CTX_free(e->hash);
    arena_reset(&e->arena);
    memory_free(e);
}

static void forget_oldest(struct mock_log *l)
{
    struct link *oldest = list_pop_front(&l->entries);

    assert(oldest && l->count);
    struct mock_entry *e = container_of(oldest, struct mock_entry, link);
    l->count--;
    if (e->ended == MOCK_ENDED_NOT) {
        e->is_forgotten = true;
    } else {
        free_entry(e);
    }
}

void mock_log_clear(struct mock_log *l)
{
    while (l->count) {
        forget_oldest(l);
    }
}

void mock_log_done(struct mock_log *l)
{
    mock_log_clear(l);
}

struct mock_entry *mock_log_begin(struct mock_log *l, const struct h1_head *head, usec now_us)
{
    struct mock_entry *e = memory_new(struct mock_entry);

    arena_init(&e->arena, ENTRY_ARENA_BYTES);
    buf_init(&e->body, MOCK_LOG_BODY_MAX);
    e->id = ++l->requests;
    e->method = arena_str(&e->arena, head->method);
    e->target = arena_str(&e->arena, head->target);
    e->field_count = head->field_count;
    e->fields = arena_array(&e->arena, struct h1_field, head->field_count + 1);
    for (size_t i = 0; i < head->field_count; i++) {
        e->fields[i].name = arena_str(&e->arena, head->fields[i].name);
        e->fields[i].value = arena_str(&e->arena, head->fields[i].value);
    }
    e->wall_us = clock_wall();
    e->started_us = now_us;
    l->open++;
    list_push_back(&l->entries, &e->link);
    l->count++;
    while (l->count > l->max) {
        forget_oldest(l);
    }
    return e;
}

// Hashing fails only for want of memory, which ends the program elsewhere too.
void mock_log_body(struct mock_entry *e, str piece)
{
    size_t room = MOCK_LOG_BODY_MAX - buf_len(&e->body);

    e->body_bytes += piece.len;
    if (!e->hash && piece.len > room) {
        e->hash = EVP_MD_CTX_new();
        str kept = buf_view(&e->body);
        EVP_DigestInit_ex(e->hash, EVP_sha256(), NULL);
        EVP_DigestUpdate(e->hash, kept.ptr, kept.len);
    }
    if (e->hash) EVP_DigestUpdate(e->hash, piece.ptr, piece.len);
    // It fits: the piece is cut to the room.
    (void)buf_append(&e->body, str_sub(piece, 0, room));
}

void mock_log_sha256(const struct mock_entry *e, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    str kept = buf_view(&e->body);

    if (e->hash) {
        EVP_MD_CTX *copy = EVP_MD_CTX_new();
        EVP_MD_CTX_copy_ex(copy, e->hash);
        EVP_DigestFinal_ex(copy, sum, NULL);
        EVP_MD_CTX_free(copy);
    } else {
        EVP_Digest(kept.ptr, kept.len, sum, NULL, EVP_sha256(), NULL);
    }
    for (size_t i = 0; i < MOCK_LOG_SHA256_HEX / 2; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
}

void mock_log_end(struct mock_log *l, struct mock_entry *e, enum mock_ended how, usec now_us)
{
    e->ended = how;
    e->ended_us = now_us - e->started_us;
    l->open--;
    l->by_end[how]++;
    l->prompt_tokens += e->prompt_tokens;
    l->completion_tokens += e->completion_tokens;
    l->usages += e->has_usage;
    if (e->is_forgotten) free_entry(e);
}

static void key_ms(struct json_writer *w, str key, usec value)
{
    json_write_key(w, key);
    json_write_double(w, (double)value / 1000.0);
}

static void write_base64(struct json_writer *w, str bytes)
{
    size_t size = (bytes.len + 2) / 3 * 4 + 1;
    char *text = memory_alloc_raw(size);
    int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.ptr,
                              (int)bytes.len); // at most MOCK_LOG_BODY_MAX

    json_write_str(w, (str){.ptr = text, .len = (size_t)len});
    memory_free(text);
}

static void write_request(struct json_writer *w, const struct mock_entry *e)
{
    char address[ADDRESS_TEXT_MAX];
    char hex[MOCK_LOG_SHA256_HEX];
    str target = e->target;

    mock_log_sha256(e, hex);
    mock_member_str(w, STR("method"), e->method);
    mock_member_str(w, STR("path"), str_cut(&target, '?'));
    mock_member_str(w, STR("target"), e->target);
    mock_member_str(w, STR("peer"),
                    (str){.ptr = address, .len = stream_address_text(&e->peer, address)});
    mock_member_array(w, STR("headers"));
    for (size_t i = 0; i < e->field_count; i++) {
        json_write_array(w);
        json_write_str(w, e->fields[i].name);
        json_write_str(w, e->fields[i].value);
        json_write_array_end(w);
    }
    json_write_array_end(w);
    mock_member_u64(w, STR("body_bytes"), e->body_bytes);
    mock_member_str(w, STR("body_sha256"), (str){.ptr = hex, .len = sizeof(hex)});
    json_write_key(w, STR("body_base64"));
    if (e->hash) {
        json_write_null(w);
    } else {
        write_base64(w, buf_view(&e->body));
    }
}

static str end_name(enum mock_ended how)
{
    switch (how) {
    case MOCK_ENDED_NOT: return STR("open");
    case MOCK_ENDED_COMPLETE: return STR("complete");
    case MOCK_ENDED_FAULT: return STR("fault");
    case MOCK_ENDED_CLIENT_CLOSED: return STR("client_closed");
    }
    return STR("");
}

static void write_answer(struct json_writer *w, const struct mock_entry *e)
{
    mock_member_u64(w, STR("status"), e->status);
    mock_member_u64(w, STR("events_sent"), e->events);
    mock_member_u64(w, STR("bytes_sent"), e->sent_bytes);
    mock_member_u64(w, STR("prompt_tokens"), e->prompt_tokens);
    mock_member_u64(w, STR("completion_tokens"), e->completion_tokens);
    mock_member_bool(w, STR("usage_reported"), e->has_usage);
    mock_member_str(w, STR("ended"), end_name(e->ended));
    mock_member_str(w, STR("fault"), e->fault);
    mock_member_str(w, STR("rule"), e->rule);
    key_ms(w, STR("body_after_ms"), e->body_us);
    key_ms(w, STR("first_byte_after_ms"), e->first_us);
    key_ms(w, STR("ended_after_ms"), e->ended_us);
    json_write_key(w, STR("client_closed_after_ms"));
    if (e->ended == MOCK_ENDED_CLIENT_CLOSED) {
        json_write_double(w, (double)e->ended_us / 1000.0);
    } else {
        json_write_null(w);
    }
}

err mock_log_print(const struct mock_log *l, uint64_t last, struct buf *out)
{
    struct json_writer w;
    uint64_t skipped = l->count > last ? l->count - last : 0;

    json_write_init(&w, out);
    json_write_object(&w);
    mock_member_str(&w, STR("object"), STR("list"));
    mock_member_u64(&w, STR("requests"), l->requests);
    mock_member_array(&w, STR("data"));
    for (struct link *at = l->entries.next; at != &l->entries; at = at->next) {
        const struct mock_entry *e = container_of(at, struct mock_entry, link);
        if (skipped && skipped--) continue;
        json_write_object(&w);
        mock_member_u64(&w, STR("id"), e->id);
        key_ms(&w, STR("time_ms"), e->wall_us);
        write_request(&w, e);
        write_answer(&w, e);
        json_write_object_end(&w);
    }
    json_write_array_end(&w);
    json_write_object_end(&w);
    return w.error;
}
