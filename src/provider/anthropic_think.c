#include "provider/anthropic_think.h"

#include "codec/json.h"
#include "provider/anthropic_dialect.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES_MAX = 63, MODEL_BYTES_MAX = 200 };

// The documented table: an effort in OpenAI's words and more, the budget that stands for it, and
// Anthropic's word.
static const struct effort_row {
    str name;
    uint64_t budget;
    str effort;
} effort_rows[] = {
    {STR_INIT("minimal"), ANTHROPIC_LEAST_BUDGET, STR_INIT("low")},
    {STR_INIT("low"), 2048, STR_INIT("low")},
    {STR_INIT("medium"), 8192, STR_INIT("medium")},
    {STR_INIT("high"), 16'384, STR_INIT("high")},
    {STR_INIT("xhigh"), 32'000, STR_INIT("xhigh")},
    {STR_INIT("max"), 32'000, STR_INIT("max")},
};

enum { EFFORT_ROWS = sizeof(effort_rows) / sizeof(*effort_rows), MEDIUM = 2, HIGH = 3 };

double anthropic_think_number(str text, double otherwise)
{
    char copy[NUMBER_BYTES_MAX + 1];

    if (!text.len || text.len > NUMBER_BYTES_MAX) return otherwise;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return strtod(copy, NULL);
}

static uint64_t count_of(str text)
{
    uint64_t count = 0;

    // What is no number is none.
    if (text.len)
        (void)json_to_u64((struct json_value){.kind = JSON_NUMBER, .text = text}, INT64_MAX,
                          &count);
    return count;
}

// Claude from 4.6 on, by its name: earlier ones end in -4, -4-0, -4-1 or -4-5 before their date,
// or are of generations 1 to 3.
static bool is_adaptive_model(struct chat_text model)
{
    static const str older[] = {
        STR_INIT("claude-1"),       STR_INIT("claude-2"), STR_INIT("claude-3"),
        STR_INIT("claude-instant"), STR_INIT("-4-0"),     STR_INIT("-4-1"),
        STR_INIT("-4-2"),           STR_INIT("-4-5"),     STR_INIT("-4@")};
    str name = str_sub(model.bytes, 0, MODEL_BYTES_MAX);

    if (str_find(name, STR("claude")) == name.len || str_ends(name, STR("-4"))) return false;
    for (size_t i = 0; i < sizeof(older) / sizeof(*older); i++) {
        if (str_find(name, older[i]) < name.len) return false;
    }
    return true;
}

static const struct effort_row *row_of_effort(struct chat_text effort)
{
    for (size_t i = 0; i < EFFORT_ROWS; i++) {
        if (chat_text_is(effort, effort_rows[i].name)) return &effort_rows[i];
    }
    return NULL;
}

// The largest row that a budget pays for, up to a high effort.
static const struct effort_row *row_of_budget(uint64_t budget)
{
    size_t i = HIGH;

    while (i > 1 && effort_rows[i].budget > budget) {
        i--;
    }
    return &effort_rows[i];
}

// Calls of tools in the last message of the assistant, without the thinking that led to them.
static bool has_lost_thinking(const struct chat_request *q)
{
    const struct chat_message *last = NULL;
    bool has_calls = false;

    for (size_t i = q->message_count; i-- && !last;) {
        if (q->messages[i].role == CHAT_ASSISTANT) last = &q->messages[i];
    }
    for (size_t i = 0; last && i < last->part_count; i++) {
        const struct chat_part *p = &last->parts[i];
        if (p->kind == CHAT_PART_REASONING &&
            (chat_text_has(p->signature) || chat_text_has(p->redacted)))
            return false;
        has_calls |= p->kind == CHAT_PART_TOOL_CALL;
    }
    return has_calls;
}

static bool is_prefilled(const struct chat_request *q)
{
    return q->message_count && q->messages[q->message_count - 1].role == CHAT_ASSISTANT;
}

static bool is_forced(const struct chat_request *q)
{
    return q->tool_count &&
           (q->tool_choice.kind == CHAT_CHOOSE_ANY || q->tool_choice.kind == CHAT_CHOOSE_ONE);
}

// Fits the budget into the maximum of tokens that the client has set; false where that is too
// little.
static bool fit(struct anthropic_think *t, str max_tokens)
{
    uint64_t most = count_of(max_tokens);

    if (t->budget < ANTHROPIC_LEAST_BUDGET) t->budget = ANTHROPIC_LEAST_BUDGET;
    if (!max_tokens.len || most > t->budget) return true;
    t->budget = most / 2;
    return t->budget >= ANTHROPIC_LEAST_BUDGET;
}

static const struct effort_row *row_of(const struct chat_reasoning *r, struct chat_notes *n)
{
    const struct effort_row *row = &effort_rows[MEDIUM];

    if (r->budget_tokens.len) row = row_of_budget(count_of(r->budget_tokens));
    if (!chat_text_has(r->effort)) return row;
    const struct effort_row *named = row_of_effort(r->effort);
    if (named) return named;
    chat_notes_drop(n, STR("reasoning_effort"));
    return r->thinking == CHAT_THINKING_UNSET ? NULL : row;
}

struct anthropic_think anthropic_think_of(const struct chat_request *q, struct chat_notes *n)
{
    const struct chat_reasoning *r = &q->reasoning;
    struct anthropic_think t = {.kind = ANTHROPIC_THINK_UNSET};
    bool is_adaptive = is_adaptive_model(q->model);

    if (r->thinking == CHAT_THINKING_OFF || chat_text_is(r->effort, STR("none"))) {
        if (is_adaptive) t.kind = ANTHROPIC_THINK_DISABLED;
        return t;
    }
    if (r->thinking == CHAT_THINKING_UNSET && !chat_text_has(r->effort)) return t;
    const struct effort_row *row = row_of(r, n);
    if (!row) return t;
    t.budget = row->budget;
    if (is_adaptive) {
        t.effort = row->effort;
        if (!is_forced(q) && !is_prefilled(q)) t.kind = ANTHROPIC_THINK_ADAPTIVE;
        return t;
    }
    if (r->budget_tokens.len) t.budget = count_of(r->budget_tokens);
    if (is_forced(q) || is_prefilled(q) || has_lost_thinking(q) || !fit(&t, q->max_tokens)) {
        chat_notes_drop(n, STR("reasoning_effort"));
        return (struct anthropic_think){.kind = ANTHROPIC_THINK_UNSET};
    }
    t.kind = ANTHROPIC_THINK_BUDGET;
    return t;
}
