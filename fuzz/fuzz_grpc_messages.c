// Any bytes are a question of reflection or health, a google.rpc.Status or the value of a field:
// all are answered or refused, and a status that was read reads the same once written.
#include "grpc/grpc_timeout.h"
#include "grpc/health.h"
#include "grpc/own_descriptors.h"
#include "grpc/reflection.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { ANSWER_MAX = 1 << 20 };

static const struct descriptor_pool *pool;
static struct arena schemas;
static struct diag findings;

static void check(bool is_true)
{
    if (!is_true) abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    arena_init(&schemas, 1 << 16);
    diag_init(&findings);
    check(descriptor_read(own_descriptors(), &schemas, &findings, &pool) == OK);
    return 0;
}

static void check_questions(str bytes, struct arena *arena)
{
    struct reflection r = {&pool, 1};
    struct health h = {&pool, 1, true};
    struct health_watch w;
    struct status status;
    struct buf out;

    buf_init(&out, ANSWER_MAX);
    err e = reflection_answer(&r, bytes, arena, &out);
    check(e == OK || e == ERR_SYNTAX);
    check((e == OK) == (buf_len(&out) > 0));
    buf_clear(&out);
    check(health_check(&h, bytes, &out, &status) == OK);
    check((status.code == STATUS_OK) == (buf_len(&out) > 0));
    if (health_watch_init(&w, bytes, arena, &status) == OK)
        check(health_watch_next(&w, &h, &out) == OK);
    buf_done(&out);
}

static void check_status(str bytes, struct arena *arena)
{
    struct status first;
    struct status second;
    struct buf out;

    if (status_read(bytes, arena, &first)) return;
    buf_init(&out, bytes.len + 64);
    check(status_write(&first, &out) == OK);
    check(status_read(buf_view(&out), arena, &second) == OK);
    check(first.code == second.code && str_eq(first.message, second.message));
    check(str_eq(first.details, second.details));
    buf_done(&out);
}

static void check_fields(str bytes, struct arena *arena)
{
    struct h1_field fields[] = {{STR("grpc-status"), bytes},
                                {STR("grpc-message"), bytes},
                                {STR("grpc-status-details-bin"), bytes}};
    struct status s;
    usec timeout = 0;
    struct buf out;

    check(status_read_fields(fields, 3, arena, &s) == OK);
    check(s.message.len <= bytes.len && s.details.len <= bytes.len);
    buf_init(&out, ANSWER_MAX);
    check(status_encode_message(bytes, &out) == OK);
    check(str_eq(status_decode_message(buf_view(&out), arena), bytes));
    if (grpc_timeout_read(bytes, &timeout) == OK) check(timeout >= 0);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    str text = {(const char *)bytes, len};
    struct arena arena;

    if (len == 0 || len > 1 << 14) return 0;
    arena_init(&arena, 1 << 14);
    check_questions(text, &arena);
    check_status(text, &arena);
    check_fields(text, &arena);
    arena_reset(&arena);
    return 0;
}
