#include "cli/embed_service.h"

#include <stdio.h>
#include <stdlib.h>

enum { RESOLVERS = 2, RESOLVER_QUEUE = 256, CALL_MS = 60'000, ENV_NAME_MAX = 200 };

void embed_service_options(struct embed_service *s, struct option *table)
{
    const struct option mine[EMBED_SERVICE_OPTIONS] = {
        {"url", 'u', "URL", "of an embeddings API, such as http://127.0.0.1:8080/v1", &s->url,
         NULL},
        {"model", 'm', "NAME", "the model to embed with", &s->model, NULL},
        {"api-key-env", '\0', "VARIABLE", "environment variable with the API's key", &s->key_env,
         NULL},
        {"ca-file", '\0', "FILE", "certificates to trust; default: the system's", &s->ca_file,
         NULL},
    };

    for (size_t i = 0; i < EMBED_SERVICE_OPTIONS; i++)
        table[i] = mine[i];
}

static int refuse(const struct embed_service *s, err e)
{
    const char *hint = "";

    if (e == ERR_SYNTAX) hint = " (is it an http or https URL, and the model one for embeddings?)";
    if (e == ERR_DENIED) hint = " (the model's name, or the key: --model, --api-key-env)";
    if (e == ERR_REFUSED) hint = " (does the service run? sluice serve)";
    if (e == ERR_TYPE) hint = " (the answer is not one of embeddings)";
    return command_fail(COMMAND_FAILED, "%" STR_FMT ": %s%s", STR_ARG(s->url), err_text(e), hint);
}

int embed_service_open(struct embed_service *s)
{
    char name[ENV_NAME_MAX + 1];

    if (!s->url.len || !s->model.len) {
        return command_fail(COMMAND_USAGE, "which service embeds the text? (--url and --model)");
    }
    snprintf(name, sizeof(name), "%" STR_FMT, STR_ARG(s->key_env));
    const char *key = s->key_env.len ? getenv(name) : "";
    if (!key) return command_fail(COMMAND_USAGE, "%s is not set (--api-key-env)", name);
    const struct embed_upstream_options options = {.url = s->url,
                                                   .model = s->model,
                                                   .api_key = str_from_c(key),
                                                   .ca_file = s->ca_file,
                                                   .call_ms = CALL_MS,
                                                   .offload = &s->offload};
    err e = offload_open(&s->offload, RESOLVERS, RESOLVER_QUEUE);
    if (e) return refuse(s, e);
    e = embed_upstream_open(&options, &s->upstream);
    if (e) {
        offload_close(&s->offload);
        return refuse(s, e);
    }
    return COMMAND_GOOD;
}

void embed_service_close(struct embed_service *s)
{
    embed_upstream_close(s->upstream);
    offload_close(&s->offload);
}
