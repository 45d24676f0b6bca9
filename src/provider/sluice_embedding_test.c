#include "provider/sluice_embedding.h"

#include "provider/openai_embedding.h"

#include "support/test.h"

#include <string.h>

enum { TEXT_MAX = 1 << 16 };

// Over gRPC and in OpenAI's words.
static void check_request(str body, const char *json, str again)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct embedding_request q;
    struct gather text;
    struct gather back;
    struct arena a;

    arena_init(&a, 4096);
    gather_init(&text, TEXT_MAX);
    gather_init(&back, TEXT_MAX);
    CHECK_EQ(sluice_embedding_read(body, &a, &q, &notes), OK);
    CHECK_EQ(openai_embedding_write(&q, &text, &notes), OK);
    CHECK_SAME(buf_view(&text.text), str_from_c(json));
    CHECK_EQ(openai_embedding_read(str_from_c(json), &a, &q, &notes), OK);
    CHECK_EQ(sluice_embedding_write(&q, &back, &notes), OK);
    CHECK_SAME(buf_view(&back.text), again);
    gather_done(&back);
    gather_done(&text);
    arena_reset(&a);
}

TEST(sluice_embedding_asks_for_texts_and_tokens)
{
    str texts = STR("\x0a\x01m\x12\x03\x0a\x01x\x12\x02\x0a\x00\x18\x08\x22\x01u");
    str tokens = STR("\x0a\x01m\x12\x07\x12\x05\x0a\x03\x01\xac\x02\x12\x05\x12\x03\x0a\x01\x07");

    check_request(texts,
                  "{\"model\":\"m\",\"input\":[\"x\",\"\"],\"encoding_format\":\"base64\","
                  "\"dimensions\":8,\"user\":\"u\"}",
                  texts);
    check_request(
        tokens, "{\"model\":\"m\",\"input\":[[1,300],[7]],\"encoding_format\":\"base64\"}", tokens);
    // Tokens one by one, as senders may have them.
    check_request(STR("\x0a\x01m\x12\x06\x12\x04\x08\x05\x08\x06"),
                  "{\"model\":\"m\",\"input\":[5,6],\"encoding_format\":\"base64\"}",
                  STR("\x0a\x01m\x12\x06\x12\x04\x0a\x02\x05\x06"));
}

static void check_refused(str body, err want, const char *problem)
{
    struct embedding_request q = {.input_count = 99};
    struct chat_notes notes = {.dropped_count = 0};
    struct arena a;

    arena_init(&a, 4096);
    CHECK_EQ(sluice_embedding_read(body, &a, &q, &notes), want);
    CHECK_SAME(notes.problem, str_from_c(problem));
    CHECK_EQ(q.input_count, 99); // written only on success
    arena_reset(&a);
}

TEST(sluice_embedding_refuses_what_is_no_request)
{
    check_refused(STR("\x12\x03\x0a\x01x"), ERR_TYPE, "You must name a model.");
    check_refused(STR("\x0a\x01m"), ERR_TYPE, "There is nothing to embed.");
    check_refused(STR("\x0a\x01m\x12\x00"), ERR_TYPE, "An input is a text or tokens.");
    check_refused(STR("\x0a\x01m\x12\x09"), ERR_SYNTAX, "The request is no valid EmbedRequest.");
    check_refused(STR("\x0a\x01m\x12\x05\x12\x03\x0a\x01\xff"), ERR_SYNTAX,
                  "The request is no valid EmbedRequest.");
}

TEST(sluice_embedding_keeps_every_bit_of_a_vector)
{
    // 1, -0, the least number above 0, the greatest, 0.1.
    static const uint32_t bits[] = {0x3f800000, 0x80000000, 1, 0x7f7fffff, 0x3dcccccd};
    float floats[5];
    struct embedding_vector v = {.index = 3, .floats = floats, .float_count = 5};
    const struct embedding_answer answer = {.model = chat_text_plain(STR("m")),
                                            .vectors = &v,
                                            .vector_count = 1,
                                            .usage = {.input_tokens = 7, .is_known = true}};
    struct embedding_answer again;
    struct arena a;
    struct buf wire;
    struct buf json;
    struct buf back;

    memcpy(floats, bits, sizeof(bits));
    arena_init(&a, 4096);
    buf_init(&wire, TEXT_MAX);
    buf_init(&json, TEXT_MAX);
    buf_init(&back, TEXT_MAX);
    for (enum embedding_encoding e = EMBEDDING_FLOAT; e <= EMBEDDING_BASE64; e++) {
        buf_clear(&wire);
        buf_clear(&json);
        buf_clear(&back);
        CHECK_EQ(sluice_embedding_write_answer(&answer, STR(""), EMBEDDING_UNSET, &wire), OK);
        CHECK_EQ(sluice_embedding_read_answer(buf_view(&wire), &a, &again), OK);
        CHECK_EQ(openai_embedding_write_answer(&again, STR(""), e, &json), OK);
        CHECK_EQ(openai_embedding_read_answer(buf_view(&json), &a, &again), OK);
        CHECK_EQ(sluice_embedding_write_answer(&again, STR(""), EMBEDDING_UNSET, &back), OK);
        CHECK_SAME(buf_view(&back), buf_view(&wire));
        CHECK_EQ(again.usage.input_tokens, 7);
    }
    buf_done(&back);
    buf_done(&json);
    buf_done(&wire);
    arena_reset(&a);
}

TEST(sluice_embedding_refuses_what_is_no_answer)
{
    static const str bad[] = {STR_INIT(""), STR_INIT("\x0a\x01m"), STR_INIT("\x12\x09"),
                              STR_INIT("\x12\x05\x12\x03"
                                       "abc"),
                              STR_INIT("\x12\x02\x12\x05")};
    struct embedding_answer answer;
    struct arena a;

    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_EQ(sluice_embedding_read_answer(bad[i], &a, &answer), ERR_SYNTAX);
    }
    arena_reset(&a);
}
