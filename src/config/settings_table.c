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

static const str client_auths[] = {STR_INIT("none"), STR_INIT("optional"), STR_INIT("required"),
                                   STR_INIT("")};
static const str tls_versions[] = {STR_INIT("1.2"), STR_INIT("1.3"), STR_INIT("")};
static const str plaintexts[] = {STR_INIT("refuse"), STR_INIT("allow"), STR_INIT("")};

static const struct settings_field certificate_fields[] = {
    {FIELD(FILE, settings_certificate, certificate, "certificate"),
     .second = offsetof(struct settings_certificate, certificate_place), BOUNDS(1, 4095),
     .is_required = true,
     .sentence = "PEM file: the certificate first, then those that lead to an authority."},
    {FIELD(FILE, settings_certificate, key, "key"),
     .second = offsetof(struct settings_certificate, key_place), BOUNDS(1, 4095),
     .is_required = true,
     .sentence = "PEM file of its private key, without a passphrase. EC P-256 costs least."},
};
SECTION(certificate, settings_certificate);

static const struct settings_field tls_fields[] = {
    {FIELD(LIST, settings_tls, certificates, "certificates"),
     .second = offsetof(struct settings_tls, certificate_count), .section = &certificate,
     BOUNDS(1, 32), .is_required = true,
     .sentence = "The first is the default; a client that names a host (SNI) gets the one that is "
                 "for it. Files that change are taken over by themselves within seconds."},
    {FIELD(FILE, settings_tls, client_ca, "client_ca"),
     .second = offsetof(struct settings_tls, client_ca_place), BOUNDS(1, 4095),
     .sentence = "PEM file of the authorities that vouch for clients."},
    {FIELD(CHOICE, settings_tls, client_auth, "client_auth"), .fallback = "none",
     .choices = client_auths,
     .sentence = "Whether clients show a certificate: never asked, asked, or refused without. One "
                 "that is shown must be valid."},
    {FIELD(CHOICE, settings_tls, min_version, "min_version"), .fallback = "1.2",
     .choices = tls_versions, .sentence = "The oldest TLS that is spoken."},
    {FIELD(CHOICE, settings_tls, plaintext, "plaintext"), .fallback = "refuse",
     .choices = plaintexts,
     .sentence = "What becomes of requests without TLS on the same port: a 400 that says so, or "
                 "an answer like any other."},
};
SECTION(tls, settings_tls);

static const struct settings_field listen_fields[] = {
    {FIELD(ADDRESS, settings_listen, address, "address"), .fallback = "127.0.0.1:8080",
     .needs_restart = true,
     .sentence =
         "Where clients connect. Loopback by default: opening it to a network is a decision."},
    {FIELD(COUNT, settings_listen, workers, "workers"), .fallback = "0", BOUNDS(1, 256),
     .zero = "one a core", .needs_restart = true, .sentence = "Worker loops."},
    {FIELD(SECTION, settings_listen, tls, "tls"),
     .second = offsetof(struct settings_listen, tls.is_given), .section = &tls, .is_optional = true,
     .sentence = "TLS towards clients. Absent: plain HTTP."},
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
    {FIELD(SIZE, settings_limits, body_bytes, "body_bytes"), .fallback = "64MiB", BOUNDS(KIB, GIB),
     .sentence =
         "Request body that is buffered, such as the JSON of a chat; room for images inside it: "
         "OpenAI takes requests of 50 MB."},
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
     .fallback = "512", BOUNDS(1, 65'536), .zero = "none is kept",
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

static const str dialects[] = {STR_INIT("openai"), STR_INIT("anthropic"), STR_INIT("sluice"),
                               STR_INIT("grpc"), STR_INIT("")};
static const str versions[] = {STR_INIT("auto"), STR_INIT("1.1"), STR_INIT("2"), STR_INIT("")};
static const str usages[] = {STR_INIT("as_asked"), STR_INIT("always"), STR_INIT("")};
static const str prefills[] = {STR_INIT("none"), STR_INIT("plain"), STR_INIT("prefix"),
                               STR_INIT("vllm"), STR_INIT("")};
static const str balances[] = {STR_INIT("weighted"), STR_INIT("least_load"), STR_INIT("")};
static const str recoveries[] = {STR_INIT("continue"), STR_INIT("error"), STR_INIT("")};

static const struct settings_field key_fields[] = {
    {FIELD(NAME, settings_key, name, "name"), BOUNDS(1, 64), .is_required = true, .is_unique = true,
     .sentence = "What logs and metrics call it."},
    {FIELD(SECRET, settings_key, key, "key"), BOUNDS(1, 8192), .is_required = true,
     .sentence = "The key itself, from the environment."},
};
SECTION(key, settings_key);

static const struct settings_field rate_fields[] = {
    {FIELD(COUNT, settings_rate, per_minute, "per_minute"), .fallback = "0", BOUNDS(1, 6'000'000),
     .zero = "no limit", .sentence = "Requests a minute, of all workers together."},
    {FIELD(COUNT, settings_rate, burst, "burst"), .fallback = "10", BOUNDS(1, 1'000'000),
     .sentence = "Requests at once after a rest."},
};
SECTION(rate, settings_rate);

static const struct settings_field provider_fields[] = {
    {FIELD(NAME, settings_provider, name, "name"), BOUNDS(1, 64), .is_required = true,
     .is_unique = true, .sentence = "What targets, metrics and logs call it."},
    {FIELD(CHOICE, settings_provider, dialect, "dialect"), .fallback = "openai",
     .choices = dialects,
     .sentence = "The API it speaks. Requests of clients that speak another one are translated. "
                 "`sluice` is another gateway like this, over gRPC. "
                 "`grpc`: no models, but the services of its descriptor set."},
    {FIELD(URL, settings_provider, base_url, "base_url"),
     .second = offsetof(struct settings_provider, url), BOUNDS(1, 2048), .is_required = true,
     .sentence = "Where its API begins, as its SDK wants it: `https://api.openai.com/v1`; of "
                 "`sluice` the server: `http://10.0.0.2:8080`."},
    {FIELD(SECRET, settings_provider, api_key, "api_key"), BOUNDS(1, 8192),
     .sentence = "The key sent to it; none if absent. Take it from the environment: "
                 "`\"${OPENAI_API_KEY}\"`."},
    {FIELD(LIST, settings_provider, api_keys, "api_keys"),
     .second = offsetof(struct settings_provider, api_key_count), .section = &key, BOUNDS(0, 64),
     .sentence = "Several keys instead of one, used in turn: each has a health and waits of its "
                 "own."},
    {FIELD(SECTION, settings_provider, rate, "rate"), .section = &rate,
     .sentence = "What the provider grants each key, where it is known: requests past it wait or "
                 "go elsewhere, instead of being refused there."},
    {FIELD(CHOICE, settings_provider, http, "http"), .fallback = "auto", .choices = versions,
     .sentence =
         "The HTTP it is spoken to in. `auto`: over https the version that it chooses, over "
         "http 1.1. `\"2\"` over http takes for granted that it understands that."},
    {FIELD(CHOICE, settings_provider, usage, "usage"), .fallback = "as_asked", .choices = usages,
     .sentence =
         "Whether streams are asked to report their tokens though the client did not ask: "
         "`always` adds `stream_options` to such requests and keeps the report from the "
         "client; `as_asked` leaves them alone, and the log marks its counts as estimates."},
    {FIELD(SWITCH, settings_provider, tls_verify, "tls_verify"), .fallback = "true",
     .sentence = "Whether its certificate must be valid. Turn it off for tests only."},
    {FIELD(FILE, settings_provider, ca_file, "ca_file"),
     .second = offsetof(struct settings_provider, ca_file_place), BOUNDS(1, 4095),
     .sentence =
         "PEM file of the authorities that may sign its certificate; the system's if absent."},
    {FIELD(FILE, settings_provider, descriptor_set, "descriptor_set"),
     .second = offsetof(struct settings_provider, descriptor_set_place), BOUNDS(1, 4095),
     .sentence = "Of `grpc`: what `protoc --include_imports --descriptor_set_out` wrote of its "
                 "services."},
    {FIELD(TEXTS, settings_provider, services, "services"),
     .second = offsetof(struct settings_provider, service_count), BOUNDS(0, 256),
     .sentence = "Of `grpc`: full names of the services that are served; all of the set if absent, "
                 "but for gRPC's own health and reflection."},
    {FIELD(DURATION, settings_provider, timeout_ms, "timeout"), .fallback = "60s",
     BOUNDS(10, 24 * HOUR), .zero = "no bound",
     .sentence = "Of `grpc`: how long a call may take at most, streams too. A client that gives "
                 "it less time (grpc-timeout) is obeyed."},
};
SECTION(provider, settings_provider);

// What a target can do: the same of a fallback.
#define CAPABILITIES                                                                               \
    {FIELD(COUNT, settings_target, context, "context"), .fallback = "0", BOUNDS(256, 100'000'000), \
     .zero = "not known", .sentence = "Tokens that fit; it is not asked what would not."},         \
        {FIELD(SWITCH, settings_target, tools, "tools"), .fallback = "true",                       \
         .sentence = "Whether it can call tools; without, it is not asked to."},                   \
        {FIELD(SWITCH, settings_target, images, "images"), .fallback = "true",                     \
         .sentence = "Whether it can see images; without, it is not shown any."},                  \
    {                                                                                              \
        FIELD(CHOICE, settings_target, prefill, "prefill"),                                        \
            .fallback = "none", .choices = prefills,                                               \
            .sentence =                                                                            \
                "How it is asked to go on with an answer that was cut: by a last message of "      \
                "the assistant as it is (`plain`), with `prefix: true` (`prefix`: Mistral, "       \
                "DeepSeek) or with vLLM's `continue_final_message` (`vllm`). `none`: it "          \
                "would begin a new answer, so the whole is asked for again."                       \
    }

static const struct settings_field target_fields[] = {
    {FIELD(PROVIDER, settings_target, provider, "provider"), BOUNDS(1, 64), .is_required = true,
     .sentence = "Name of a provider above."},
    {FIELD(TEXT, settings_target, model, "model"), BOUNDS(1, 256),
     .sentence = "What the provider calls the model; the name the client asked for if absent."},
    {FIELD(COUNT, settings_target, weight, "weight"), .fallback = "1", BOUNDS(1, 1'000'000),
     .zero = "never chosen", .sentence = "Its share of the requests, relative to its siblings."},
    CAPABILITIES,
};
SECTION(target, settings_target);

static const struct settings_field fallback_fields[] = {
    {FIELD(PROVIDER, settings_target, provider, "provider"), BOUNDS(1, 64), .is_required = true,
     .sentence = "Name of a provider above."},
    {FIELD(TEXT, settings_target, model, "model"), BOUNDS(1, 256),
     .sentence = "What the provider calls the model; the name the client asked for if absent."},
    CAPABILITIES,
};
SECTION(fallback, settings_target);

static const struct settings_field retry_fields[] = {
    {FIELD(COUNT, settings_retry, attempts, "attempts"), .fallback = "3", BOUNDS(1, 5),
     .sentence = "How often one target is asked, the first time included, before the next one is. "
                 "1: never again."},
    {FIELD(SHARE, settings_retry, budget_bp, "budget"), .fallback = "20%", BOUNDS(0, 10'000),
     .sentence = "Retries a target may be sent, as a share of its requests of the last 10s: keeps "
                 "retries from multiplying an outage."},
    {FIELD(COUNT, settings_retry, floor, "floor"), .fallback = "5", BOUNDS(0, 1000),
     .sentence = "Retries in 10s that are allowed whatever the share, so that a quiet target may "
                 "be asked again."},
    {FIELD(DURATION, settings_retry, wait_ms, "wait"), .fallback = "5s", BOUNDS(0, HOUR),
     .sentence = "Longest `retry-after`, limit or rate that is waited for where another target "
                 "could answer."},
};
SECTION(retry, settings_retry);

static const struct settings_field breaker_fields[] = {
    {FIELD(DURATION, settings_breaker, window_ms, "window"), .fallback = "30s",
     BOUNDS(SECOND, HOUR), .sentence = "Calls of this last span are judged."},
    {FIELD(COUNT, settings_breaker, samples, "samples"), .fallback = "1000", BOUNDS(10, 1000),
     .sentence = "At most so many of them, the newest."},
    {FIELD(DURATION, settings_breaker, look_ms, "look"), .fallback = "10s", BOUNDS(100, HOUR),
     .sentence = "How often they are judged."},
    {FIELD(DURATION, settings_breaker, latency_floor_ms, "latency_floor"), .fallback = "800ms",
     BOUNDS(1, HOUR),
     .sentence = "A P95 of the time to the first token below this is never too slow."},
    {FIELD(DURATION, settings_breaker, gap_floor_ms, "gap_floor"), .fallback = "200ms",
     BOUNDS(1, HOUR), .sentence = "The same for the mean time between tokens."},
    {FIELD(FACTOR, settings_breaker, latency_factor, "latency_factor"), .fallback = "1.3",
     BOUNDS(1000, 100'000),
     .sentence = "Too slow is a P95 of more than so many times that of healthy windows."},
    {FIELD(SHARE, settings_breaker, error_base_bp, "error_base"), .fallback = "3%",
     BOUNDS(0, 10'000),
     .sentence = "Too many errors are more than this share of calls, in the middle of the band."},
    {FIELD(SHARE, settings_breaker, error_band_bp, "error_band"), .fallback = "1.5%",
     BOUNDS(0, 10'000),
     .sentence = "The bar follows what healthy windows had, up and down by at most this."},
    {FIELD(COUNT, settings_breaker, trip_after, "trip_after"), .fallback = "3", BOUNDS(1, 100),
     .zero = "it never trips",
     .sentence = "Bad looks in a row that trip it. Overwhelming evidence trips it at once."},
    {FIELD(SPAN, settings_breaker, open, "open"), .fallback = "[30s, 120s]", BOUNDS(100, 24 * HOUR),
     .sentence = "How long it then stays open before one request probes: at first, and at most, "
                 "doubling with each probe that fails. After a trip on few calls a third of it."},
    {FIELD(DURATION, settings_breaker, ramp_ms, "ramp"), .fallback = "10s", BOUNDS(0, HOUR),
     .sentence = "In which the traffic returns after a good probe."},
};
SECTION(breaker, settings_breaker);

static const struct settings_field concurrency_fields[] = {
    {FIELD(COUNT, settings_concurrency, min, "min"), .fallback = "16", BOUNDS(1, 1'000'000),
     .sentence = "The limit never falls below this."},
    {FIELD(COUNT, settings_concurrency, max, "max"), .fallback = "8192", BOUNDS(1, 1'000'000),
     .zero = "no limit",
     .sentence = "Where it starts, and never rises above. Requests that wait for their first token "
                 "count; it falls when their latency rises with their number."},
};
SECTION(concurrency, settings_concurrency);

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
     .is_unique = true,
     .sentence = "What clients ask for. With a `*` at its end it stands for all names that begin "
                 "so: `\"gpt-*\"`, or `\"*\"` for any other. The longest one that fits counts."},
    {FIELD(LIST, settings_model, targets, "targets"),
     .second = offsetof(struct settings_model, target_count), .section = &target, BOUNDS(1, 64),
     .is_required = true, .sentence = "Who may answer."},
    {FIELD(LIST, settings_model, fallback, "fallback"),
     .second = offsetof(struct settings_model, fallback_count), .section = &fallback, BOUNDS(0, 16),
     .sentence = "Who answers when no target can, in this order."},
    {FIELD(CHOICE, settings_model, balance, "balance"), .fallback = "weighted", .choices = balances,
     .sentence = "How a target is chosen: by weight alone, or the less busy of two drawn by it."},
    {FIELD(SECTION, settings_model, timeouts, "timeouts"), .section = &timeouts,
     .sentence =
         "How long it may take. Each is a bound of its own; the earliest ends the request."},
    {FIELD(SECTION, settings_model, retry, "retry"), .section = &retry,
     .sentence = "When a target that failed is asked again."},
    {FIELD(SECTION, settings_model, breaker, "breaker"), .section = &breaker,
     .sentence =
         "When a target is left alone. Each model of a provider has a breaker for each key."},
    {FIELD(SECTION, settings_model, concurrency, "concurrency"), .section = &concurrency,
     .sentence = "How many requests a target may have at once, by its latency."},
    {FIELD(CHOICE, settings_model, recovery, "recovery"), .fallback = "continue",
     .choices = recoveries,
     .sentence = "What becomes of a stream that is cut within its answer: `continue` has it "
                 "finished by the same or another target where that can be done without a seam, "
                 "and reports an error where not; `error` reports at once."},
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

bool settings_table_is_number(enum settings_type type)
{
    return type == SETTINGS_COUNT || type == SETTINGS_SIZE || type == SETTINGS_DURATION ||
           type == SETTINGS_SHARE || type == SETTINGS_FACTOR;
}

err settings_table_print_number(struct buf *out, enum settings_type type, uint64_t value)
{
    if (type == SETTINGS_SHARE) {
        TRY(value_print_decimal(out, value, 2));
        return buf_append_char(out, '%');
    }
    if (type == SETTINGS_FACTOR) return value_print_decimal(out, value, 3);
    if (type == SETTINGS_SIZE) return value_print_size(out, value);
    if (type == SETTINGS_DURATION || type == SETTINGS_SPAN) return value_print_duration(out, value);
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
