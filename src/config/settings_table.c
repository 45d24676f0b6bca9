#include "config/settings_table.h"

#include "config/settings.h"
#include "config/value.h"

#include <stddef.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define SECOND UINT64_C(1000)
#define MINUTE (SECOND * 60)
#define HOUR (MINUTE * 60)

#define FIELD(type_, struct_, member, key_)                                                        \
    .key = STR_INIT(key_), .type = SETTINGS_##type_, .offset = offsetof(struct struct_, member)
#define BOUNDS(min_, max_) .min = (min_), .max = (max_)
#define SECTION(variable, struct_)                                                                 \
    static const struct settings_section variable = {                                              \
        .size = sizeof(struct struct_),                                                            \
        .fields = variable##_fields,                                                               \
        .field_count = sizeof(variable##_fields) / sizeof(*variable##_fields),                     \
    }

static const struct settings_field listen_fields[] = {
    {FIELD(ADDRESS, settings_listen, address, "address"), .fallback = "127.0.0.1:8080",
     .needs_restart = true,
     .sentence =
         "Where clients connect. Loopback by default: opening it to a network is a decision."},
    {FIELD(COUNT, settings_listen, workers, "workers"), .fallback = "0", BOUNDS(1, 256),
     .zero = "one a core", .needs_restart = true, .sentence = "Worker loops."},
};
SECTION(listen, settings_listen);

static const struct settings_field admin_fields[] = {
    {FIELD(ADDRESS, settings_admin, address, "address"), .fallback = "127.0.0.1:8081",
     .needs_restart = true,
     .sentence = "Where health, metrics and the console are served. Keep it off public networks."},
};
SECTION(admin, settings_admin);

static const struct settings_field limits_fields[] = {
    {FIELD(SIZE, settings_limits, head_bytes, "head_bytes"), .fallback = "32KiB", BOUNDS(KIB, MIB),
     .sentence =
         "Head of a request or of a provider's response: first line and header fields. 32 KiB is "
         "what common proxies take."},
    {FIELD(COUNT, settings_limits, head_fields, "head_fields"), .fallback = "100", BOUNDS(8, 256),
     .sentence = "Header fields of one head."},
    {FIELD(SIZE, settings_limits, body_bytes, "body_bytes"), .fallback = "32MiB", BOUNDS(KIB, GIB),
     .sentence =
         "Request body that is buffered, such as the JSON of a chat; room for images inside it."},
    {FIELD(SIZE, settings_limits, upload_bytes, "upload_bytes"), .fallback = "1GiB",
     BOUNDS(KIB, 1024 * GIB),
     .sentence = "Request body that is streamed through without buffering, such as a file."},
    {FIELD(SIZE, settings_limits, event_bytes, "event_bytes"), .fallback = "1MiB",
     BOUNDS(KIB, 64 * MIB), .sentence = "One event of a provider's stream."},
    {FIELD(COUNT, settings_limits, connections, "connections"), .fallback = "16384",
     BOUNDS(1, 1'000'000),
     .sentence = "Open client connections, of all workers together. Each takes a file descriptor."},
    {FIELD(COUNT, settings_limits, streams, "streams"), .fallback = "8192", BOUNDS(1, 1'000'000),
     .sentence = "Requests in flight, of all workers together."},
    {FIELD(DURATION, settings_limits, header_ms, "header_timeout"), .fallback = "10s",
     BOUNDS(100, HOUR),
     .sentence = "For the whole head of a request to arrive; slow senders are cut off."},
    {FIELD(DURATION, settings_limits, idle_ms, "idle_timeout"), .fallback = "75s",
     BOUNDS(SECOND, 24 * HOUR),
     .sentence = "How long a client's connection is kept between requests. Above the 60s of common "
                 "load balancers, so that they close first."},
    {FIELD(DURATION, settings_limits, body_ms, "body_timeout"), .fallback = "30s",
     BOUNDS(100, HOUR), .sentence = "Longest gap between two pieces of a request's body."},
    {FIELD(DURATION, settings_limits, receive_ms, "receive_timeout"), .fallback = "10m",
     BOUNDS(1000, 24 * 3'600'000),
     .sentence = "For the whole of a buffered body to arrive, however steadily it drips."},
    {FIELD(DURATION, settings_limits, write_ms, "write_timeout"), .fallback = "30s",
     BOUNDS(100, HOUR),
     .sentence = "How long a client may take nothing while there is something to send."},
    {FIELD(DURATION, settings_limits, keepalive_comment_ms, "comment_interval"), .fallback = "15s",
     BOUNDS(SECOND, HOUR), .zero = "none",
     .sentence = "An event stream without events sends a comment this often, so that proxies and "
                 "clients in between do not give up."},
    {FIELD(COUNT, settings_limits, upstream_idle_connections, "upstream_idle_connections"),
     .fallback = "64", BOUNDS(1, 65'536), .zero = "none is kept",
     .sentence = "Idle connections kept to one provider by one worker."},
    {FIELD(DURATION, settings_limits, upstream_idle_ms, "upstream_idle_timeout"), .fallback = "50s",
     BOUNDS(SECOND, HOUR),
     .sentence = "How long such a connection is kept. Below the 60s of common load balancers, so "
                 "that they do not close one just as it is used."},
};
SECTION(limits, settings_limits);

static const struct settings_field drains_fields[] = {
    {FIELD(DURATION, settings_drains, grace_ms, "grace"), .fallback = "30s", BOUNDS(100, 24 * HOUR),
     .zero = "no wait",
     .sentence = "How long requests in flight may go on after a shutdown was asked for. Give the "
                 "service manager a little more than this before it kills."},
};
SECTION(drains, settings_drains);

static const struct settings_field access_log_fields[] = {
    {FIELD(TEXT, settings_access_log, path, "path"), .fallback = "stdout", BOUNDS(1, 4095),
     .needs_restart = true,
     .sentence = "`stdout`, `stderr`, `off` or the path of a file to append to."},
};
SECTION(access_log, settings_access_log);

static const struct settings_field telemetry_fields[] = {
    {FIELD(SECTION, settings_telemetry, access_log, "access_log"), .section = &access_log,
     .sentence = "One line a request."},
};
SECTION(telemetry, settings_telemetry);

static const str dialects[] = {STR_INIT("openai"), STR_INIT("")};

static const struct settings_field provider_fields[] = {
    {FIELD(NAME, settings_provider, name, "name"), BOUNDS(1, 64), .is_required = true,
     .is_unique = true, .sentence = "What targets, metrics and logs call it."},
    {FIELD(CHOICE, settings_provider, dialect, "dialect"), .fallback = "openai",
     .choices = dialects, .sentence = "The API it speaks."},
    {FIELD(URL, settings_provider, base_url, "base_url"),
     .second = offsetof(struct settings_provider, url), BOUNDS(1, 2048), .is_required = true,
     .sentence = "Where its API begins, as its SDK wants it: `https://api.openai.com/v1`."},
    {FIELD(SECRET, settings_provider, api_key, "api_key"), BOUNDS(1, 8192),
     .sentence = "The key sent to it; none if absent. Take it from the environment: "
                 "`\"${OPENAI_API_KEY}\"`."},
    {FIELD(SWITCH, settings_provider, tls_verify, "tls_verify"), .fallback = "true",
     .sentence = "Whether its certificate must be valid. Turn it off for tests only."},
    {FIELD(TEXT, settings_provider, ca_file, "ca_file"), BOUNDS(1, 4095),
     .sentence =
         "PEM file of the authorities that may sign its certificate; the system's if absent."},
};
SECTION(provider, settings_provider);

static const struct settings_field target_fields[] = {
    {FIELD(PROVIDER, settings_target, provider, "provider"), BOUNDS(1, 64), .is_required = true,
     .sentence = "Name of a provider above."},
    {FIELD(TEXT, settings_target, model, "model"), BOUNDS(1, 256),
     .sentence = "What the provider calls the model; the name the client asked for if absent."},
    {FIELD(COUNT, settings_target, weight, "weight"), .fallback = "1", BOUNDS(1, 1'000'000),
     .zero = "never chosen", .sentence = "Its share of the requests, relative to its siblings."},
};
SECTION(target, settings_target);

static const struct settings_field timeouts_fields[] = {
    {FIELD(DURATION, settings_timeouts, total_ms, "total"), .fallback = "600s",
     BOUNDS(10, 24 * HOUR),
     .sentence = "The whole request, retries included. 600s is what the OpenAI SDKs wait."},
    {FIELD(DURATION, settings_timeouts, connect_ms, "connect"), .fallback = "2s", BOUNDS(10, HOUR),
     .sentence = "Opening a connection to the provider, TLS included."},
    {FIELD(DURATION, settings_timeouts, first_token_ms, "first_token"), .fallback = "60s",
     BOUNDS(10, 24 * HOUR),
     .sentence = "From the request to the first token; raise it for models that think for long."},
    {FIELD(DURATION, settings_timeouts, between_tokens_ms, "between_tokens"), .fallback = "30s",
     BOUNDS(10, 24 * HOUR),
     .sentence = "Longest silence inside a stream; past it the stream counts as stalled."},
};
SECTION(timeouts, settings_timeouts);

static const struct settings_field model_fields[] = {
    {FIELD(TEXT, settings_model, name, "name"), BOUNDS(1, 256), .is_required = true,
     .is_unique = true, .sentence = "What clients ask for; `\"*\"` stands for any other name."},
    {FIELD(LIST, settings_model, targets, "targets"),
     .second = offsetof(struct settings_model, target_count), .section = &target, BOUNDS(1, 64),
     .is_required = true, .sentence = "Who may answer."},
    {FIELD(SECTION, settings_model, timeouts, "timeouts"), .section = &timeouts,
     .sentence =
         "How long it may take. Each is a bound of its own; the earliest ends the request."},
};
SECTION(model, settings_model);

static const struct settings_field root_fields[] = {
    {FIELD(SECTION, settings, listen, "listen"), .section = &listen, .sentence = "The data plane."},
    {FIELD(SECTION, settings, admin, "admin"), .section = &admin, .sentence = "The admin plane."},
    {FIELD(SECTION, settings, limits, "limits"), .section = &limits,
     .sentence = "Bounds on what clients and providers may ask of the process."},
    {FIELD(SECTION, settings, drains, "drains"), .section = &drains,
     .sentence = "Orderly shutdown."},
    {FIELD(SECTION, settings, telemetry, "telemetry"), .section = &telemetry,
     .sentence = "What the process tells about its work."},
    {FIELD(LIST, settings, providers, "providers"),
     .second = offsetof(struct settings, provider_count), .section = &provider, BOUNDS(0, 256),
     .sentence = "Services that serve models."},
    // Behind the providers, because its targets name them.
    {FIELD(LIST, settings, models, "models"), .second = offsetof(struct settings, model_count),
     .section = &model, BOUNDS(0, 4096),
     .sentence = "Names that clients ask for, and who answers."},
};

const struct settings_section settings_table = {
    .size = sizeof(struct settings),
    .fields = root_fields,
    .field_count = sizeof(root_fields) / sizeof(*root_fields),
};

err settings_table_print_number(struct buf *out, enum settings_type type, uint64_t value)
{
    if (type == SETTINGS_SIZE) return value_print_size(out, value);
    if (type == SETTINGS_DURATION) return value_print_duration(out, value);
    return buf_append_u64(out, value);
}

err settings_table_print_bounds(struct buf *out, const struct settings_field *f)
{
    TRY(settings_table_print_number(out, f->type, f->min));
    TRY(buf_append(out, STR(" to ")));
    TRY(settings_table_print_number(out, f->type, f->max));
    if (!f->zero) return OK;
    return buf_append_format(out, "; 0: %s", f->zero);
}
