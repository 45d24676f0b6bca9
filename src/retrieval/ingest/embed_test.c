#include "retrieval/ingest/embed.h"

#include "support/test.h"

static err count_up(struct embedder *e, const str *texts, size_t count, float *out,
                    const struct embed_limits *limits)
{
    if (atomic_load(limits->cancel)) return ERR_CANCELED;
    for (size_t i = 0; i < count * e->dim; i++) {
        out[i] = (float)(texts[i / e->dim].len + i);
    }
    return OK;
}

static struct embedder fine(void)
{
    return (struct embedder){.embed = count_up,
                             .name = STR("count"),
                             .version = STR("1"),
                             .dim = 2,
                             .batch_max = 2,
                             .text_bytes_max = 100};
}

TEST(embed_passes_texts_and_limits_on)
{
    struct embedder e = fine();
    atomic_bool cancel = false;
    struct embed_limits limits = {TIME_NEVER, &cancel};
    float out[4] = {0};

    CHECK_EQ(embed(&e, (str[]){STR("a"), STR("bcd")}, 2, out, &limits), OK);
    CHECK_EQ(out[0], 1);
    CHECK_EQ(out[3], 6);
    atomic_store(&cancel, true);
    CHECK_EQ(embed(&e, (str[]){STR("a")}, 1, out, &limits), ERR_CANCELED);
}

TEST(embed_check_refuses_numbers_that_nothing_can_work_with)
{
    struct embedder e = fine();

    CHECK_EQ(embed_check(&e), OK);
    e.dim = EMBED_DIM_MAX + 1;
    CHECK_EQ(embed_check(&e), ERR_RANGE);
    e = fine();
    e.batch_max = 0;
    CHECK_EQ(embed_check(&e), ERR_RANGE);
    e = fine();
    e.batch_bytes_max = 99;
    CHECK_EQ(embed_check(&e), ERR_RANGE);
    e.batch_bytes_max = 100;
    CHECK_EQ(embed_check(&e), OK);
    e.text_bytes_max = 0;
    CHECK_EQ(embed_check(&e), ERR_RANGE);
}

TEST(embed_faults_tell_what_to_do)
{
    CHECK_EQ(embed_fault_of(ERR_AGAIN), EMBED_FAULT_PASSES);
    CHECK_EQ(embed_fault_of(ERR_TIMEOUT), EMBED_FAULT_PASSES);
    CHECK_EQ(embed_fault_of(ERR_LIMIT), EMBED_FAULT_TEXT);
    CHECK_EQ(embed_fault_of(ERR_DENIED), EMBED_FAULT_ALL);
    CHECK_EQ(embed_fault_of(ERR_SYSTEM), EMBED_FAULT_ALL);
}

TEST(embed_stamp_differs_between_models_versions_and_dims)
{
    struct embedder a = fine();
    struct embedder b = fine();

    CHECK_EQ(embed_stamp(&a), embed_stamp(&b));
    b.dim = 3;
    CHECK(embed_stamp(&a) != embed_stamp(&b));
    b = fine();
    b.version = STR("2");
    CHECK(embed_stamp(&a) != embed_stamp(&b));
    b = fine();
    b.name = STR("coun");
    b.version = STR("t1");
    CHECK(embed_stamp(&a) != embed_stamp(&b));
}
