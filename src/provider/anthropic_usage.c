#include "provider/anthropic_usage.h"

#include "provider/members.h"

static const uint64_t most = UINT64_C(1) << 53; // so that sums don't overflow

static bool take(struct json_value v, uint64_t *out)
{
    return !json_to_u64(v, most, out);
}

// The counts as Anthropic has them.
static uint64_t uncached(const struct token_usage *u)
{
    uint64_t cached = u->cached_tokens + u->cache_write_tokens;

    return u->input_tokens > cached ? u->input_tokens - cached : 0;
}

static void take_details(struct json_value v, struct token_usage *u)
{
    static const str names[] = {STR_INIT("thinking_tokens")};
    struct json_value found[1];
    struct members m = MEMBERS(names, found);

    if (!members_read_value(v, &m)) u->has_reasoning |= take(found[0], &u->reasoning_tokens);
}

err anthropic_usage_read(struct json_reader *r, struct token_usage *u)
{
    enum { INPUT, OUTPUT, READ, WRITTEN, DETAILS, COUNT };
    static const str names[COUNT] = {
        STR_INIT("input_tokens"), STR_INIT("output_tokens"), STR_INIT("cache_read_input_tokens"),
        STR_INIT("cache_creation_input_tokens"), STR_INIT("output_tokens_details")};
    struct json_value found[COUNT];
    struct members m = MEMBERS(names, found);
    struct json_value v;
    uint64_t input = uncached(u);

    err e = members_read(r, &m);
    if (e) return e == ERR_TYPE ? json_value(r, &v) : e;
    u->is_known |= take(found[INPUT], &input);
    u->is_known |= take(found[OUTPUT], &u->output_tokens);
    u->has_cached |= take(found[READ], &u->cached_tokens);
    u->has_cache_write |= take(found[WRITTEN], &u->cache_write_tokens);
    take_details(found[DETAILS], u);
    u->input_tokens = input + u->cached_tokens + u->cache_write_tokens;
    return OK;
}

static void write_count(struct json_writer *w, str name, uint64_t count)
{
    json_write_key(w, name);
    json_write_u64(w, count);
}

void anthropic_usage_write(struct json_writer *w, const struct token_usage *u, str tier)
{
    json_write_object(w);
    write_count(w, STR("input_tokens"), uncached(u));
    if (u->has_cache_write)
        write_count(w, STR("cache_creation_input_tokens"), u->cache_write_tokens);
    if (u->has_cached) write_count(w, STR("cache_read_input_tokens"), u->cached_tokens);
    write_count(w, STR("output_tokens"), u->output_tokens);
    if (u->has_reasoning) {
        json_write_key(w, STR("output_tokens_details"));
        json_write_object(w);
        write_count(w, STR("thinking_tokens"), u->reasoning_tokens);
        json_write_object_end(w);
    }
    if (tier.len) {
        json_write_key(w, STR("service_tier"));
        json_write_str(w, tier);
    }
    json_write_object_end(w);
}
