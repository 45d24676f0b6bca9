// The stream of an answer, written (anthropic_dialect.h).
//
// Design
//
// Blocks come one after the other, so one is open at a time, while other dialects may mix the
// pieces of several calls of tools. A text or reasoning gives way to whatever comes next. A call
// does so when its arguments are whole, which is mostly the case when the next one begins; until
// then what is not its own waits in the order of its beginning, up to WAITING_BYTES_MAX in all.
// The end of an answer is written at its end alone, when all counts are known: a stream that was
// cut has nothing that looks like it.

#include "base/list.h"
#include "provider/anthropic_blocks.h"
#include "provider/anthropic_dialect.h"
#include "provider/anthropic_error.h"
#include "provider/anthropic_finish.h"
#include "provider/anthropic_usage.h"
#include "provider/json_whole.h"

enum { WAITING_BYTES_MAX = 1 << 20, SCRATCH_BYTES = 1024 };

enum block_kind { TEXT, THINKING, REDACTED, TOOL };

enum delta { TEXT_DELTA, THINKING_DELTA, SIGNATURE_DELTA, JSON_DELTA };

struct piece {
    struct piece *next;
    enum delta delta;
    struct chat_text text;
};

struct block {
    enum block_kind kind;
    uint32_t part;
    uint32_t tool;
    struct json_whole arguments; // of a TOOL, as far as it was written
    struct chat_text id;         // of a TOOL, as the next
    struct chat_text name;
    struct chat_text redacted;
    struct block *next; // of those that wait, as the next
    struct piece *first;
    struct piece *last;
};

struct writer {
    struct chat_writer base;
    struct arena *arena;
    struct chat_reply reply;
    bool is_started;
    bool is_ended;
    bool is_open;
    bool has_calls;
    bool has_refusal;
    uint64_t index; // of the open block, or the next
    struct block open;
    struct block *waiting; // the next first
    struct block *waiting_last;
    size_t waiting_bytes; // of all that ever waited: it lies in the arena
    enum chat_finish finish;
    struct chat_text stop_sequence;
    struct token_usage usage;
};

// --- Events of the wire ---

static err begin_event(struct buf *out, str type)
{
    TRY(buf_append(out, STR("event: ")));
    TRY(buf_append(out, type));
    TRY(buf_append(out, STR("\ndata: {\"type\":\"")));
    TRY(buf_append(out, type));
    return buf_append_char(out, '"');
}

static err end_event(struct buf *out)
{
    return buf_append(out, STR("}\n\n"));
}

static err write_usage(struct buf *out, const struct token_usage *u)
{
    struct json_writer w;

    TRY(buf_append(out, STR(",\"usage\":")));
    json_write_init(&w, out);
    anthropic_usage_write(&w, u, STR(""));
    return w.error;
}

static err write_start(struct writer *w, struct chat_text model, struct buf *out)
{
    if (w->reply.model.len) model = chat_text_plain(w->reply.model);
    w->is_started = true;
    TRY(begin_event(out, STR("message_start")));
    TRY(buf_append(out, STR(",\"message\":{\"id\":\"msg_")));
    TRY(buf_append(out, w->reply.id_seed));
    TRY(buf_append(out, STR("\",\"type\":\"message\",\"role\":\"assistant\",\"model\":")));
    TRY(chat_text_append(out, chat_text_is_given(model) ? model : chat_text_plain(STR(""))));
    TRY(buf_append(out, STR(",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null")));
    TRY(write_usage(out, &w->usage));
    TRY(buf_append_char(out, '}'));
    return end_event(out);
}

static err write_call_id(struct writer *w, const struct block *b, struct buf *out)
{
    char room[SCRATCH_BYTES];
    struct arena scratch;

    arena_init_in(&scratch, room, sizeof(room), SCRATCH_BYTES);
    err e = buf_append(out, STR("{\"type\":\"tool_use\",\"id\":\""));
    if (!e && chat_text_has(b->id)) {
        e = buf_append(out, anthropic_blocks_id(b->id, &scratch));
    } else if (!e) {
        e = buf_append_format(out, "toolu_%" STR_FMT "_%u", STR_ARG(w->reply.id_seed), b->tool);
    }
    arena_reset(&scratch);
    return e;
}

static err write_block_body(struct writer *w, const struct block *b, struct buf *out)
{
    switch (b->kind) {
    case TEXT: return buf_append(out, STR("{\"type\":\"text\",\"text\":\"\"}"));
    case THINKING:
        return buf_append(out, STR("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
    case REDACTED:
        TRY(buf_append(out, STR("{\"type\":\"redacted_thinking\",\"data\":")));
        TRY(chat_text_append(out, b->redacted));
        return buf_append_char(out, '}');
    case TOOL: break;
    }
    TRY(write_call_id(w, b, out));
    TRY(buf_append(out, STR("\",\"name\":")));
    TRY(chat_text_append(out, b->name));
    return buf_append(out, STR(",\"input\":{}}"));
}

static err write_index(struct writer *w, struct buf *out)
{
    TRY(buf_append(out, STR(",\"index\":")));
    return buf_append_u64(out, w->index);
}

static err open_block(struct writer *w, const struct block *b, struct buf *out)
{
    w->open = *b;
    w->open.next = NULL;
    w->is_open = true;
    TRY(begin_event(out, STR("content_block_start")));
    TRY(write_index(w, out));
    TRY(buf_append(out, STR(",\"content_block\":")));
    TRY(write_block_body(w, b, out));
    return end_event(out);
}

static err close_block(struct writer *w, struct buf *out)
{
    if (!w->is_open) return OK;
    TRY(begin_event(out, STR("content_block_stop")));
    TRY(write_index(w, out));
    w->is_open = false;
    w->index++;
    return end_event(out);
}

static void follow_arguments(struct block *b, struct chat_text text)
{
    char room[SCRATCH_BYTES];
    struct arena scratch;

    arena_init_in(&scratch, room, sizeof(room), SCRATCH_BYTES);
    json_whole_take(&b->arguments, chat_text_read(text, &scratch));
    arena_reset(&scratch);
}

static err write_delta(struct writer *w, enum delta delta, struct chat_text text, struct buf *out)
{
    static const str fronts[] = {
        [TEXT_DELTA] = STR_INIT(",\"delta\":{\"type\":\"text_delta\",\"text\":"),
        [THINKING_DELTA] = STR_INIT(",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":"),
        [SIGNATURE_DELTA] = STR_INIT(",\"delta\":{\"type\":\"signature_delta\",\"signature\":"),
        [JSON_DELTA] = STR_INIT(",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":"),
    };

    if (delta == JSON_DELTA) follow_arguments(&w->open, text);
    TRY(begin_event(out, STR("content_block_delta")));
    TRY(write_index(w, out));
    TRY(buf_append(out, fronts[delta]));
    TRY(chat_text_append(out, text));
    TRY(buf_append_char(out, '}'));
    return end_event(out);
}

// --- Blocks that wait ---

// Takes `bytes` of the bound on what waits.
static err take_room(struct writer *w, size_t bytes)
{
    if (bytes > WAITING_BYTES_MAX - w->waiting_bytes) return ERR_LIMIT;
    w->waiting_bytes += bytes;
    return OK;
}

static err keep_text(struct writer *w, struct chat_text *t)
{
    if (!chat_text_is_given(*t)) return OK;
    TRY(take_room(w, t->bytes.len));
    t->bytes = arena_str(w->arena, t->bytes);
    return OK;
}

static err keep_block(struct writer *w, const struct block *b, struct block **out)
{
    TRY(take_room(w, sizeof(*b)));
    struct block *kept = arena_new(w->arena, struct block);
    *kept = *b;
    TRY(keep_text(w, &kept->id));
    TRY(keep_text(w, &kept->name));
    TRY(keep_text(w, &kept->redacted));
    if (w->waiting_last) {
        w->waiting_last->next = kept;
    } else {
        w->waiting = kept;
    }
    w->waiting_last = kept;
    *out = kept;
    return OK;
}

static err keep_piece(struct writer *w, struct block *b, enum delta delta, struct chat_text text)
{
    TRY(take_room(w, sizeof(struct piece)));
    struct piece *p = arena_new(w->arena, struct piece);
    p->delta = delta;
    p->text = text;
    TRY(keep_text(w, &p->text));
    if (b->last) {
        b->last->next = p;
    } else {
        b->first = p;
    }
    b->last = p;
    return OK;
}

static bool may_close(const struct writer *w)
{
    return !w->is_open || w->open.kind != TOOL || w->open.arguments.is_whole;
}

// Opens those that wait, one after the other, as far as each gives way, or all at the end.
static err open_waiting(struct writer *w, bool is_end, struct buf *out)
{
    while (w->waiting && (is_end || may_close(w))) {
        struct block *b = w->waiting;
        w->waiting = b->next;
        if (!w->waiting) w->waiting_last = NULL;
        TRY(close_block(w, out));
        TRY(open_block(w, b, out));
        for (struct piece *p = b->first; p; p = p->next) {
            TRY(write_delta(w, p->delta, p->text, out));
        }
    }
    return OK;
}

static bool is_same(const struct block *a, const struct block *b)
{
    return a->kind == b->kind && a->part == b->part && a->tool == b->tool && a->kind != REDACTED;
}

// The block that waits and that a piece belongs to: any call, else the last one.
static struct block *find_waiting(struct writer *w, const struct block *b)
{
    struct block *found = w->waiting;

    if (b->kind != TOOL)
        return w->waiting_last && is_same(w->waiting_last, b) ? w->waiting_last : NULL;
    while (found && !is_same(found, b)) {
        found = found->next;
    }
    return found;
}

static bool is_open_block(const struct writer *w, const struct block *b)
{
    return w->is_open && is_same(&w->open, b);
}

// Begins a block, now or when its turn comes; `*kept` is NULL where it is open now.
static err begin_block(struct writer *w, const struct block *b, struct block **kept,
                       struct buf *out)
{
    *kept = NULL;
    if (w->waiting || !may_close(w)) return keep_block(w, b, kept);
    TRY(close_block(w, out));
    return open_block(w, b, out);
}

// A piece of a block, which begins with it where it isn't there yet.
static err add_piece(struct writer *w, const struct block *b, enum delta delta,
                     struct chat_text text, struct buf *out)
{
    struct block *kept = find_waiting(w, b);

    if (!kept && !is_open_block(w, b)) TRY(begin_block(w, b, &kept, out));
    if (kept) return keep_piece(w, kept, delta, text);
    TRY(write_delta(w, delta, text, out));
    return open_waiting(w, false, out);
}

// --- Events of the model ---

static err add_said(struct writer *w, const struct chat_event *e, enum block_kind kind,
                    enum delta delta, struct buf *out)
{
    struct block b = {.kind = kind, .part = e->part};

    return chat_text_has(e->text) ? add_piece(w, &b, delta, e->text, out) : OK;
}

static err add_call(struct writer *w, const struct chat_event *e, struct buf *out)
{
    struct block b = {.kind = TOOL, .tool = e->tool, .id = e->id, .name = e->name};
    struct block *kept;

    w->has_calls = true;
    if (!chat_text_is_given(b.name)) b.name = chat_text_plain(STR(""));
    if (is_open_block(w, &b) || find_waiting(w, &b)) return OK; // it was told before
    return begin_block(w, &b, &kept, out);
}

static err add_arguments(struct writer *w, const struct chat_event *e, struct buf *out)
{
    struct block b = {.kind = TOOL, .tool = e->tool};

    // Of a call that gave way because it was whole, nothing more can be said.
    if (!is_open_block(w, &b) && !find_waiting(w, &b))
        return anthropic_blocks_is_blank(e->text) ? OK : ERR_SYNTAX;
    return add_piece(w, &b, JSON_DELTA, e->text, out);
}

static err add_redacted(struct writer *w, const struct chat_event *e, struct buf *out)
{
    struct block b = {.kind = REDACTED, .redacted = e->text};
    struct block *kept;

    return chat_text_has(e->text) ? begin_block(w, &b, &kept, out) : OK;
}

static err keep_finish(struct writer *w, const struct chat_event *e)
{
    w->finish = e->finish;
    w->stop_sequence = e->stop_sequence;
    return keep_text(w, &w->stop_sequence);
}

static err write_end(struct writer *w, struct buf *out)
{
    enum chat_finish finish = w->finish;

    if (finish == CHAT_FINISH_STOP && w->has_refusal) finish = CHAT_FINISH_REFUSAL;
    w->is_ended = true;
    TRY(open_waiting(w, true, out));
    TRY(close_block(w, out));
    TRY(begin_event(out, STR("message_delta")));
    TRY(buf_append(out, STR(",\"delta\":{\"stop_reason\":\"")));
    TRY(buf_append(out, anthropic_finish_write(finish, w->has_calls)));
    TRY(buf_append(out, STR("\",\"stop_sequence\":")));
    if (chat_text_is_given(w->stop_sequence)) {
        TRY(chat_text_append(out, w->stop_sequence));
    } else {
        TRY(buf_append(out, STR("null")));
    }
    TRY(buf_append_char(out, '}'));
    TRY(write_usage(out, &w->usage));
    TRY(end_event(out));
    TRY(begin_event(out, STR("message_stop")));
    return end_event(out);
}

static err writer_put(struct chat_writer *base, const struct chat_event *e, struct buf *out)
{
    struct writer *w = container_of(base, struct writer, base);

    if (w->is_ended || e->choice) return OK; // the dialect has one choice
    if (e->usage.is_known && (e->kind == CHAT_EVENT_START || e->kind == CHAT_EVENT_USAGE))
        w->usage = e->usage;
    if (!w->is_started) TRY(write_start(w, e->model, out));
    switch (e->kind) {
    case CHAT_EVENT_START:
    case CHAT_EVENT_USAGE: break;
    case CHAT_EVENT_REFUSAL:
        w->has_refusal |= chat_text_has(e->text);
        return add_said(w, e, TEXT, TEXT_DELTA, out);
    case CHAT_EVENT_TEXT: return add_said(w, e, TEXT, TEXT_DELTA, out);
    case CHAT_EVENT_REASONING: return add_said(w, e, THINKING, THINKING_DELTA, out);
    case CHAT_EVENT_SIGNATURE: return add_said(w, e, THINKING, SIGNATURE_DELTA, out);
    case CHAT_EVENT_REDACTED: return add_redacted(w, e, out);
    case CHAT_EVENT_TOOL_CALL: return add_call(w, e, out);
    case CHAT_EVENT_ARGUMENTS: return add_arguments(w, e, out);
    case CHAT_EVENT_FINISH: return keep_finish(w, e);
    case CHAT_EVENT_END: return write_end(w, out);
    }
    return OK;
}

static err writer_fail(struct chat_writer *base, const struct chat_error *e, struct buf *out)
{
    struct writer *w = container_of(base, struct writer, base);

    if (w->is_ended) return OK;
    w->is_ended = true;
    return anthropic_error_write_event(e, out);
}

struct chat_writer *anthropic_event_writer_new(struct arena *a, const struct chat_reply *r)
{
    struct writer *w = arena_new(a, struct writer);

    w->base.put = writer_put;
    w->base.fail = writer_fail;
    w->arena = a;
    w->reply = *r;
    w->is_started = r->is_resumed;
    w->is_open = r->is_resumed && !r->is_text_ended;
    w->open.kind = TEXT;
    w->index = r->is_text_ended;
    return &w->base;
}
