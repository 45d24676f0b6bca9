// settings: the configuration, as one immutable snapshot.
//
// Made from a YAML text and the environment, checked whole, then never changed: any thread may
// read one it holds a reference to, and the last unref frees it. Texts in it are NUL-terminated
// behind their end, for the sake of C interfaces. Durations are milliseconds (`_ms`), sizes bytes.
// Keys, types, defaults, bounds and documentation come from settings_table.c.
#pragma once

#include "base/diag.h"
#include "base/err.h"

// An environment is a NULL-terminated array of "NAME=value", such as
// (const char *const *)environ. It is read while a snapshot is made, and not kept.

// Paths of files are absolute, or relative to where the process was started; a relative one in a
// file counts from that file's folder. The place of one is where it was written.

struct settings_certificate {
    str certificate; // path
    struct diag_place certificate_place;
    str key; // path
    struct diag_place key_place;
};

struct settings_tls {
    bool is_given; // else there is none, and the rest is empty
    struct settings_certificate *certificates;
    size_t certificate_count; // at least 1
    str client_ca;            // path; empty: nobody is asked
    struct diag_place client_ca_place;
    str client_auth; // "none", "optional" or "required"
    str min_version; // "1.2" or "1.3"
    str plaintext;   // "refuse" or "allow"
};

struct settings_listen {
    str address;      // "host:port", "[::1]:port" or ":port"; port 0 lets the system choose
    uint32_t workers; // 0: one a core
    struct settings_tls tls;
};

struct settings_admin {
    str address;
};

struct settings_limits {
    uint64_t head_bytes;
    uint32_t head_fields;
    uint64_t body_bytes;   // of a body that is buffered
    uint64_t upload_bytes; // of a body that is streamed through
    uint64_t event_bytes;
    uint32_t connections;
    uint32_t streams;             // requests in flight
    int64_t header_ms;            // for the whole head to arrive
    int64_t idle_ms;              // between requests of a connection
    int64_t body_ms;              // between two pieces of a request's body
    int64_t receive_ms;           // for the whole of a body that is buffered
    int64_t write_ms;             // while the client takes nothing
    int64_t keepalive_comment_ms; // 0: none
    uint32_t upstream_idle_connections;
    int64_t upstream_idle_ms;
};

struct settings_drains {
    int64_t grace_ms;
};

struct settings_access_log {
    str path; // "stdout", "stderr", "off" or a file
};

struct settings_telemetry {
    struct settings_access_log access_log;
};

// A base URL taken apart.
struct settings_url {
    bool is_tls;
    str host; // without the brackets of an IPv6 address
    uint16_t port;
    str path_prefix; // begins with a slash and does not end with one; or empty
};

// One of several keys of a provider.
struct settings_key {
    str name;
    str key; // secret
};

struct settings_rate {
    uint32_t per_minute; // 0: no limit
    uint32_t burst;
};

// One text of a list.
struct settings_item {
    str text;
    struct diag_place place;
};

struct settings_provider {
    str name;
    str dialect; // "openai", "anthropic" or "sluice"
    str base_url;
    struct settings_url url;
    str api_key; // secret; empty: none is sent, unless `api_keys` has some
    struct settings_key *api_keys;
    size_t api_key_count;
    struct settings_rate rate; // of each key
    str http;                  // "auto", "1.1" or "2"
    str usage;                 // "as_asked" or "always"
    bool tls_verify;
    str ca_file; // path; empty: the system's certificates
    struct diag_place ca_file_place;
    // Of gRPC services.
    str descriptor_set; // path
    struct diag_place descriptor_set_place;
    str descriptors;                // what the file holds: for whoever reads files to fill in
    struct settings_item *services; // full names
    size_t service_count;           // 0: all of the set
    int64_t timeout_ms;             // of a call; 0: no bound
};

struct settings_timeouts {
    int64_t total_ms;
    int64_t connect_ms;
    int64_t first_token_ms;
    int64_t between_tokens_ms;
};

// Who may answer, and what it can do.
struct settings_target {
    uint32_t provider; // index into settings.providers
    str model;         // empty: the name the client asked for
    uint32_t weight;   // a fallback has none
    uint32_t context;  // tokens; 0: not known
    bool tools;
    bool images;
    str prefill; // "none", "plain", "prefix" or "vllm"
};

struct settings_retry {
    uint32_t attempts;  // of one target, the first included
    uint32_t budget_bp; // of the requests of the last seconds, in basis points
    uint32_t floor;     // so many in 10 s whatever the share
    int64_t wait_ms;    // the longest wait for a target before another one is asked
};

struct settings_span {
    int64_t from_ms;
    int64_t to_ms;
};

struct settings_breaker {
    int64_t window_ms;
    uint32_t samples;
    int64_t look_ms;
    int64_t latency_floor_ms; // of the first token
    int64_t gap_floor_ms;     // between tokens
    uint32_t latency_factor;  // in thousandths
    uint32_t error_base_bp;
    uint32_t error_band_bp;
    uint32_t trip_after; // looks; 0: never
    struct settings_span open;
    int64_t ramp_ms;
};

struct settings_concurrency {
    uint32_t min;
    uint32_t max; // 0: no limit
};

struct settings_model {
    str name; // with a "*" at its end: any name that begins so
    struct settings_target *targets;
    size_t target_count;              // at least 1
    struct settings_target *fallback; // asked in this order when no target can answer
    size_t fallback_count;
    str balance; // "weighted" or "least_load"
    struct settings_timeouts timeouts;
    struct settings_retry retry;
    struct settings_breaker breaker;
    struct settings_concurrency concurrency;
    str recovery; // "continue" or "error"
};

// Something that higher floors made of the settings, and that lives as long.
struct settings_attachment {
    void (*free)(struct settings_attachment *a);
};

struct settings {
    struct settings_listen listen;
    struct settings_admin admin;
    struct settings_limits limits;
    struct settings_drains drains;
    struct settings_telemetry telemetry;
    struct settings_provider *providers;
    size_t provider_count;
    struct settings_model *models;
    size_t model_count;
    struct settings_attachment *attachment; // set before the snapshot is shared; NULL: none

    // Private.
    struct settings_model **by_name;  // the models, sorted
    struct settings_model **patterns; // those with a "*" at their end, the longest name first
    size_t pattern_count;
    struct arena arena;
    _Atomic uint32_t references;
};

// Makes a snapshot with one reference. ERR_SYNTAX for a text that is not a valid configuration,
// ERR_LIMIT for one past the bounds of yaml.h; the diag then has every finding. Values from the
// environment never appear in findings.
err settings_parse(str text, const char *const *environment, struct diag *d, struct settings **out);
// The same of a text from a file in `folder`.
err settings_parse_in(str folder, str text, const char *const *environment, struct diag *d,
                      struct settings **out);

// What rules without a file: the defaults and the providers that the environment tells of. With
// OPENAI_API_KEY set, provider "openai" serves any model name; with ANTHROPIC_API_KEY, "anthropic"
// does, or those that begin with "claude" where both are set. Fails like settings_parse().
err settings_default(const char *const *environment, struct diag *d, struct settings **out);

struct settings *settings_ref(struct settings *s);
// Takes NULL.
void settings_unref(struct settings *s);

// The model of that name, else the one with the longest pattern that fits, else NULL. Valid as long
// as `s`.
const struct settings_model *settings_find_model(const struct settings *s, str name);
// Whether its name is a pattern, such as "gpt-*" or "*".
bool settings_is_pattern(const struct settings_model *m);

// Whether keys differ that only a restart applies; appends their names to `keys`, such as
// "listen.address, listen.workers".
bool settings_needs_restart(const struct settings *old, const struct settings *new,
                            struct buf *keys);
