#include "provider/sluice_answer.h"

#include "provider/sluice.h"
#include "provider/sluice_fields.h"
#include "provider/sluice_parts.h"

static const uint64_t reasons[] = {
    [CHAT_FINISH_UNKNOWN] = 0,
    [CHAT_FINISH_STOP] = SLUICE_FINISH_STOP,
    [CHAT_FINISH_STOP_SEQUENCE] = SLUICE_FINISH_STOP,
    [CHAT_FINISH_LENGTH] = SLUICE_FINISH_LENGTH,
    [CHAT_FINISH_CONTEXT] = SLUICE_FINISH_LENGTH,
    [CHAT_FINISH_TOOL_CALLS] = SLUICE_FINISH_TOOL_CALLS,
    [CHAT_FINISH_FILTER] = SLUICE_FINISH_FILTER,
    [CHAT_FINISH_REFUSAL] = SLUICE_FINISH_REFUSAL,
    [CHAT_FINISH_PAUSE] = SLUICE_FINISH_PAUSE,
};

uint64_t sluice_answer_reason(enum chat_finish finish)
{
    return reasons[finish];
}

enum chat_finish sluice_answer_finish(uint64_t reason)
{
    for (size_t i = 1; reason && i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i] == reason) return (enum chat_finish)i;
    }
    return CHAT_FINISH_UNKNOWN;
}

static void put_count(struct protobuf_writer *w, uint32_t number, uint64_t tokens)
{
    if (tokens) protobuf_write_varint(w, number, tokens);
}

void sluice_answer_write_usage(struct protobuf_writer *w, uint32_t number,
                               const struct token_usage *u)
{
    if (!u->is_known) return;
    size_t mark = protobuf_write_open(w, number);
    put_count(w, SLUICE_USAGE_INPUT, u->input_tokens);
    put_count(w, SLUICE_USAGE_OUTPUT, u->output_tokens);
    put_count(w, SLUICE_USAGE_CACHED, u->cached_tokens);
    put_count(w, SLUICE_USAGE_CACHE_WRITE, u->cache_write_tokens);
    put_count(w, SLUICE_USAGE_REASONING, u->reasoning_tokens);
    protobuf_write_close(w, mark);
}

// A count that is zero does not stand on the wire, so each was reported or can't be told from that.
err sluice_answer_read_usage(str message, struct token_usage *out)
{
    struct token_usage u = {.is_known = true};
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_USAGE_INPUT: u.input_tokens = f.value; break;
        case SLUICE_USAGE_OUTPUT: u.output_tokens = f.value; break;
        case SLUICE_USAGE_CACHED:
            u.cached_tokens = f.value;
            u.has_cached = true;
            break;
        case SLUICE_USAGE_CACHE_WRITE:
            u.cache_write_tokens = f.value;
            u.has_cache_write = true;
            break;
        case SLUICE_USAGE_REASONING:
            u.reasoning_tokens = f.value;
            u.has_reasoning = true;
            break;
        default: break;
        }
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    *out = u;
    return OK;
}

// --- Reading ---

static err read_choice(struct sluice_reading *r, str message, struct chat_choice *out)
{
    struct chat_message said = {.role = CHAT_ASSISTANT};
    struct protobuf_reader p;
    struct protobuf_field f;
    err e = OK;

    protobuf_reader_init(&p, message);
    while (!(e = protobuf_next(&p, &f))) {
        switch (f.number) {
        case SLUICE_CHOICE_INDEX:
            if (f.wire == PROTOBUF_VARINT) out->index = f.value;
            break;
        case SLUICE_CHOICE_FINISH:
            if (f.wire == PROTOBUF_VARINT) out->finish = sluice_answer_finish(f.value);
            break;
        case SLUICE_CHOICE_STOP_SEQUENCE: TRY(sluice_wire_text(r, &f, &out->stop_sequence)); break;
        case SLUICE_CHOICE_MESSAGE:
            if (f.wire != PROTOBUF_BYTES) return ERR_SYNTAX;
            said.part_count = 0;
            TRY(sluice_parts_read(r, f.bytes, SLUICE_MESSAGE_PARTS, &said));
            break;
        default: break;
        }
    }
    if (chat_text_has(out->stop_sequence)) out->finish = CHAT_FINISH_STOP_SEQUENCE;
    out->parts = said.parts;
    out->part_count = said.part_count;
    return e == ERR_EOF ? OK : e;
}

static err read_field(struct sluice_reading *r, const struct protobuf_field *f,
                      struct chat_answer *out)
{
    switch (f->number) {
    case SLUICE_RESPONSE_ID: return sluice_wire_text(r, f, &out->id);
    case SLUICE_RESPONSE_MODEL: return sluice_wire_text(r, f, &out->model);
    case SLUICE_RESPONSE_SERVICE_TIER: return sluice_wire_text(r, f, &out->service_tier);
    case SLUICE_RESPONSE_USAGE:
        return f->wire == PROTOBUF_BYTES ? sluice_answer_read_usage(f->bytes, &out->usage)
                                         : ERR_SYNTAX;
    case SLUICE_RESPONSE_CHOICES:
        if (f->wire != PROTOBUF_BYTES) return OK; // as those were counted
        return read_choice(r, f->bytes, &out->choices[out->choice_count++]);
    default: return OK;
    }
}

err sluice_answer_read(str body, struct arena *a, struct chat_answer *out)
{
    struct chat_notes notes = {.dropped_count = 0};
    struct sluice_reading r = {.arena = a, .notes = &notes};
    struct chat_answer answer = {.choice_count = 0};
    struct protobuf_reader p;
    struct protobuf_field f;
    size_t choices = 0;
    err e = OK;

    if (sluice_wire_count(body, SLUICE_RESPONSE_CHOICES, &choices)) return ERR_SYNTAX;
    if (choices > CHAT_CHOICES_MAX) return ERR_LIMIT;
    answer.choices = arena_array(a, struct chat_choice, choices);
    protobuf_reader_init(&p, body);
    while (!(e = protobuf_next(&p, &f))) {
        if (read_field(&r, &f, &answer)) return ERR_SYNTAX;
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    *out = answer;
    return OK;
}

err sluice_answer_read_count(str body, uint64_t *tokens)
{
    struct protobuf_reader p;
    struct protobuf_field f;
    uint64_t count = 0;
    err e = OK;

    protobuf_reader_init(&p, body);
    while (!(e = protobuf_next(&p, &f))) {
        if (f.number == SLUICE_COUNT_INPUT && f.wire == PROTOBUF_VARINT) count = f.value;
    }
    if (e != ERR_EOF) return ERR_SYNTAX;
    *tokens = count;
    return OK;
}

// --- Writing ---

err sluice_answer_write_count(uint64_t tokens, struct buf *out)
{
    struct protobuf_writer w;

    protobuf_write_init(&w, out);
    put_count(&w, SLUICE_COUNT_INPUT, tokens);
    return w.error;
}

static err write_choice(struct protobuf_writer *w, const struct chat_choice *c, struct arena *a)
{
    size_t mark = protobuf_write_open(w, SLUICE_RESPONSE_CHOICES);

    if (c->index) protobuf_write_varint(w, SLUICE_CHOICE_INDEX, c->index);
    size_t inner = protobuf_write_open(w, SLUICE_CHOICE_MESSAGE);
    protobuf_write_varint(w, SLUICE_MESSAGE_ROLE, SLUICE_ROLE_ASSISTANT);
    TRY(sluice_parts_write(w, SLUICE_MESSAGE_PARTS, c->parts, c->part_count, a));
    protobuf_write_close(w, inner);
    protobuf_write_varint(w, SLUICE_CHOICE_FINISH, sluice_answer_reason(c->finish));
    sluice_parts_write_text(w, SLUICE_CHOICE_STOP_SEQUENCE, c->stop_sequence, a);
    protobuf_write_close(w, mark);
    return OK;
}

static err write_all(struct protobuf_writer *w, const struct chat_answer *answer,
                     const struct chat_reply *r, struct arena *a)
{
    str id = arena_format(a, "chat-%" STR_FMT, STR_ARG(r->id_seed));

    protobuf_write_bytes(w, SLUICE_RESPONSE_ID, id);
    sluice_parts_write_text(w, SLUICE_RESPONSE_MODEL,
                            r->model.len ? chat_text_plain(r->model) : answer->model, a);
    for (size_t i = 0; i < answer->choice_count; i++) {
        TRY(write_choice(w, &answer->choices[i], a));
    }
    sluice_answer_write_usage(w, SLUICE_RESPONSE_USAGE, &answer->usage);
    sluice_parts_write_text(w, SLUICE_RESPONSE_SERVICE_TIER, answer->service_tier, a);
    return w->error;
}

err sluice_answer_write(const struct chat_answer *answer, const struct chat_reply *r,
                        struct gather *out)
{
    struct protobuf_writer w;
    struct arena a;

    protobuf_write_init(&w, &out->text);
    arena_init(&a, 4096);
    err e = write_all(&w, answer, r, &a);
    arena_reset(&a);
    return e;
}
