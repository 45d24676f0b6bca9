#include "assess/mock/mock_call.h"

#include "assess/mock/mock_admin.h"
#include "assess/mock/mock_member.h"
#include "assess/mock/mock_name.h"
#include "assess/mock/mock_play.h"
#include "assess/mock/mock_sluice.h"
#include "codec/uri.h"
#include "grpc/grpc_head.h"

#include <string.h>

enum { ANSWER_MAX = 64 * 1024 * 1024, STATUS_FIELDS_MAX = 16 * 1024 };

struct mock_call {
    struct server_call_user user;
    struct mock *mock;
    struct server_call *call;
    const struct mock_endpoint *endpoint; // NULL: any other path
    const struct mock_dialect *dialect;
    str request_id;
    str path;
    str tail;
    struct buf body;
    struct mock_grpc_call grpc; // where the dialect is one over gRPC
    str json;                   // the body, or what the schema makes of its message
    str status_fields;          // of gRPC: an error in place of an answer
    struct mock_request req;
    struct mock_rule rule;
    struct mock_say say;
    struct mock_play play;
    bool is_playing;
};

static const str json_type = STR_INIT("application/json");
static const str grpc_type = STR_INIT("application/grpc");

static struct arena *arena_of(struct mock_call *mc)
{
    return &mc->call->arena;
}

static bool is_grpc(const struct mock_call *mc)
{
    return mc->dialect->refusal != NULL;
}

// The fields of every answer, as the dialect's vendor sends them.
static str answer_fields(struct mock_call *mc, str type)
{
    const struct mock_error *e = &mc->rule.error;
    struct arena *arena = arena_of(mc);
    str fields = mc->dialect->fields(mc->request_id, arena);
    str more = STR("");

    if (e->has_retry_after)
        more = arena_format(arena, "retry-after: %llu\r\n", (unsigned long long)e->retry_after);
    if (e->has_retry_after_ms)
        more = arena_format(arena, "%" STR_FMT "retry-after-ms: %llu\r\n", STR_ARG(more),
                            (unsigned long long)e->retry_after_ms);
    if (mc->status_fields.len && more.len)
        more = arena_format(arena, "grpc-retry-pushback-ms: %llu\r\n",
                            (unsigned long long)(e->has_retry_after_ms ? e->retry_after_ms
                                                                       : 1000 * e->retry_after));
    return arena_format(arena,
                        "content-type: %" STR_FMT "\r\n"
                        "%" STR_FMT "%" STR_FMT "%" STR_FMT "%" STR_FMT,
                        STR_ARG(type), STR_ARG(fields), STR_ARG(more), STR_ARG(e->fields),
                        STR_ARG(mc->status_fields));
}

static void start_play(struct mock_call *mc, unsigned status, str type)
{
    struct mock_play *p = &mc->play;

    p->head.status = status;
    p->head.fields = answer_fields(mc, type);
    if (!p->say && !p->trailers.len) {
        p->head.has_length = true;
        p->head.length = buf_len(&p->body);
    }
    buf_done(&mc->body);
    mc->is_playing = true;
    mock_play_start(p);
}

// Over gRPC an error is fields alone.
static void play_status(struct mock_call *mc, struct status status)
{
    struct buf fields;

    buf_init(&fields, STATUS_FIELDS_MAX);
    (void)status_write_fields(&status, &fields); // its message is clipped
    mc->status_fields = arena_str(arena_of(mc), buf_view(&fields));
    buf_done(&fields);
    start_play(mc, 200, grpc_type);
}

// The type goes with the status where nobody named another one.
static void play_problem(struct mock_call *mc, struct mock_problem problem)
{
    mc->play.say = NULL;
    buf_clear(&mc->play.body);
    problem.request_id = mc->request_id;
    if (is_grpc(mc)) {
        play_status(mc, mc->dialect->refusal(&problem, arena_of(mc)));
        return;
    }
    if (!problem.type.len) problem.type = mc->dialect->type_of_status(problem.status);
    // The texts of a rule are bounded by its script.
    (void)mc->dialect->error(&problem, &mc->play.body);
    start_play(mc, problem.status, json_type);
}

static void play_error(struct mock_call *mc)
{
    const struct mock_error *e = &mc->rule.error;
    struct mock_problem problem = {
        .status = (unsigned)e->status,
        .type = e->type,
        .code = e->code,
        .param = e->param,
        .message = e->message.len ? e->message : mock_dialect_failure,
    };

    if (!e->body.len && !e->content_type.len) {
        play_problem(mc, problem);
        return;
    }
    (void)buf_append(&mc->play.body, e->body); // bounded by its script
    start_play(mc, (unsigned)e->status, e->content_type.len ? e->content_type : json_type);
}

static void play_echo(struct mock_call *mc)
{
    char hex[MOCK_LOG_SHA256_HEX];
    struct json_writer w;

    mock_log_sha256(mc->play.entry, hex);
    json_write_init(&w, &mc->play.body);
    json_write_object(&w);
    mock_member_str(&w, STR("object"), STR("mock.echo"));
    mock_member_str(&w, STR("method"), mc->call->head.method);
    mock_member_str(&w, STR("path"), mc->path);
    mock_member_u64(&w, STR("received_bytes"), mc->play.entry->body_bytes);
    mock_member_str(&w, STR("sha256"), (str){.ptr = hex, .len = sizeof(hex)});
    json_write_object_end(&w);
    start_play(mc, 200, json_type);
}

// An answer that is no stream, to the play's body.
static err write_whole(struct mock_call *mc)
{
    struct buf json;

    if (!mc->play.grpc) return mc->endpoint->whole(&mc->say, &mc->play.body);
    buf_init(&json, ANSWER_MAX);
    err e = mc->endpoint->whole(&mc->say, &json);
    if (!e) e = mock_grpc_write(&mc->grpc, buf_view(&json), &mc->play.body);
    buf_done(&json);
    return e;
}

static void play_answer(struct mock_call *mc)
{
    const struct mock_endpoint *ep = mc->endpoint;
    const struct mock_answer *a = &mc->rule.answer;
    bool is_stream = ep && ep->next && (ep->is_stream || mc->req.is_stream) && !a->body.len &&
                     (ep->is_stream || !mc->rule.fault.is_json_for_stream);
    str digits = mc->say.digits;

    if (a->body.len) {
        (void)buf_append(&mc->play.body, a->body); // bounded by its script
        start_play(mc, 200, a->content_type.len ? a->content_type : json_type);
        return;
    }
    if (!ep) {
        play_echo(mc);
        return;
    }
    mock_say_init(&mc->say, &mc->req, &mc->rule, arena_of(mc));
    mc->say.digits = digits;
    mc->say.created = (uint64_t)(clock_wall() / 1000000);
    if (mc->tail.len) mc->say.model = mc->tail;
    if (ep->has_no_words) mc->say.completion_tokens = 0;
    if (ep->has_usage) mc->play.cost = &mc->say;
    if (is_grpc(mc)) {
        mc->play.grpc = &mc->grpc;
        if (!mc->rule.fault.has_no_done) mc->play.trailers = mc->dialect->trailers;
    }
    if (is_stream) {
        mc->play.say = &mc->say;
        mc->play.endpoint = ep;
        start_play(mc, 200, mc->play.grpc ? grpc_type : STR("text/event-stream; charset=utf-8"));
        return;
    }
    if (write_whole(mc)) {
        struct mock_problem problem = {.status = 400,
                                       .message = STR("The answer would be too large.")};
        mc->play.cost = NULL;
        mc->play.trailers = STR("");
        play_problem(mc, problem);
        return;
    }
    start_play(mc, 200, mc->play.grpc ? grpc_type : json_type);
}

// Whether the method is the endpoint's.
static bool check_method(struct mock_call *mc, struct mock_problem *problem)
{
    str method = mc->call->head.method;
    bool is_get = str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));

    if (mc->endpoint->is_get ? is_get : str_eq(method, STR("POST"))) return true;
    *problem = (struct mock_problem){.status = 405, .code = STR("method_not_supported")};
    problem->message = arena_format(arena_of(mc), "Not allowed to %" STR_FMT " on %" STR_FMT ".",
                                    STR_ARG(method), STR_ARG(mc->path));
    return false;
}

// What came of reading the body, for people.
struct reading {
    err error;
    str param;
};

static struct reading read_request(struct mock_call *mc)
{
    struct reading r = {.error = OK};

    if (!mc->endpoint || mc->endpoint->is_get) return r;
    mc->json = buf_view(&mc->body);
    if (is_grpc(mc)) mc->json = mock_grpc_read(&mc->grpc, mc->json, arena_of(mc));
    if (is_grpc(mc) && mc->grpc.refusal.code) return r;
    r.error = (mc->endpoint->read ? mc->endpoint->read : mock_request_read)(mc->json, arena_of(mc),
                                                                            &mc->req, &r.param);
    // A stream outlives the body.
    mc->req.model = arena_str(arena_of(mc), mc->req.model);
    mc->req.tool_name = arena_str(arena_of(mc), mc->req.tool_name);
    return r;
}

static bool check_reading(struct mock_call *mc, struct reading r, struct mock_problem *problem)
{
    *problem = (struct mock_problem){.status = 400, .param = r.param};
    if (r.error && r.param.len) {
        problem->message = arena_format(arena_of(mc), "Invalid value for '%" STR_FMT "': %s.",
                                        STR_ARG(r.param), err_text(r.error));
        problem->code = STR("invalid_value");
    } else if (r.error) {
        problem->message = STR("We could not parse the JSON body of your request.");
    } else if (!mc->req.model.len && !mc->endpoint->has_no_model) {
        problem->message = STR("you must provide a model parameter");
    } else if (!mc->req.has_input) {
        problem->message = STR("Missing required parameter: messages, prompt or input.");
        problem->code = STR("missing_required_parameter");
    } else {
        return true;
    }
    return false;
}

// The vendor's own checks come first, as their words are the better ones.
static bool check_request(struct mock_call *mc, struct reading r, struct mock_problem *problem)
{
    const struct mock_endpoint *ep = mc->endpoint;
    struct mock_asked asked = {.body = mc->json,
                               .unknown = STR(""),
                               .head = &mc->call->head,
                               .is_strict = mc->rule.error.is_strict};

    if (!ep) return true;
    if (!check_method(mc, problem)) return false;
    if (ep->is_get) return true;
    if (is_grpc(mc) && asked.is_strict) asked.unknown = mock_grpc_unknown(&mc->grpc, arena_of(mc));
    if (ep->check && !ep->check(&asked, arena_of(mc), problem)) return false;
    return check_reading(mc, r, problem);
}

// Digits that look random, and are the same for the same seed and the same turn.
static void make_ids(struct mock_call *mc)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = random_u64(&mc->play.random);
    char *out = arena_alloc_raw(arena_of(mc), MOCK_SAY_ID_DIGITS);

    for (int i = 0; i < MOCK_SAY_ID_DIGITS; i++) {
        out[i] = digits[(bits >> (4 * i)) & 15];
    }
    mc->say.digits = (str){.ptr = out, .len = MOCK_SAY_ID_DIGITS};
    mc->request_id = arena_format(arena_of(mc), "req_%" STR_FMT "%" STR_FMT,
                                  STR_ARG(mc->say.digits), STR_ARG(mc->say.digits));
}

// Chance comes from the request's number, or from what it names in x-mock-key, so that the same
// request has the same fate whatever came in between.
static void seed(struct mock_call *mc)
{
    const struct h1_field *key = h1_field_find(&mc->call->head, STR("x-mock-key"));
    uint64_t mix = mc->play.entry->id;

    for (size_t i = 0; key && i < key->value.len; i++) {
        mix = random_mix((i ? mix : 0) + (unsigned char)key->value.ptr[i]);
    }
    random_init(&mc->play.random, random_mix(mc->mock->options.seed) ^ mix);
}

static bool find_rule(struct mock_call *mc)
{
    struct mock *m = mc->mock;
    struct mock_entry *entry = mc->play.entry;
    struct mock_subject subject = {
        .model = mc->req.model, .path = mc->path, .content = mc->req.text, .head = &mc->call->head};

    for (size_t i = 0; i < m->options.rule_count; i++) {
        struct mock_rule *r = &m->options.rules[i];
        if (!mock_rule_matches(r, &subject, &mc->play.random)) continue;
        mc->rule = *r;
        entry->rule = arena_format(&entry->arena, "%llu", (unsigned long long)(i + 1));
        return true;
    }
    return false;
}

// What the header x-mock asks for, in the words of a model's name. What it says wrong is ignored:
// it may be meant for another one.
static void apply_header(struct mock_call *mc)
{
    const struct h1_field *field = h1_field_find(&mc->call->head, STR("x-mock"));

    if (!field) return;
    str name = arena_format(arena_of(mc), "mock-%" STR_FMT, STR_ARG(field->value));
    (void)mock_name_apply(name, arena_of(mc), &mc->rule);
}

// The script's rule, on top of it what the model's name asks for, and then the header.
static bool choose_rule(struct mock_call *mc, struct mock_problem *problem)
{
    bool has_rule = find_rule(mc);
    err e = mock_name_apply(mc->req.model, arena_of(mc), &mc->rule);

    apply_header(mc);
    if (!e || has_rule) return true;
    *problem = (struct mock_problem){.status = 404, .code = STR("model_not_found")};
    problem->message =
        arena_format(arena_of(mc), "The model `%" STR_FMT "` does not exist%s.",
                     STR_ARG(mc->req.model), e == ERR_RANGE ? ": its number is out of range" : "");
    return false;
}

// What is no call of gRPC, by the protocol's own rules.
static void play_refusal(struct mock_call *mc)
{
    if (mc->grpc.http == 200) {
        play_status(mc, mc->grpc.refusal);
        return;
    }
    (void)buf_append(&mc->play.body, mc->grpc.refusal.message); // a short text
    start_play(mc, mc->grpc.http, STR("text/plain"));
}

static void answer(struct mock_call *mc)
{
    struct mock_problem bad_request;
    struct mock_problem bad_model;

    seed(mc);
    make_ids(mc);
    struct reading reading = read_request(mc);
    if (is_grpc(mc) && mc->grpc.refusal.code) {
        play_refusal(mc);
        return;
    }
    bool has_model = choose_rule(mc, &bad_model);
    bool is_good = check_request(mc, reading, &bad_request);
    if (mc->rule.error.status) {
        play_error(mc);
    } else if (!is_good) {
        play_problem(mc, bad_request);
    } else if (!has_model) {
        play_problem(mc, bad_model);
    } else {
        play_answer(mc);
    }
}

static void refuse(struct mock_call *mc, unsigned status, str message)
{
    struct mock_problem problem = {.status = status, .message = message};

    seed(mc);
    make_ids(mc);
    play_problem(mc, problem);
}

static void read_body(struct mock_call *mc)
{
    str piece = STR("");
    err e = OK;

    while ((e = server_call_next(mc->call, &piece)) == OK) {
        mock_log_body(mc->play.entry, piece);
        if (mc->endpoint && buf_append(&mc->body, piece)) {
            refuse(mc, 413, STR("The request is too large for the mock."));
            return;
        }
    }
    if (e == ERR_EOF) {
        answer(mc);
    } else if (e == ERR_SYNTAX || e == ERR_LIMIT) {
        refuse(mc, 400, STR("The framing of the body is broken."));
    }
}

static struct mock_call *call_of(struct server_call_user *user)
{
    return container_of(user, struct mock_call, user);
}

static void on_body(struct server_call_user *user)
{
    if (!call_of(user)->is_playing) read_body(call_of(user));
}

static void on_drained(struct server_call_user *user)
{
    mock_play_drained(&call_of(user)->play);
}

static void on_gone(struct server_call_user *user, err why)
{
    struct mock_call *mc = call_of(user);

    (void)why;
    buf_done(&mc->body);
    mock_play_stop(&mc->play, MOCK_ENDED_CLIENT_CLOSED);
}

static const struct server_call_events events = {on_body, on_drained, on_gone};

void mock_call_start(struct mock *m, struct server_call *call)
{
    struct uri target;

    if (uri_parse_target(call->head.target, &target)) target = (struct uri){.path = STR("/")};
    if (mock_admin_answer(m, call, &target)) return;
    struct mock_call *mc = arena_new(&call->arena, struct mock_call);
    mc->user.events = &events;
    mc->mock = m;
    mc->call = call;
    mc->path = target.path;
    bool has_version = mock_dialect_has_version(&call->head);
    mc->endpoint = mock_dialect_find(target.path, has_version, &mc->tail);
    mc->dialect = mock_dialect_of(mc->endpoint, has_version);
    if (grpc_head_is_grpc(&call->head)) mc->dialect = &mock_sluice;
    if (is_grpc(mc))
        mock_grpc_begin(&m->grpc, &call->head, mc->endpoint ? target.path : STR(""), &mc->grpc);
    mc->rule = m->options.base;
    mc->play = (struct mock_play){
        .call = call, .loop = m->loop, .log = &m->log, .scratch = &m->scratch, .rule = &mc->rule};
    mc->play.entry = mock_log_begin(&m->log, &call->head, m->loop->now_us);
    mc->play.entry->peer = server_call_peer(call);
    buf_init(&mc->body, MOCK_CALL_BODY_MAX);
    buf_init(&mc->play.body, ANSWER_MAX);
    call->user = &mc->user;
    // A client that streams may wait for an answer before it ends its request.
    if (is_grpc(mc) && mc->grpc.refusal.code) {
        answer(mc);
    } else {
        read_body(mc);
    }
}
