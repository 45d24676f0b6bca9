#include "gateway/call_record.h"

#include <string.h>

enum { OWN_ID = 28 }; // "req_" and digits

str call_record_id(struct gateway *g, struct server_call *call)
{
    const struct h1_field *given = h1_field_find(&call->head, STR("x-request-id"));
    char *text = NULL;
    uint64_t bits = 0;

    if (given && given->value.len && given->value.len <= CALL_RECORD_ID_MAX &&
        h1_is_token(given->value))
        return given->value;
    text = arena_alloc_raw(&call->arena, OWN_ID);
    memcpy(text, "req_", 4);
    for (size_t i = 4; i < OWN_ID; i++) {
        if ((i & 15) == 4) bits = random_u64(&g->random);
        text[i] = "0123456789abcdef"[bits & 15];
        bits >>= 4;
    }
    return (str){.ptr = text, .len = OWN_ID};
}

static void count_status(struct metrics *m, unsigned status)
{
    switch (status / 100) {
    case 2: metrics_add(&m->answers_2xx, 1); break;
    case 3: metrics_add(&m->answers_3xx, 1); break;
    case 4: metrics_add(&m->answers_4xx, 1); break;
    case 5: metrics_add(&m->answers_5xx, 1); break;
    default: break;
    }
}

void call_record_count(struct metrics *m, const struct server_call *call, usec now, bool is_gone)
{
    count_status(m, call->status);
    if (is_gone) metrics_add(&m->clients_gone, 1);
    metrics_add(&m->received_bytes, call->received_bytes);
    metrics_add(&m->sent_bytes, call->sent_bytes);
    metrics_observe(&m->duration, now - call->started_us);
}
