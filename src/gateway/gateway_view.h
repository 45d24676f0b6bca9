// gateway_view: what a loop makes of the settings: origins with their connections, and the ways to
// an answer with their cells.
//
// Made whole by a reload, then unchanged; an exchange keeps the one it began with. One that is no
// longer current goes when its last exchange has ended and its connections are closed.
#pragma once

#include "config/settings.h"
#include "gateway/cells.h"
#include "gateway/services.h"
#include "http/client.h"
#include "provider/dialect.h"

struct gateway;

// One provider as this loop reaches it.
struct gateway_origin {
    struct client_origin origin;
    const struct settings_provider *provider;
    const struct dialect *dialect; // NULL for gRPC services, which are no models
    str path_prefix;               // of the dialect's paths: base URL and version
    str *head_fields;              // one a key: "host: ...\r\n", and the credential if there is one
    str *key_names;
    size_t key_count; // at least 1
    size_t turn;      // of gRPC services: the key that is used next
    bool has_credential;
    bool counts_usage; // streams are asked to report it
};

// One way to an answer, but for the key.
struct gateway_target {
    const struct settings_target *settings;
    struct gateway_origin *origin;
    struct cell **cells; // one a key; NULL where the client names the model
};

struct gateway_model {
    const struct settings_model *settings;
    struct gateway_target *targets;  // as in the settings
    struct gateway_target *fallback; // likewise
    struct cell_options *options;    // one a provider: of cells to be made
};

struct gateway_view {
    struct link link; // in gateway->views
    struct gateway *gateway;
    struct timer retire;
    struct settings *settings;
    struct gateway_origin *origins; // one a provider
    struct gateway_model *models;   // one a model
    struct services services;
    struct arena arena;
    uint32_t exchange_count;
};

// A view of `settings`, of which it keeps a reference; ERR_CERTIFICATE and others of
// tls_client_open().
err gateway_view_new(struct gateway *g, struct settings *settings, struct gateway_view **out);
// Closes its connections and frees it, at once or when they are closed.
void gateway_view_retire(struct gateway_view *v);
// The same, turning the loop until it is done: for the end.
void gateway_view_end(struct gateway_view *v);

// That new requests begin with.
struct gateway_view *gateway_view_current(struct gateway *g);
struct gateway_view *gateway_view_take(struct gateway *g);
void gateway_view_give(struct gateway *g, struct gateway_view *v);

// The model of that name, else "*", else NULL.
const struct gateway_model *gateway_view_find_model(const struct gateway_view *v, str name);
