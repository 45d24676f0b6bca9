// embed_service: the embeddings API that a command line names, opened.
//
// Its options are --url, --model and --api-key-env; a key never stands on a command line.
#pragma once

#include "cli/command.h"
#include "gateway/embed_upstream.h"

enum { EMBED_SERVICE_OPTIONS = 4 };

struct embed_service {
    str url, model, key_env, ca_file; // where the options go
    struct offload offload;
    struct embed_upstream *upstream;
};

// Writes EMBED_SERVICE_OPTIONS rows of a command's table.
void embed_service_options(struct embed_service *s, struct option *table);

// Opens it or says why not; returns the exit code. Close it where that is COMMAND_GOOD.
int embed_service_open(struct embed_service *s);
void embed_service_close(struct embed_service *s);
