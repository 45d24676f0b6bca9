#include "assess/mock/mock_script.h"

#include "support/test.h"

struct fixture {
    struct arena arena;
    struct diag diag;
    struct buf printed;
    struct mock_rule base;
    struct mock_rule *rules;
    size_t count;
};

static err read(struct fixture *f, str text)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    diag_init(&f->diag);
    buf_init(&f->printed, 1 << 20);
    mock_rule_init(&f->base);
    return mock_script_read(text, &f->base, &f->arena, &f->diag, &f->rules, &f->count);
}

static void done(struct fixture *f)
{
    buf_done(&f->printed);
    diag_done(&f->diag);
    arena_reset(&f->arena);
}

static void check_refused(str text, str printed)
{
    struct fixture f;

    CHECK(read(&f, text) != OK);
    CHECK_EQ(f.count, 0);
    CHECK_EQ(diag_print(&f.diag, STR("s"), &f.printed), OK);
    CHECK_SAME(buf_view(&f.printed), printed);
    done(&f);
}

TEST(mock_script_reads_every_kind_of_value)
{
    struct fixture f;

    CHECK_EQ(read(&f, STR("rules:\n"
                          "- match: {model: 'gpt-*', header: 'x-a: b*', between: [3, 5],\n"
                          "          probability: 12.5%}\n"
                          "  answer: {text: '', tokens: 7}\n"
                          "  timing: {ttft: 1.5s, gap: {lognormal: [20ms, 0.5]}}\n"
                          "  error: {status: 429, retry_after: 0, headers: {a: b, c: d e}}\n"
                          "  fault: {end: torn, after_events: 5, crlf: true, interim: [100, 103],\n"
                          "          close_idle: 50ms}\n")),
             OK);
    CHECK_EQ(f.count, 1);
    const struct mock_rule *r = &f.rules[0];
    CHECK_STR(r->match.model, "gpt-*");
    CHECK_STR(r->match.header, "x-a: b*");
    CHECK_EQ(r->match.from, 3);
    CHECK_EQ(r->match.to, 5);
    CHECK(r->match.probability > 0.1249 && r->match.probability < 0.1251);
    CHECK(r->answer.has_text && r->answer.text.len == 0);
    CHECK_EQ(r->answer.tokens, 7);
    CHECK_EQ(r->timing.ttft.first_us, 1'500'000);
    CHECK_EQ(r->timing.gap.kind, MOCK_PACE_LOGNORMAL);
    CHECK_EQ(r->timing.gap.first_us, 20'000);
    CHECK(r->error.has_retry_after && !r->error.has_retry_after_ms);
    CHECK_STR(r->error.fields, "a: b\r\nc: d e\r\n");
    CHECK_EQ(r->fault.end, MOCK_END_TORN);
    CHECK_EQ(r->fault.after_events, 5);
    CHECK_EQ(r->fault.after_bytes, MOCK_RULE_NEVER);
    CHECK(r->fault.has_crlf && r->fault.has_continue && r->fault.has_early_hints);
    CHECK_EQ(r->fault.close_idle_us, 50'000);
    done(&f);
}

TEST(mock_script_reads_calls_of_several_tools)
{
    struct fixture f;

    CHECK_EQ(read(&f, STR("rules: [{answer: {tools: [{name: f, arguments: '{}'}, {name: g}]}}]")),
             OK);
    CHECK_EQ(f.rules[0].answer.tool_count, 2);
    CHECK_STR(f.rules[0].answer.tools[0].arguments, "{}");
    CHECK_STR(f.rules[0].answer.tools[1].name, "g");
    done(&f);
    check_refused(STR("rules: [{answer: {tools: []}}]"),
                  STR("s:1:26: tools: is a list of at most 8 calls\n"));
    check_refused(STR("rules: [{answer: {tools: [{arguments: x}]}}]"),
                  STR("s:1:27: is a list of mappings with a name (such as [{name: f}])\n"));
    check_refused(STR("rules: [{answer: {tools: [{name: f, argument: x}]}}]"),
                  STR("s:1:37: unknown key \"argument\" (did you mean arguments?)\n"));
}

TEST(mock_script_rules_begin_as_the_base)
{
    struct fixture f;

    CHECK_EQ(read(&f, STR("rules: []")), OK);
    CHECK_EQ(f.count, 0);
    f.base.answer.tokens = 9;
    CHECK_EQ(mock_script_read(STR("rules: [{answer: {text: a}}, {}]"), &f.base, &f.arena, &f.diag,
                              &f.rules, &f.count),
             OK);
    CHECK_EQ(f.count, 2);
    CHECK_EQ(f.rules[0].answer.tokens, 9);
    CHECK_STR(f.rules[0].answer.text, "a");
    done(&f);
}

TEST(mock_script_an_end_without_a_place_is_at_once)
{
    struct fixture f;

    CHECK_EQ(read(&f, STR("rules: [{fault: {end: reset}}]")), OK);
    CHECK_EQ(f.rules[0].fault.after_events, 0);
    done(&f);
}

TEST(mock_script_mistakes_have_a_place_and_a_hint)
{
    check_refused(STR("rules:\n- match: {modle: x}\n"),
                  STR("s:2:11: unknown key \"modle\" (did you mean model?)\n"));
    check_refused(STR("rules:\n- fualt: {}\n"),
                  STR("s:2:3: unknown key \"fualt\" (did you mean fault?)\n"));
    check_refused(STR("rules: [{fault: {end: explode}}]"),
                  STR("s:1:23: end: is clean, close, torn, reset, stall or none\n"));
    check_refused(STR("rules: [{timing: {gap: {lognorml: [1, 2]}}}]"),
                  STR("s:1:25: no distribution is called lognorml (did you mean lognormal?)\n"));
    check_refused(STR("rules: [{timing: {ttft: 2h}}]"),
                  STR("s:1:25: ttft: is a time of at most an hour (such as 200ms, 1.5s or "
                      "500us)\n"));
}

TEST(mock_script_refuses_values_out_of_bounds)
{
    static const str texts[] = {
        STR_INIT("rules: [{error: {status: 600}}]"),
        STR_INIT("rules: [{error: {status: 101}}]"),
        STR_INIT("rules: [{answer: {tokens: 1000001}}]"),
        STR_INIT("rules: [{answer: {tokens: -1}}]"),
        STR_INIT("rules: [{match: {probability: 101%}}]"),
        STR_INIT("rules: [{match: {probability: 1.1}}]"),
        STR_INIT("rules: [{match: {between: [5, 3]}}]"),
        STR_INIT("rules: [{match: {between: [0, 3]}}]"),
        STR_INIT("rules: [{match: {between: 3}}]"),
        STR_INIT("rules: [{timing: {gap: {uniform: [5ms, 1ms]}}}]"),
        STR_INIT("rules: [{timing: {gap: {uniform: [5ms]}}}]"),
        STR_INIT("rules: [{timing: {gap: {recorded: []}}}]"),
        STR_INIT("rules: [{timing: {gap: {lognormal: [5ms, 11]}}}]"),
        STR_INIT("rules: [{timing: {gap: [5ms]}}]"),
        STR_INIT("rules: [{timing: {gap: 61m}}]"),
        STR_INIT("rules: [{timing: {gap: 1..2ms}}]"),
        STR_INIT("rules: [{fault: {crlf: yes}}]"),
        STR_INIT("rules: [{fault: {interim: 102}}]"),
        STR_INIT("rules: [{fault: {after_events: 3}}]"),
        STR_INIT("rules: [{fault: {before_head: true, end: clean}}]"),
        STR_INIT("rules: [{fault: {drip: 5ms}}]"),
        STR_INIT("rules: [{error: {status: 500, headers: {'a b': c}}}]"),
        STR_INIT("rules: [{error: {status: 500, headers: {a: \"b\\r\\nc: d\"}}}]"),
        STR_INIT("rules: [{error: {status: 500, content_type: \"b\\r\\nc: d\"}}]"),
        STR_INIT("rules: [{match: {model: }}]"),
        STR_INIT("rules: {}"),
        STR_INIT("rules: [x]"),
        STR_INIT("rules: [{match: x}]"),
        STR_INIT("rule: []"),
        STR_INIT("[]"),
        STR_INIT(""),
        STR_INIT("rules: ["),
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct fixture f;
        if (read(&f, texts[i]) == OK)
            test_fail(__FILE__, __LINE__, "accepted: %" STR_FMT, STR_ARG(texts[i]));
        CHECK(f.diag.count > 0);
        done(&f);
    }
}

TEST(mock_script_times_have_units_and_fractions)
{
    uint64_t us = 0;

    CHECK_EQ(mock_script_time(STR("20"), &us), OK);
    CHECK_EQ(us, 20'000);
    CHECK_EQ(mock_script_time(STR("0.25ms"), &us), OK);
    CHECK_EQ(us, 250);
    CHECK_EQ(mock_script_time(STR("500us"), &us), OK);
    CHECK_EQ(us, 500);
    CHECK_EQ(mock_script_time(STR("60m"), &us), OK);
    CHECK_EQ(us, MOCK_PACE_MAX_US);
    CHECK_EQ(mock_script_time(STR("60.1m"), &us), ERR_RANGE);
    CHECK_EQ(mock_script_time(STR("99999999999999999999"), &us), ERR_RANGE);
    CHECK_EQ(mock_script_time(STR(""), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR("ms"), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR(".5s"), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR("5.s"), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR("0.1234567s"), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR("5 ms"), &us), ERR_SYNTAX);
    CHECK_EQ(mock_script_time(STR("-5ms"), &us), ERR_SYNTAX);
}
