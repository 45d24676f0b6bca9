#include "assess/mock/mock_say.h"

#include "assess/mock/mock_script.h"

#include "support/test.h"

struct said {
    struct arena arena;
    struct mock_request req;
    struct mock_rule rule;
    struct mock_say say;
};

// What a rule answers to a request.
static void begin(struct said *s, const char *rule, const char *body)
{
    str param = STR("");
    struct diag d;

    *s = (struct said){0};
    arena_init(&s->arena, 4096);
    diag_init(&d);
    mock_rule_init(&s->rule);
    CHECK_EQ(mock_script_overlay(str_from_c(rule), &s->arena, &d, &s->rule), OK);
    CHECK_EQ(mock_request_read(str_from_c(body), &s->arena, &s->req, &param), OK);
    mock_say_init(&s->say, &s->req, &s->rule, &s->arena);
    diag_done(&d);
}

static const char *const question = "{\"messages\":[{\"role\":\"user\",\"content\":\"a b\"}]}";

static str words_of(struct said *s, size_t block)
{
    struct buf text;

    buf_init(&text, 4096);
    CHECK_EQ(mock_say_all(&s->say.blocks[block].words, &text), OK);
    str all = arena_str(&s->arena, buf_view(&text));
    buf_done(&text);
    return all;
}

TEST(mock_say_thinks_speaks_and_calls_in_this_order)
{
    struct said s;

    begin(&s,
          "{answer: {thinking: 'well, well', text: let me see, tools: [{name: f, arguments: "
          "'{\"a\": 1}'}, {name: g}]}}",
          question);
    CHECK_EQ(s.say.block_count, 4);
    CHECK_EQ(s.say.blocks[0].kind, MOCK_BLOCK_THINKING);
    CHECK_STR(words_of(&s, 1), "let me see");
    CHECK_STR(s.say.blocks[2].name, "f");
    CHECK_STR(words_of(&s, 3), "{}");
    CHECK_EQ(mock_say_tool_index(&s.say, 3), 1);
    CHECK_STR(s.say.finish_reason, "tool_calls");
    CHECK_EQ(s.say.thinking_tokens, 2);
    CHECK_EQ(s.say.completion_tokens, 2 + 3 + 2 + 1);
    arena_reset(&s.arena);
}

TEST(mock_say_thinks_because_a_rule_or_a_request_asks_for_it)
{
    struct said s;

    begin(&s, "{answer: {thinking_tokens: 3}}", question);
    CHECK_STR(words_of(&s, 0), "stream of words");
    CHECK_EQ(s.say.block_count, 2);
    arena_reset(&s.arena);
    begin(&s, "{answer: {tokens: 1}}", "{\"thinking\":{\"type\":\"enabled\"}}");
    CHECK_EQ(s.say.blocks[0].kind, MOCK_BLOCK_THINKING);
    CHECK_EQ(s.say.thinking_tokens, 11);
    arena_reset(&s.arena);
    begin(&s, "{answer: {tokens: 1}}", "{\"thinking\":{\"type\":\"disabled\"}}");
    CHECK_EQ(s.say.block_count, 1);
    arena_reset(&s.arena);
}

TEST(mock_say_ends_with_the_tokens_asked_for_wherever_that_is)
{
    struct said s;

    begin(&s, "{answer: {thinking: a b, text: c d, tool: f}}", "{\"max_tokens\":1}");
    CHECK_EQ(s.say.block_count, 1);
    CHECK_STR(words_of(&s, 0), "a");
    CHECK_STR(s.say.finish_reason, "length");
    CHECK_EQ(s.say.completion_tokens, 1);
    arena_reset(&s.arena);
    begin(&s, "{answer: {thinking: a b, text: c d, tool: f}}", "{\"max_tokens\":2}");
    CHECK_EQ(s.say.block_count, 1);
    CHECK_STR(s.say.finish_reason, "length");
    arena_reset(&s.arena);
    begin(&s, "{answer: {thinking: a b, text: c d, tool: f}}", "{\"max_tokens\":3}");
    CHECK_EQ(s.say.block_count, 2);
    CHECK_STR(words_of(&s, 1), "c");
    arena_reset(&s.arena);
    begin(&s, "{answer: {thinking: a b, text: c d, tool: f}}", "{\"max_tokens\":4}");
    CHECK_EQ(s.say.block_count, 3);
    CHECK_STR(s.say.finish_reason, "tool_calls");
    arena_reset(&s.arena);
}

TEST(mock_say_ends_before_the_first_stop_sequence)
{
    struct said s;

    begin(&s, "{answer: {text: 'one two three', tool: f}}",
          "{\"stop_sequences\":[\"three\",\" two\",\"\"]}");
    CHECK_EQ(s.say.block_count, 1);
    CHECK_STR(words_of(&s, 0), "one");
    CHECK_STR(s.say.stop, " two");
    CHECK_STR(s.say.finish_reason, "stop");
    arena_reset(&s.arena);
    begin(&s, "{answer: {text: 'one two three'}}", "{\"stop\":\"four\"}");
    CHECK_STR(words_of(&s, 0), "one two three");
    CHECK_EQ(s.say.stop.len, 0);
    arena_reset(&s.arena);
}

TEST(mock_say_tells_of_images_instead_of_anything_else)
{
    struct said s;

    begin(&s, "{answer: {images: true, tokens: 50, text: no}}", question);
    CHECK_STR(words_of(&s, 0), "images: 0, documents: 0");
    arena_reset(&s.arena);
}
