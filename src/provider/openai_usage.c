#include "provider/openai_usage.h"

static bool is_any(str key, str a, str b)
{
    return json_string_is(key, a) || json_string_is(key, b);
}

static bool take_count(struct json_value v, uint64_t *out)
{
    return !json_to_u64(v, UINT64_MAX, out);
}

static err read_details(struct json_reader *r, struct token_usage *out)
{
    enum json_kind kind;
    struct json_value v;
    str key;
    err e;

    TRY(json_peek(r, &kind));
    if (kind != JSON_OBJECT) return json_value(r, &v);
    TRY(json_enter(r));
    while (!(e = json_member(r, &key))) {
        TRY(json_value(r, &v));
        if (json_string_is(key, STR("cached_tokens")))
            out->has_cached |= take_count(v, &out->cached_tokens);
        if (json_string_is(key, STR("cache_write_tokens")))
            out->has_cache_write |= take_count(v, &out->cache_write_tokens);
        if (json_string_is(key, STR("reasoning_tokens")))
            out->has_reasoning |= take_count(v, &out->reasoning_tokens);
    }
    return e == ERR_EOF ? OK : e;
}

static bool is_details(str key)
{
    return is_any(key, STR("prompt_tokens_details"), STR("input_tokens_details")) ||
           is_any(key, STR("completion_tokens_details"), STR("output_tokens_details"));
}

err openai_usage_read(struct json_reader *r, struct token_usage *out)
{
    struct token_usage usage = {.is_known = false};
    uint64_t hits = 0; // DeepSeek's name for cached tokens
    bool has_hits = false;
    enum json_kind kind;
    struct json_value v;
    str key;
    err e = ERR_EOF;

    TRY(json_peek(r, &kind));
    if (kind == JSON_OBJECT) {
        TRY(json_enter(r));
    } else {
        TRY(json_value(r, &v));
    }
    while (kind == JSON_OBJECT && !(e = json_member(r, &key))) {
        if (is_details(key)) {
            TRY(read_details(r, &usage));
            continue;
        }
        TRY(json_value(r, &v));
        if (is_any(key, STR("prompt_tokens"), STR("input_tokens")))
            usage.is_known |= take_count(v, &usage.input_tokens);
        if (is_any(key, STR("completion_tokens"), STR("output_tokens")))
            usage.is_known |= take_count(v, &usage.output_tokens);
        if (json_string_is(key, STR("prompt_cache_hit_tokens"))) has_hits = take_count(v, &hits);
    }
    if (e != ERR_EOF) return e;
    if (has_hits && !usage.has_cached) {
        usage.has_cached = true;
        usage.cached_tokens = hits;
    }
    *out = usage;
    return OK;
}

static void write_count(struct json_writer *w, str key, uint64_t count)
{
    json_write_key(w, key);
    json_write_u64(w, count);
}

void openai_usage_write(struct json_writer *w, const struct token_usage *u)
{
    json_write_object(w);
    write_count(w, STR("prompt_tokens"), u->input_tokens);
    write_count(w, STR("completion_tokens"), u->output_tokens);
    write_count(w, STR("total_tokens"), u->input_tokens + u->output_tokens);
    if (u->has_cached || u->has_cache_write) {
        json_write_key(w, STR("prompt_tokens_details"));
        json_write_object(w);
        if (u->has_cached) write_count(w, STR("cached_tokens"), u->cached_tokens);
        if (u->has_cache_write) write_count(w, STR("cache_write_tokens"), u->cache_write_tokens);
        json_write_object_end(w);
    }
    if (u->has_reasoning) {
        json_write_key(w, STR("completion_tokens_details"));
        json_write_object(w);
        write_count(w, STR("reasoning_tokens"), u->reasoning_tokens);
        json_write_object_end(w);
    }
    json_write_object_end(w);
}
