// mock_log: what came to the mock, byte for byte, and what became of it.
//
// One *entry* a request, in a ring of bounded length. A body up to MOCK_LOG_BODY_MAX is kept, of a
// longer one its first bytes, its length and its SHA-256. An entry that falls out of the ring while
// its request is still open is freed when that ends. Belongs to one loop.
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "codec/h1.h"
#include "io/clock.h"
#include "io/stream.h"

#include <openssl/types.h>

enum {
    MOCK_LOG_BODY_MAX = 64 * 1024,
    MOCK_LOG_MAX = 100'000,
    MOCK_LOG_SHA256_HEX = 64,
};

enum mock_ended {
    MOCK_ENDED_NOT, // still open
    MOCK_ENDED_COMPLETE,
    MOCK_ENDED_FAULT,         // as a rule or model name said
    MOCK_ENDED_CLIENT_CLOSED, // before the answer was over
};

struct mock_entry {
    struct link link;
    struct arena arena;
    uint64_t id; // from 1
    str method;
    str target;
    struct h1_field *fields;
    size_t field_count;
    struct address peer;
    usec wall_us;
    usec started_us;
    usec body_us;  // since the start, as all below; 0: not yet
    usec first_us; // the first byte of the answer
    usec ended_us;
    struct buf body;
    uint64_t body_bytes;
    EVP_MD_CTX *hash; // NULL while all of the body is kept
    unsigned status;
    uint64_t events;
    uint64_t sent_bytes;
    // The bill: what went out so far, or what was reported once it was.
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    bool has_usage; // it was reported
    enum mock_ended ended;
    str fault; // what kind
    str rule;  // which one, for people
    bool is_forgotten;
};

struct mock_log {
    struct link entries; // oldest first
    uint64_t count;
    uint64_t max;
    uint64_t requests;
    uint64_t open;
    uint64_t by_end[4]; // enum mock_ended
    // Of all requests that are over.
    uint64_t prompt_tokens;
    uint64_t completion_tokens;
    uint64_t usages; // that were reported
};

void mock_log_init(struct mock_log *l, uint64_t max);
void mock_log_done(struct mock_log *l); // no entry may be open
// Forgets all entries; the counts stay.
void mock_log_clear(struct mock_log *l);

// A request has arrived; its texts are copied.
struct mock_entry *mock_log_begin(struct mock_log *l, const struct h1_head *head, usec now_us);
void mock_log_body(struct mock_entry *e, str piece);
// The SHA-256 of the body so far, as MOCK_LOG_SHA256_HEX digits.
void mock_log_sha256(const struct mock_entry *e, char *hex);
// The request is over; `e` is not to be used any more.
void mock_log_end(struct mock_log *l, struct mock_entry *e, enum mock_ended how, usec now_us);

// Append the newest `last` entries, oldest first, and the counts, as JSON. ERR_LIMIT.
err mock_log_print(const struct mock_log *l, uint64_t last, struct buf *out);
