#include "provider/openai_embedding.h"

#include "support/test.h"

enum { TEXT_MAX = 1 << 18 };

// A request that is read and written again; or what is wrong with it.
static void check_request(str body, err want_error, const char *want)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct embedding_request q = {.input_count = 99};
    struct arena a;
    struct gather g;

    arena_init(&a, 4096);
    gather_init(&g, TEXT_MAX);
    err e = openai_embedding_read(body, &a, &q, &notes);
    CHECK_EQ(e, want_error);
    if (e) {
        CHECK_EQ(q.input_count, 99); // written only on success
        CHECK_SAME(notes.param, str_from_c(want));
        CHECK(notes.problem.len > 0);
    } else {
        CHECK_EQ(openai_embedding_write(&q, &g, &notes), OK);
        CHECK_SAME(buf_view(&g.text), str_from_c(want));
    }
    gather_done(&g);
    arena_reset(&a);
}

TEST(openai_embedding_keeps_all_of_a_request)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"input\":\"a\\u00e4\"}",
        "{\"model\":\"m\",\"input\":[\"a\",\"\"],\"encoding_format\":\"base64\"}",
        "{\"model\":\"m\",\"input\":[1,2e0, 3]}",
        "{\"model\":\"m\",\"input\":[[1,2],[3]],\"encoding_format\":\"float\"}",
        "{\"model\":\"m\",\"input\":\"a\",\"dimensions\":2.56e2,\"user\":\"u\"}",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        check_request(str_from_c(bodies[i]), OK, bodies[i]);
    }
    check_request(STR("{\"input\":[\"x\",\"y\"],\"input\":[\"a\"],\"model\":\"m\",\"user\":null}"),
                  OK, "{\"model\":\"m\",\"input\":\"a\"}");
}

TEST(openai_embedding_refuses_what_is_no_request)
{
    check_request(STR("{}"), ERR_TYPE, "model");
    check_request(STR("{\"model\":\"m\"}"), ERR_TYPE, "input");
    check_request(STR("{\"model\":\"m\",\"input\":[]}"), ERR_TYPE, "input");
    check_request(STR("{\"model\":\"m\",\"input\":7}"), ERR_TYPE, "input");
    check_request(STR("{\"model\":\"m\",\"input\":[\"a\",{}]}"), ERR_TYPE, "input[1]");
    check_request(STR("{\"model\":\"m\",\"input\":[1,\"a\"]}"), ERR_TYPE, "input");
    check_request(STR("{\"model\":\"m\",\"input\":[[1,1.5]]}"), ERR_TYPE, "input[0]");
    check_request(STR("{\"model\":\"m\",\"input\":\"a\",\"dimensions\":0}"), ERR_RANGE,
                  "dimensions");
    check_request(STR("{\"model\":\"m\",\"input\":\"a\",\"encoding_format\":\"int8\"}"), ERR_RANGE,
                  "encoding_format");
    check_request(STR("{\"model\":\"m\",\"input\":[\"a\""), ERR_SYNTAX, "");
    check_request(STR("{\"model\":\"m\",\"input\":["), ERR_SYNTAX, "");
}

TEST(openai_embedding_bounds_its_inputs)
{
    struct buf body;

    buf_init(&body, TEXT_MAX);
    CHECK_EQ(buf_append(&body, STR("{\"model\":\"m\",\"input\":[\"a\"")), OK);
    for (int i = 0; i < EMBEDDING_INPUTS_MAX; i++) {
        CHECK_EQ(buf_append(&body, STR(",\"a\"")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("]}")), OK);
    check_request(buf_view(&body), ERR_LIMIT, "input[2048]");
    buf_done(&body);
}

TEST(openai_embedding_does_not_mix_texts_and_tokens)
{
    struct embedding_input inputs[] = {{.text = chat_text_plain(STR("a"))},
                                       {.tokens_json = STR("[1]")}};
    struct embedding_request q = {.inputs = inputs, .input_count = 2};
    struct chat_notes notes = {.dropped_count = 0};
    struct gather g;

    gather_init(&g, TEXT_MAX);
    CHECK_EQ(openai_embedding_write(&q, &g, &notes), ERR_UNSUPPORTED);
    CHECK_STR(notes.param, "input");
    gather_done(&g);
}

TEST(openai_embedding_notes_what_it_drops)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct embedding_request q;
    struct arena a;

    arena_init(&a, 4096);
    CHECK_EQ(openai_embedding_read(STR("{\"model\":\"m\",\"input\":\"a\",\"input_type\":\"q\"}"),
                                   &a, &q, &notes),
             OK);
    CHECK_EQ(notes.dropped_count, 1);
    CHECK_STR(notes.dropped[0], "input_type");
    arena_reset(&a);
}

// 1, -2.5 and 0.1 in either form.
#define LETTERS "\"AACAPwAAIMDNzMw9\""
#define NUMBERS "[1,-2.5,0.1]"
#define ANSWER(first, second, model)                                                               \
    "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":" first    \
    "},{\"object\":\"embedding\",\"index\":1,\"embedding\":" second "}],\"model\":\"" model        \
    "\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}"

static void check_answer(str body, str model, enum embedding_encoding encoding, const char *want)
{
    struct embedding_answer answer;
    struct arena a;
    struct buf out;

    arena_init(&a, 4096);
    buf_init(&out, TEXT_MAX);
    CHECK_EQ(openai_embedding_read_answer(body, &a, &answer), OK);
    CHECK_EQ(openai_embedding_write_answer(&answer, model, encoding, &out), OK);
    CHECK_SAME(buf_view(&out), str_from_c(want));
    buf_done(&out);
    arena_reset(&a);
}

TEST(openai_embedding_answers_in_the_encoding_that_was_asked_for)
{
    const str mixed = STR(ANSWER(NUMBERS, LETTERS, "ada"));

    check_answer(mixed, STR(""), EMBEDDING_FLOAT, ANSWER(NUMBERS, NUMBERS, "ada"));
    check_answer(mixed, STR(""), EMBEDDING_UNSET, ANSWER(NUMBERS, NUMBERS, "ada"));
    check_answer(mixed, STR("mine"), EMBEDDING_BASE64, ANSWER(LETTERS, LETTERS, "mine"));
    // As they are written, where they have that form.
    check_answer(STR(ANSWER("[1.0, -25e-1]", "[]", "m")), STR(""), EMBEDDING_FLOAT,
                 ANSWER("[1.0, -25e-1]", "[]", "m"));
    check_answer(STR("{\"data\":[{\"embedding\":[]},{\"embedding\":\"\"}],\"model\":\"m\","
                     "\"usage\":{\"total_tokens\":8,\"prompt_tokens\":8}}"),
                 STR(""), EMBEDDING_BASE64, ANSWER("\"\"", "\"\"", "m"));
}

TEST(openai_embedding_refuses_what_is_no_answer)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"data\":[]}",
        "{\"data\":[{}]}",
        "{\"data\":[7]}",
        "{\"data\":[{\"embedding\":{}}]}",
    };
    struct embedding_answer answer;
    struct arena a;

    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        CHECK(openai_embedding_read_answer(str_from_c(bodies[i]), &a, &answer) != OK);
    }
    arena_reset(&a);
}

TEST(openai_embedding_bounds_the_vectors_of_an_answer)
{
    struct embedding_answer answer;
    struct arena a;
    struct buf body;

    arena_init(&a, 4096);
    buf_init(&body, TEXT_MAX);
    CHECK_EQ(buf_append(&body, STR("{\"data\":[{\"embedding\":[]}")), OK);
    for (int i = 1; i <= EMBEDDING_INPUTS_MAX; i++) {
        CHECK_EQ(buf_append(&body, STR(",{\"embedding\":[]}")), OK);
    }
    CHECK_EQ(buf_append(&body, STR("]}")), OK);
    CHECK_EQ(openai_embedding_read_answer(buf_view(&body), &a, &answer), ERR_LIMIT);
    buf_done(&body);
    arena_reset(&a);
}

static err mended(const char *body, enum embedding_encoding encoding, const char *want)
{
    struct buf out;

    buf_init(&out, TEXT_MAX);
    CHECK_EQ(buf_append(&out, STR("before ")), OK);
    err e = openai_embedding_mend(str_from_c(body), encoding, &out);
    if (!e) CHECK_SAME(str_sub(buf_view(&out), 7, TEXT_MAX), str_from_c(want));
    if (e == ERR_ABSENT) CHECK_STR(buf_view(&out), "before ");
    buf_done(&out);
    return e;
}

TEST(openai_embedding_mends_vectors_and_nothing_else)
{
#define BODY(a, b)                                                                                 \
    "{ \"x\" : 1.0, \"data\": [ {\"embedding\" : " a " ,\"index\":0}, {\"index\":1, "              \
    "\"y\":[2], \"embedding\":" b "}] }\n"

    CHECK_EQ(mended(BODY(NUMBERS, NUMBERS), EMBEDDING_BASE64, BODY(LETTERS, LETTERS)), OK);
    CHECK_EQ(mended(BODY(LETTERS, LETTERS), EMBEDDING_FLOAT, BODY(NUMBERS, NUMBERS)), OK);
    CHECK_EQ(mended(BODY(LETTERS, NUMBERS), EMBEDDING_UNSET, BODY(NUMBERS, NUMBERS)), OK);
    CHECK_EQ(mended(BODY("\"AACA\\u0050w==\"", "[]"), EMBEDDING_FLOAT, BODY("[1]", "[]")), OK);
    CHECK_EQ(mended(BODY(LETTERS, LETTERS), EMBEDDING_BASE64, ""), ERR_ABSENT);
    CHECK_EQ(mended(BODY(NUMBERS, NUMBERS), EMBEDDING_FLOAT, ""), ERR_ABSENT);
    CHECK_EQ(mended("{\"error\":{}}", EMBEDDING_BASE64, ""), ERR_ABSENT);
    CHECK_EQ(mended("not JSON", EMBEDDING_BASE64, ""), ERR_ABSENT);
    CHECK_EQ(mended(BODY("null", "7"), EMBEDDING_BASE64, ""), ERR_ABSENT);
}

TEST(openai_embedding_does_not_mend_what_is_no_vector)
{
    CHECK_EQ(mended(BODY("[\"a\"]", NUMBERS), EMBEDDING_BASE64, ""), ERR_TYPE);
    CHECK_EQ(mended(BODY("[1e99]", NUMBERS), EMBEDDING_BASE64, ""), ERR_RANGE);
    CHECK_EQ(mended(BODY("\"AACAPw=\"", LETTERS), EMBEDDING_FLOAT, ""), ERR_SYNTAX);
    CHECK_EQ(mended(BODY("\"AACA\"", LETTERS), EMBEDDING_FLOAT, ""), ERR_SYNTAX);
    CHECK_EQ(mended(BODY("\"AADAfw==\"", LETTERS), EMBEDDING_FLOAT, ""), ERR_RANGE); // NaN
    CHECK_EQ(mended("{\"data\":[{\"embedding\":[1]}] ", EMBEDDING_BASE64, ""), ERR_SYNTAX);
}
